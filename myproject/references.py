"""What the Markdown of members names and modules know of: members, pictures.

A module says `config.add_known("members", find)`; who renders says `render_markdown(source, request.look_up)`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.markdown.references import Known, LookUp
from myproject.transactions import reading
from myproject.web.request import Request

# Gives those of the names that there are, with what the renderer needs of them; see `Known`.
Find = Callable[[Session, Collection[str]], Mapping[str, Any]]


def look_up_in(registry: Any, db: Session) -> LookUp:
    """Looks up by a session of the caller's."""
    known: dict[str, Find] = registry["known"]

    def look_up(members: Collection[str], images: Collection[str]) -> Known:
        asked = {"members": members, "images": images}
        return Known(**{kind: find(db, asked[kind]) for kind, find in known.items() if asked[kind]})

    return look_up


def look_up(request: Request) -> LookUp:
    """Looks up for a request: with no transaction open where it is unsafe, for rendering is slow."""

    def look(members: Collection[str], images: Collection[str]) -> Known:
        with reading(request) as db:
            return look_up_in(request.registry, db)(members, images)

    return look


def add_known(config: Configurator, kind: str, find: Find) -> None:
    """Directive: who knows the `members` or `images` that a text names."""

    def register() -> None:
        config.registry["known"][kind] = find

    config.action(("known", kind), register)


def includeme(config: Configurator) -> None:
    config.registry["known"] = {}
    config.add_directive("add_known", add_known)
    config.add_request_method(look_up, "look_up", property=True)
