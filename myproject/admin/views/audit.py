"""The audit as admins read it."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPNotFound

from myproject.admin import constants as ADMIN
from myproject.admin import schemas, services
from myproject.admin.views.shared import number_of
from myproject.web.request import Request
from myproject.web.templating import url

# Where a row of a table is looked at, by its number.
PAGES = {
    "users": "admin.users.view",
    "posts": "posts.short",
    "comments": "comments.view",
    "emails": "admin.emails.view",
    "suppressions": "admin.suppressions.lift",
}


def list_audit(request: Request) -> dict[str, Any]:
    """What staff and admins did, newest first; by action, by who did it, and by what it was done to."""
    given = request.GET
    wanted = services.AuditFilter(
        given.get("action", ""),
        given.get("who", "").strip()[: ADMIN.SEARCH_MAX_LENGTH],
        given.get("on", ""),
        number_of(given.get("number")),
    )
    if wanted.action not in ("", *schemas.ACTION_TITLES) or wanted.target_type not in ("", *schemas.TARGET_TITLES):
        raise HTTPNotFound
    page = services.list_audit(request.dbsession, wanted, number_of(given.get("before")))
    # Whom the values tell of is whom the entry is about.
    names = {entry.about_id: entry.about_name for entry in page.rows if entry.about_id}
    query = {"action": wanted.action, "who": wanted.actor, "on": wanted.target_type}
    return {
        "page": page,
        "wanted": wanted,
        "query": urlencode(query | {"number": "" if wanted.target_id is None else wanted.target_id}),
        "action_titles": schemas.ACTION_TITLES,
        "target_titles": schemas.TARGET_TITLES,
        "value_titles": partial(schemas.value_titles, names=names),
        "target_url": target_url,
    }


def target_url(request: Request, entry: Any) -> str | None:
    """Where the thing is looked at that an entry is on; None where it has no page, or its member is gone."""
    if entry.target_type == "switches":
        return url(request, "admin.settings")
    if entry.target_type == "comment_bans":
        return url(request, "moderation.ban", id=entry.about_id) if entry.about_id else None
    if entry.target_type == "users" and entry.about_id is None:
        return None
    page = PAGES.get(entry.target_type)
    return url(request, page, id=entry.target_id) if page else None
