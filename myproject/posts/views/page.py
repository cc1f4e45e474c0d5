"""A post and its comments."""

import re
from typing import Any

from markupsafe import Markup, escape
from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response

from myproject.comments.services.places import read_place
from myproject.comments.services.threads import list_comments, list_rest
from myproject.db import utc_now
from myproject.feeds.services import linked_data
from myproject.forms.view import form_by_hand
from myproject.i18n import _
from myproject.posts.services import rows
from myproject.posts.services.curation import is_closed
from myproject.posts.views.mine import fill_marks
from myproject.security.permissions import may_publish
from myproject.web.fragments import cached_fragment
from myproject.web.request import Request
from myproject.web.templating import url

EDIT_MARK = re.compile(r"<!--edit (post|comment|removed) ([0-9]+) ([0-9]+) ([0-9]+)-->")


def show_post(context: rows.PostPage, request: Request) -> dict[str, Any] | Response:
    """A post and a page of its comments (`comments.services.places`); a wrong slug leads to the right one."""
    if request.matchdict["slug"] != context.slug:
        return redirect_to_post(context, request)
    place = read_place(request.GET)
    if place is None:
        raise HTTPNotFound

    def values() -> dict[str, Any]:
        if place.thread_id is not None:
            thread = list_rest(request.dbsession, context.id, place.thread_id)
        else:
            thread = list_comments(request.dbsession, context.id, place.order, place.from_id)
        told = ""
        if context.is_published:
            site = request.site.site_url
            told = linked_data.as_script(linked_data.posting(context, thread.comments, site + address, site))
        return {"post": context, "thread": thread, "address": address, "linked_data": told}

    address = url(request, "posts.view", id=context.id, slug=context.slug)
    may_comment = may_publish(request.identity, request.site.users_require_verified_email)
    shared = cached_fragment(
        request,
        f"post:{context.id}:{place.query()}",
        ("site", f"post:{context.id}"),
        "myproject:templates/posts/shared.html",
        values,
        keep=context.is_published,
    )
    return {
        "post": context,
        "address": address,
        "shared": fill_marks(request, context, add_edit_links(request, shared), may_comment, place.fields()),
        "closed": is_closed(context, request.site.comments_close_days),
        "may_comment": may_comment,
        "writing": form_by_hand(request, url(request, "comments.create", id=context.id)) if may_comment else None,
    }


def add_edit_links(request: Request, shared: Markup) -> Markup:
    """A post and comments for this reader: with links where they may change one, in the places that the template
    has marked.
    """
    identity = request.identity
    everything = identity is not None and identity.is_staff
    own = str(identity.id) if identity is not None else ""
    # As plain text, for Markup would escape every piece. Members' own text can't hold a mark: comments of HTML
    # don't pass the sanitiser.
    text = str(shared)
    if not everything and f" {own}-->" not in text:
        return Markup(EDIT_MARK.sub("", text))  # noqa: S704
    titles = {"edit": _("Edit"), "delete": _("Remove"), "restore": _("Restore"), "move": _("Move")}
    words = {what: str(escape(request.translate(title))) for what, title in titles.items()}
    now = utc_now().timestamp()
    minutes = {"post": request.site.posts_edit_minutes, "comment": request.site.comments_edit_minutes}

    def fill(mark: re.Match[str]) -> str:
        kind, number, seconds, author_id = mark.groups()
        if not everything and author_id != own:
            return ""
        if kind == "removed":
            return f'<a href="/comments/{number}/restore/">{words["restore"]}</a>'
        limit = minutes[kind] * 60
        in_time = everything or not limit or not int(seconds) or now - int(seconds) <= limit
        actions = (["edit"] if in_time else []) + ["delete"]
        if kind == "comment" and everything:
            actions.append("move")
        links = "\n".join(f'<a href="/{kind}s/{number}/{what}/">{words[what]}</a>' for what in actions)
        return f'<p class="post-tools">{links}</p>' if kind == "post" else links

    return Markup(EDIT_MARK.sub(fill, text))  # noqa: S704


def redirect_to_post(context: rows.PostPage, request: Request) -> Response:
    """`/posts/ID/` and wrong slugs lead to the post's canonical address."""
    return HTTPMovedPermanently(url(request, "posts.view", id=context.id, slug=context.slug))
