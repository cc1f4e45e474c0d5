"""Addresses of comments, each with its views, and the page of the post they stand on."""

from collections.abc import Callable
from typing import TypeVar

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.comments.services import removal, rows, threads
from myproject.comments.views import history, liking, lists, moving, permalink, waiting, write
from myproject.comments.views import removal as removing
from myproject.posts.routes import post_of
from myproject.posts.routes import removed as removed_post
from myproject.posts.services.rows import PostPage
from myproject.security.permissions import Permission, permits
from myproject.transactions import is_unsafe, reading
from myproject.users.routes.accounts import profile_of
from myproject.web.gone import Removed
from myproject.web.pagecache import keep_for_guests
from myproject.web.request import Request
from myproject.web.templating import url

T = TypeVar("T")


def comment_of(request: Request) -> rows.CommentRow:
    """The context of `/comments/CID/...`: the comment, where the visitor may see it and its post. Raises
    HTTPNotFound, and Removed, also where it is the post that was removed.
    """
    comment_id = int(request.matchdict["id"])
    with reading(request) as db:
        comment = threads.find_comment(db, comment_id, request.identity)
        tombstone = None if comment else removal.find_tombstone(db, comment_id, request.identity)
        gone = None if comment or tombstone else removal.find_tombstone_of_post(db, comment_id, request.identity)
    if comment is not None:
        return comment
    if gone is not None:
        keep_for_guests(request, "site", f"post:{gone.id}")
        raise removed_post(request, gone)
    if tombstone is None:
        # What brings a comment into the open changes the lists of posts.
        keep_for_guests(request, "site", "posts")
        raise HTTPNotFound
    keep_for_guests(request, "site", f"post:{tombstone.post_id}")
    may_restore = tombstone.may_restore(request.identity, request.site.retention_restore_days)
    raise Removed(
        "comment",
        by_author=tombstone.removed_by_author,
        reason=tombstone.removal_reason,
        restore=url(request, "comments.restore", id=comment_id) if may_restore else "",
    )


def for_members(context_of: Callable[[Request], T]) -> Callable[[Request], T | None]:
    """The factory of addresses that are for members: guests are asked to sign in whatever is there, so that who
    follows the links below all comments asks nothing of the database. A form that a guest sends is looked at.
    """

    def context_for(request: Request) -> T | None:
        if request.identity is None and not is_unsafe(request):
            return None
        return context_of(request)

    return context_for


def removed_comment_of(request: Request) -> rows.CommentRow | removal.Tombstone:
    """The context of `/comments/CID/restore/`: the tombstone, or the comment where it is back already. Raises
    HTTPNotFound.
    """
    comment_id = int(request.matchdict["id"])
    with reading(request) as db:
        found = removal.find_tombstone(db, comment_id, request.identity) or threads.find_comment(
            db, comment_id, request.identity
        )
    if found is None:
        raise HTTPNotFound
    return found


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

    config.add_route("comments.author", "/@{name}/comments/", factory=profile_of)
    config.add_view(
        lists.list_of_author,
        route_name="comments.author",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/comments/author.html",
        guest_cache=lambda request: ("site", "posts", f"user:{request.context.id}"),
    )

    config.add_route("comments.view", "/comments/{id:[0-9]{1,18}}/", factory=comment_of)
    config.add_view(
        permalink.redirect_to_comment,
        route_name="comments.view",
        request_method="GET",
        permission=Permission.COMMENT_VIEW,
        guest_cache=lambda request: ("site", f"post:{request.context.post_id}"),
    )

    config.add_route("comments.reply", "/comments/{id:[0-9]{1,18}}/reply/", factory=for_members(comment_of))
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

    config.add_route("comments.edit", "/comments/{id:[0-9]{1,18}}/edit/", factory=for_members(comment_of))
    config.add_form_view(write.EditComment, route_name="comments.edit", permission=Permission.COMMENT_EDIT)

    config.add_route("comments.delete", "/comments/{id:[0-9]{1,18}}/delete/", factory=for_members(comment_of))
    config.add_form_view(
        removing.RemoveComment, route_name="comments.delete", permission=Permission.COMMENT_REMOVE
    )

    config.add_route(
        "comments.restore", "/comments/{id:[0-9]{1,18}}/restore/", factory=for_members(removed_comment_of)
    )
    config.add_form_view(
        removing.RestoreComment, route_name="comments.restore", permission=Permission.COMMENT_REMOVE
    )

    config.add_route("comments.history", "/comments/{id:[0-9]{1,18}}/history/", factory=comment_of)
    config.add_view(
        history.CommentHistory,
        attr="get",
        route_name="comments.history",
        request_method="GET",
        permission=Permission.COMMENT_VIEW,
        guest_cache=lambda request: ("site", f"post:{request.context.post_id}"),
    )
    config.add_view(
        history.CommentHistory,
        attr="post",
        route_name="comments.history",
        request_method="POST",
        permission=Permission.COMMENT_CURATE,
    )

    config.add_route("comments.move", "/comments/{id:[0-9]{1,18}}/move/", factory=for_members(comment_of))
    config.add_form_view(moving.MoveComment, route_name="comments.move", permission=Permission.COMMENT_CURATE)

    config.add_route("comments.split", "/comments/{id:[0-9]{1,18}}/split/", factory=for_members(comment_of))
    config.add_form_view(moving.SplitThread, route_name="comments.split", permission=Permission.COMMENT_CURATE)

    config.add_route("comments.merge", "/posts/{id:[0-9]{1,18}}/merge/", factory=post_of)
    config.add_form_view(moving.MergePosts, route_name="comments.merge", permission=Permission.POST_CURATE)

    config.add_route("moderation.waiting", "/moderation/waiting/")
    config.add_view(
        waiting.go_to_queue,
        route_name="moderation.waiting",
        request_method="GET",
        permission=Permission.WAITING_ANSWER,
    )
    for what, context_of in (("post", waiting_post_of), ("comment", waiting_comment_of)):
        name = f"moderation.waiting.{what}"
        config.add_route(name, f"/moderation/waiting/{what}s/{{id:[0-9]{{1,18}}}}/", factory=context_of)
        config.add_form_view(waiting.AnswerWaiting, route_name=name, permission=Permission.WAITING_ANSWER)
