"""The lists of posts."""

from datetime import timedelta
from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.comments.services import approval as comment_approval
from myproject.pagination import BadCursor
from myproject.posts import constants as POST
from myproject.posts.services import approval as post_approval
from myproject.posts.services import lists
from myproject.web.dates import date
from myproject.web.fragments import cached_fragment
from myproject.web.request import Request


def list_posts(request: Request) -> dict[str, Any]:
    """The front page: posts by newest or by latest activity. `?after=` goes on where the page before ended."""
    try:
        sort = POST.Sort(request.GET.get("sort", POST.Sort.NEW))
    except ValueError:
        raise HTTPNotFound from None
    after = request.GET.get("after")
    first = after is None

    def values() -> dict[str, Any]:
        try:
            page = lists.list_posts(request.dbsession, sort, after)
        except BadCursor:
            raise HTTPNotFound from None
        return {"page": page, "sort": sort, "first": first}

    template = "myproject:templates/posts/rows.html"
    rows = cached_fragment(request, f"posts:{sort}:{after or ''}", ("site", "posts"), template, values)
    return {"rows": rows, "sort": sort, "first": first}


def list_drafts(request: Request) -> dict[str, Any]:
    """A member's own that nobody else reads: drafts, and what waits for approval."""
    db, member_id = request.dbsession, request.member.id
    return {
        "drafts": lists.list_drafts(db, member_id),
        "day": date,
        "days": timedelta(days=request.site.retention_drafts_days),
        "waiting_posts": post_approval.list_waiting(db, member_id),
        "waiting_comments": comment_approval.list_waiting(db, member_id),
    }
