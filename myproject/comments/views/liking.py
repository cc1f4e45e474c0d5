"""Liking a comment."""

from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound
from pyramid.response import Response

from myproject.comments.services import likes, places, rows
from myproject.posts.services.pages import find_post
from myproject.security.permissions import may_publish
from myproject.transactions import reading
from myproject.web.likes import answer_like, wants_on
from myproject.web.request import Request
from myproject.web.templating import url


def like_comment(context: rows.CommentRow, request: Request) -> Response:
    """Likes the comment or, where `on` is 0, takes that back. A like is counted for everybody: it is not for one's
    own, nor for who may not publish.
    """
    may = may_publish(request.identity, request.site.users_require_verified_email)
    if not may or context.author_id == request.member.id:
        raise HTTPForbidden
    with reading(request) as db:
        post = find_post(db, context.post_id, request.identity)
    if post is None:
        raise HTTPNotFound
    count = likes.like_comment(request.dbsession, request.member.id, context.id, wants_on(request))
    place = places.read_place(request.POST) or places.Place()
    address = url(request, "posts.view", id=post.id, slug=post.slug) + place.query()
    return answer_like(request, count, f"{address}#comment-{context.id}")
