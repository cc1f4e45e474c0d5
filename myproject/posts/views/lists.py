"""The lists of posts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from markupsafe import Markup, escape
from pyramid.httpexceptions import HTTPNotFound
from pyramid.renderers import render

from myproject.comments.services import unseen
from myproject.db import fetch
from myproject.forms import kept
from myproject.forms.unsent import form_title
from myproject.i18n import _
from myproject.pagination import EPOCH, MICROSECOND, BadCursor, Page
from myproject.posts import constants as POST
from myproject.posts.services import approval as post_approval
from myproject.posts.services import hiding, lists, rows, visits
from myproject.users.services.profiles import Profile
from myproject.web.dates import date
from myproject.web.fragments import cached_fragment, place
from myproject.web.marks import Marked
from myproject.web.request import Request

ROWS = "myproject:templates/posts/rows.html"
MINE = sa.union_all(visits.SEEN_AMONG, lists.MUTED_AMONG)

Listing = Callable[[int | None], Page[rows.PostRow]]


def list_posts(request: Request) -> dict[str, Any]:
    """The front page: posts by newest, by latest activity, or by likes (`?sort=top&period=week`). `?after=` goes
    on where the page before ended.
    """
    try:
        sort = POST.Sort(request.GET.get("sort", POST.Sort.NEW))
        period = POST.Period(request.GET.get("period", POST.Period.ALL))
    except ValueError:
        raise HTTPNotFound from None
    after = request.GET.get("after")
    query = "" if sort is POST.Sort.NEW else f"sort={sort}"
    if sort is POST.Sort.TOP and period is not POST.Period.ALL:
        query += f"&period={period}"

    def listing(reader_id: int | None) -> Page[rows.PostRow]:
        pinned = sort is POST.Sort.NEW and after is None
        return lists.list_posts(request.dbsession, sort, after, period=period, reader_id=reader_id, pinned=pinned)

    shown = show_rows(request, listing, query, ("site", "posts"), sort=sort, muting=True)
    return {"rows": shown, "sort": sort, "period": period, "first": after is None}


def list_of_author(context: Profile, request: Request) -> dict[str, Any]:
    """A member's posts, latest first."""

    def listing(reader_id: int | None) -> Page[rows.PostRow]:
        after = request.GET.get("after")
        return lists.list_posts(request.dbsession, POST.Sort.NEW, after, author_id=context.id)

    shown = show_rows(request, listing, "", ("site", "posts", f"user:{context.id}"))
    return {"rows": shown, "profile": context}


def show_rows(
    request: Request,
    listing: Listing,
    query: str,
    tags: tuple[str, ...],
    *,
    sort: POST.Sort = POST.Sort.NEW,
    muting: bool = False,
) -> Markup:
    """A page of a list at the request's address: from what all readers share, with marks for who has news in it
    (`<!--news ID TIME-->`, TIME in microseconds).
    `listing(reader_id)` gives its posts, without what that reader muted. `query` is the address's own but `after`.

    Only members who have muted what stands on this very page (`muting`) get one of their own.
    """
    after = request.GET.get("after")
    here = request.script_name + quote(request.path_info)

    def values(reader_id: int | None = None) -> dict[str, Any]:
        try:
            page = listing(reader_id)
        except BadCursor:
            raise HTTPNotFound from None
        return {"page": page, "sort": sort, "first": after is None, "here": here, "query": query}

    shared = cached_fragment(request, f"list:{here}:{query}:{after or ''}", tags, ROWS, values)
    if request.identity is None:
        return place(request, shared.fill())
    seen, has_muted = find_mine(request, shared)
    if has_muted and muting:
        shared = Marked(render(ROWS, values(request.member.id), request=request))
        seen, _muted = find_mine(request, shared)
    badge = f' <span class="badge badge-info">{escape(request.translate(_("New comments")))}</span>'

    def news(post_id: str, microseconds: str) -> str:
        seen_at = seen.get(int(post_id))
        return badge if seen_at is not None and EPOCH + int(microseconds) * MICROSECOND > seen_at else ""

    return place(request, shared.fill({"news": news}))


def find_mine(request: Request, shared: Marked) -> tuple[dict[int, datetime], bool]:
    """When the member who asks saw which of the posts of a list, and whether they muted a tag of one."""
    post_ids = [int(post_id) for post_id, _microseconds in shared.values("news")]
    values = {"reader_id": request.member.id, "post_ids": post_ids}
    found = fetch(request.dbsession, MINE, values).all()
    return (
        {number: moment for what, number, moment in found if what == "seen"},
        any(what == "muted" for what, _number, _moment in found),
    )


def list_drafts(request: Request) -> dict[str, Any]:
    """A member's own that stands in no other list: drafts, what waits for approval, what is hidden or was
    removed, and what forms did not take.
    """
    db, member_id = request.dbsession, request.member.id
    comments = unseen.list_unseen(db, member_id)
    return {
        "drafts": lists.list_drafts(db, member_id),
        "day": date,
        "days": timedelta(days=request.site.retention_drafts_days),
        "waiting_posts": post_approval.list_waiting(db, member_id),
        "waiting_comments": [comment for comment in comments if comment.is_waiting],
        "unseen_comments": [comment for comment in comments if not comment.is_waiting],
        "hidden_posts": hiding.list_hidden(db, member_id),
        "removed_posts": lists.list_removed(db, member_id),
        "kept": kept.list_kept(db, member_id) if request.member.has_kept_text else [],
        "form_title": partial(form_title, request),
    }
