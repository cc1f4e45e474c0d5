"""Tags: all of them, one with its posts, and what staff and members do with them."""

from typing import Any

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.errors import Overtaken
from myproject.forms.view import FormView
from myproject.forms.words import present_words
from myproject.i18n import _
from myproject.pagination import Page
from myproject.posts import constants as POST
from myproject.posts import schemas
from myproject.posts.services import lists, rows, tags
from myproject.posts.views.lists import show_rows
from myproject.text import canonical
from myproject.transactions import reading
from myproject.web.fragments import cached_fragment, place
from myproject.web.likes import wants_on
from myproject.web.pagecache import keep_for_guests
from myproject.web.request import Request
from myproject.web.returning import list_address
from myproject.web.templating import url


def tag_of(request: Request) -> tags.TagRow:
    """The context of `/tags/TAG/`: the tag, at its one address, where the visitor may know of it; a synonym leads
    to what it stands for. Raises HTTPNotFound.
    """
    asked = request.matchdict["name"]
    with reading(request) as db:
        tag = tags.find_tag(db, canonical(asked), request.identity)
    if tag is None:
        keep_for_guests(request, "site", "posts", "tags")
        raise HTTPNotFound
    name = tag.name
    if tag.synonym_of is not None and request.matched_route.name == "posts.tag":
        name = tag.synonym_of
    if name != asked and request.method in ("GET", "HEAD"):
        keep_for_guests(request, "site", "tags")
        raise HTTPMovedPermanently(url(request, request.matched_route.name, name=name))
    return tag


def list_tags(request: Request) -> dict[str, Any]:
    """All tags by name; `?after=` goes on behind one."""
    after = canonical(request.GET.get("after", ""))[: POST.TAG_MAX_LENGTH]

    def values() -> dict[str, Any]:
        return {"page": tags.list_tags(request.dbsession, after), "most": POST.TAG_COUNT_MAX}

    template = "myproject:templates/posts/tag_rows.html"
    shared = cached_fragment(request, f"tags:{after}", ("site", "tags"), template, values)
    return {"rows": place(request, shared.fill())}


def show_tag(context: tags.TagRow, request: Request) -> dict[str, Any]:
    """A tag and its posts, latest first."""

    def listing(reader_id: int | None) -> Page[rows.PostRow]:
        return lists.list_tagged(request.dbsession, context.id, request.GET.get("after"))

    identity = request.identity
    return {
        "tag": context,
        "rows": show_rows(request, listing, "", ("site", "posts", "tags")),
        "marks": tags.find_marks(request.dbsession, identity.id, context.id) if identity else tags.TagMarks(),
    }


def mute_tag(context: tags.TagRow, request: Request) -> Response:
    """Takes posts with the tag out of the member's front page, or puts them back where `on` is 0."""
    on = wants_on(request)
    tags.mute_tag(request.dbsession, request.member.id, context.id, on)
    if on:
        request.flash(_("Posts with this tag don't show on your front page any more"))
    else:
        request.flash(_("Posts with this tag show on your front page again"))
    return back(context, request)


def follow_tag(context: tags.TagRow, request: Request) -> Response:
    """Has the member told of new posts with the tag, or no more where `on` is 0."""
    on = wants_on(request)
    tags.follow_tag(request.dbsession, request.member.id, context.id, on)
    request.flash(_("You hear of new posts with this tag") if on else _("You don't follow this tag any more"))
    return back(context, request)


def back(tag: tags.TagRow, request: Request) -> Response:
    """To the page on which the button stood: the tag's, or the list that `list` names."""
    return HTTPSeeOther(list_address(request) or url(request, "posts.tag", name=tag.name))


def go_to_muted(request: Request) -> Response:
    """The tags that a member has muted stand with all else that they follow or don't want to hear of."""
    return HTTPMovedPermanently(url(request, "notifications.settings") + "#tags")


class EditTag(FormView):
    """A tag, changed by staff."""

    schema = schemas.TagText
    title = _("Edit tag")

    def present(self) -> dict[str, Any]:
        tag: tags.TagRow = self.request.context
        return {
            "name": tag.name,
            "description": tag.description,
            "retired": tag.is_retired,
            "synonym_of": tag.synonym_of or "",
        }

    def present_state(self) -> str:
        return tags.shown_of(self.present())

    def initial(self) -> dict[str, Any]:
        return self.present() | {"shown": self.present_state()}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        wanted = {
            "name": canonical(data["name"]),
            "description": data["description"],
            "retired": data["retired"],
            "synonym_of": canonical(data["synonym_of"]),
        }
        actor = actor_of(request)
        try:
            tag = tags.edit_tag(request.dbsession, actor, request.context.id, **wanted, seen=data["shown"])
        except Overtaken:
            self.show_present(wanted)
            raise
        request.flash(_("The tag is saved"))
        return self.redirect("posts.tag", name=tag.name)

    def show_present(self, wanted: dict[str, Any]) -> None:
        """Says beside each field that is wanted otherwise what the tag has there now."""
        for name, value in self.present().items():
            if name == "retired" and value != wanted[name]:
                self.refuse(_("It is retired now") if value else _("It is not retired now"), name)
            elif value != wanted[name]:
                self.refuse(present_words(value), name)
