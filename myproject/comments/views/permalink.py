"""The permalink of a comment."""

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.comments.services import rows, threads
from myproject.comments.services.approval import is_waiting
from myproject.comments.services.places import Place, read_place
from myproject.posts.services.pages import find_post
from myproject.web.request import Request
from myproject.web.templating import url


def address_in_thread(request: Request, comment: rows.CommentRow) -> str:
    """Where a comment stands: the post's page, with the start of its page of comments where there are
    several; in the order that `?order=` names.
    """
    post = find_post(request.dbsession, comment.post_id, request.identity)
    asked = read_place(request.GET) or Place()
    place = threads.place_of(request.dbsession, comment, asked.order)
    if post is None:
        raise HTTPNotFound
    return f"{url(request, 'posts.view', id=post.id, slug=post.slug)}{place.query()}#comment-{comment.id}"


def redirect_to_comment(context: rows.CommentRow, request: Request) -> Response:
    """The permalink: leads to the comment among the others. One that waits for approval stands on a page of its
    own, and so does for members one that is hidden.
    """
    if context.hidden and request.identity is not None:
        return HTTPSeeOther(url(request, "moderation.hidden.comment", id=context.id))
    if is_waiting(request.dbsession, context.id):
        post = find_post(request.dbsession, context.post_id, request.identity)
        own = request.member.id == context.author_id
        values = {"comment": context, "post": post, "own": own}
        return render_to_response("myproject:templates/comments/held.html", values, request=request)
    if context.removed and request.identity is not None and request.identity.is_staff:
        # What was removed may have left no place in the tree.
        return HTTPSeeOther(url(request, "comments.restore", id=context.id))
    return HTTPSeeOther(address_in_thread(request, context))
