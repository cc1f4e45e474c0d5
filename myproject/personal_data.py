"""What the site holds of a person: each module says how its part is written down for them, and how it is erased.

A module says `config.add_personal_data("posts", export=..., erase=...)`; nobody above or below need know of it.
Rows that point to their member with `ON DELETE CASCADE` are erased without a word.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyramid.config import Configurator
from sqlalchemy.orm import Session

# The path of a file, and what it holds in pieces, text or bytes: a long file need not stand in memory.
File = tuple[str, Iterable[str | bytes]]


@dataclass(frozen=True)
class Person:
    """Whose data it is. `email_canonical` is the address as it is compared; where it is not `verified`, it may be
    somebody else's, and what is known by the address alone is not theirs. `hide` gives a text of others without
    what names the person, for those who erase; they get the `addresses` too that the person has or had, or typed,
    and that no other account says are its own.
    """

    id: int
    name: str
    email: str
    email_canonical: str
    verified: bool
    hide: Callable[[str], str] = str
    addresses: frozenset[str] = frozenset()

    @property
    def own_addresses(self) -> frozenset[str]:
        """Those of which what is known by the address alone is theirs."""
        return self.addresses | {self.email} if self.verified else self.addresses


# Each file is read to its end before the next is asked for.
Export = Callable[[Session, Person], Iterator[File]]
# Erases in the caller's transaction; the last argument says whether what everybody may read goes too.
Erase = Callable[[Session, Person, bool], None]


@dataclass(frozen=True)
class Part:
    name: str
    export: Export
    erase: Erase


def parts_of(registry: Any) -> list[Part]:
    """The parts, those of lower modules first. What is erased goes in the other order: what points to something
    goes before it.
    """
    return list(registry["personal_data"].values())


def add_personal_data(config: Configurator, name: str, *, export: Export, erase: Erase) -> None:
    """Directive: names a part of what the site holds of a person."""

    def register() -> None:
        config.registry["personal_data"][name] = Part(name, export, erase)

    config.action(("personal_data", name), register)


def json_list(values: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A JSON array (RFC 8259) of objects, one a line, in pieces. What JSON has no word for is written as text."""
    yield "["
    for number, value in enumerate(values):
        yield (",\n" if number else "\n") + json.dumps(value, ensure_ascii=False, default=str)
    yield "\n]\n"


def includeme(config: Configurator) -> None:
    config.registry["personal_data"] = {}
    config.add_directive("add_personal_data", add_personal_data)
