"""Why did I hear of this, or why not? For members about a post, and for admins about a member and a post."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.comments.services.moving import post_named
from myproject.notifications.services import why
from myproject.notifications.views.log import user_of
from myproject.posts.services.attention import get_attention
from myproject.posts.services.pages import find_post
from myproject.web.request import Request


def why_of_post(request: Request) -> dict[str, Any]:
    """What the member was told of a post or not, and why. There for who may see the post, and for who was told of
    it while they might.
    """
    db, number = request.dbsession, int(request.matchdict["id"])
    post = find_post(db, number, request.identity)
    explained = why.explain(db, request.member.id, number)
    if post is None:
        # What would happen of what they may not see is not for them to know.
        explained = [each for each in explained if each.id is not None]
    if not explained:
        raise HTTPNotFound
    attention = get_attention(db, request.member.id, number)
    return {"post": post, "explained": explained, "attention": attention}


def why_of_member(request: Request) -> dict[str, Any]:
    """The same of a member and the post that `?post=` names, for admins; without it, a form that asks for one."""
    user = user_of(request)
    asked = request.GET.get("post", "").strip()
    number = post_named(asked, request.site.host)
    explained = [] if number is None else why.explain(request.dbsession, user.id, number)
    post = None if number is None else find_post(request.dbsession, number, request.identity)
    return {"user": user, "asked": asked, "number": number, "post": post, "explained": explained}
