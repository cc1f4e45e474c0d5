"""What members do with a post that they read: like it, follow or mute it, go on to what is new."""

from pyramid.httpexceptions import HTTPBadRequest, HTTPForbidden, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.comments.services.news import find_next_new
from myproject.comments.services.places import Place, read_place
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.posts import constants as POST
from myproject.posts.services import attention, likes, rows, visits
from myproject.security.permissions import may_publish
from myproject.web.likes import answer_like, wants_on
from myproject.web.request import Request
from myproject.web.returning import list_address
from myproject.web.templating import url

ATTENTIONS = {"follow": POST.Attention.FOLLOW, "mute": POST.Attention.MUTE, "none": None}
FOLLOWED = {
    "follow": _("You follow this post"),
    "mute": _("You get no more mail about this post"),
    "none": _("This post is like any other to you again"),
}


def like_post(context: rows.PostPage, request: Request) -> Response:
    """Likes the post or, where `on` is 0, takes that back. A like is counted for everybody: it is not for one's
    own, nor for who may not publish.
    """
    may = may_publish(request.identity, request.site.users_require_verified_email)
    if not may or context.author_id == request.member.id:
        raise HTTPForbidden
    count = likes.like_post(request.dbsession, request.member.id, context.id, wants_on(request))
    return answer_like(request, count, place_address(request, context))


def place_address(request: Request, post: rows.PostPage) -> str:
    """The page of comments on which a button stood."""
    place = read_place(request.POST) or Place()
    return url(request, "posts.view", id=post.id, slug=post.slug) + place.query()


def follow_post(context: rows.PostPage, request: Request) -> Response:
    """Follows the post, mutes it, or neither: `attention`. Leads back to the post, or to the list that `list`
    names.
    """
    asked = request.POST.get("attention")
    if not isinstance(asked, str) or asked not in ATTENTIONS:
        raise HTTPBadRequest
    attention.set_attention(request.dbsession, request.member.id, context.id, ATTENTIONS[asked])
    request.flash(FOLLOWED[asked])
    return HTTPSeeOther(list_address(request) or place_address(request, context))


def go_to_news(context: rows.PostPage, request: Request) -> Response:
    """Leads to the next comment that is new to the member, after that of `?after=` in the order of `?order=`;
    where there is none, to the comments, with a word.
    """
    after = request.GET.get("after", "")
    after_id = row_number(after)
    place = read_place(request.GET)
    if place is None or (after and after_id is None):
        raise HTTPNotFound
    since = visits.find_news_since(request.dbsession, request.member.id, context.id)
    found = None
    if since is not None:
        found = find_next_new(request.dbsession, context.id, request.member.id, since, place.order, after_id)
    order = Place(place.order).query()
    if found is not None:
        return HTTPSeeOther(url(request, "comments.view", id=found) + order)
    request.flash(_("No more comments here are new to you"), "info")
    return HTTPSeeOther(f"{url(request, 'posts.view', id=context.id, slug=context.slug)}{order}#comments")


def read_all(request: Request) -> Response:
    """Marks all that the member has seen before as read."""
    visits.see_all(request.dbsession, request.member.id)
    request.flash(_("All is marked as read"))
    return HTTPSeeOther(url(request, "posts.list"))
