"""Addresses of comments, each with its views, and the page of the post they stand on."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.comments.services import rows, threads
from myproject.comments.views import liking, permalink, waiting, write
from myproject.db import reading
from myproject.posts.routes import post_of
from myproject.posts.services.rows import PostPage
from myproject.security.permissions import Permission, permits
from myproject.web.request import Request


def comment_of(request: Request) -> rows.CommentRow:
    """The context of `/comments/CID/...`: the comment, where the visitor may see its post. Raises
    HTTPNotFound.
    """
    with reading(request) as db:
        comment = threads.find_comment(db, int(request.matchdict["id"]), request.identity)
    if comment is None:
        raise HTTPNotFound
    return comment


def waiting_post_of(request: Request) -> PostPage | None:
    """The context of `/moderation/waiting/posts/ID/`. Raises HTTPNotFound, to staff only: nobody else learns what
    is there.
    """
    return post_of(request) if permits(Permission.WAITING_ANSWER, request.identity, None) else None


def waiting_comment_of(request: Request) -> rows.CommentRow | None:
    """The same for `/moderation/waiting/comments/ID/`."""
    return comment_of(request) if permits(Permission.WAITING_ANSWER, request.identity, None) else None


def includeme(config: Configurator) -> None:
    config.add_route("comments.create", "/posts/{id:[0-9]{1,18}}/comments/", factory=post_of)
    config.add_form_view(write.WriteComment, route_name="comments.create", permission=Permission.COMMENT_WRITE)

    config.add_route("comments.view", "/comments/{id:[0-9]{1,18}}/", factory=comment_of)
    config.add_view(
        permalink.redirect_to_comment,
        route_name="comments.view",
        request_method="GET",
        permission=Permission.COMMENT_VIEW,
    )

    config.add_route("comments.reply", "/comments/{id:[0-9]{1,18}}/reply/", factory=comment_of)
    config.add_view(
        write.WriteComment,
        attr="get",
        route_name="comments.reply",
        request_method="GET",
        permission=Permission.COMMENT_WRITE,
    )

    config.add_route("comments.like", "/comments/{id:[0-9]{1,18}}/like/", factory=comment_of)
    config.add_view(
        liking.like_comment, route_name="comments.like", request_method="POST", permission=Permission.POST_MARK
    )

    config.add_route("comments.edit", "/comments/{id:[0-9]{1,18}}/edit/", factory=comment_of)
    config.add_form_view(write.EditComment, route_name="comments.edit", permission=Permission.COMMENT_EDIT)

    config.add_route("moderation.waiting", "/moderation/waiting/")
    config.add_view(
        waiting.list_waiting,
        route_name="moderation.waiting",
        request_method="GET",
        permission=Permission.WAITING_ANSWER,
        renderer="myproject:templates/comments/waiting.html",
    )
    for what, context_of in (("post", waiting_post_of), ("comment", waiting_comment_of)):
        name = f"moderation.waiting.{what}"
        config.add_route(name, f"/moderation/waiting/{what}s/{{id:[0-9]{{1,18}}}}/", factory=context_of)
        config.add_form_view(waiting.AnswerWaiting, route_name=name, permission=Permission.WAITING_ANSWER)
