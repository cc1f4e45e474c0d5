"""What a text names and only the site knows: members by `@name`, and pictures of ours.

The parser collects the names, and asks for all of them at once.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import category
from urllib.parse import quote

from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from myproject.markdown.limits import MAX_IMAGES, MAX_MENTIONS, MENTION_STEPS, count_steps

NAME_MAX_LENGTH = 30
NAME_JOINERS = "-_"
# On links made of `@name`: one that somebody wrote to a profile can't have it, and tells nobody.
MENTION_CLASS = "mention"
OUR_IMAGE = re.compile(r"/images/([0-9a-f]{32})\.webp\Z")


@dataclass(frozen=True)
class Known:
    """What there is of that: of members the name in their profile's address by the name as it was written, of
    pictures width and height in pixels by their name.
    """

    members: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, tuple[int, int]] = field(default_factory=dict)


# Takes names of members, as written, and of pictures.
LookUp = Callable[[Collection[str], Collection[str]], Known]


def know_nothing(members: Collection[str], images: Collection[str]) -> Known:
    """For texts that name nobody: the demo's, and those of tests."""
    return Known()


def mention(state: StateInline, silent: bool) -> bool:
    """Takes `@name` for a member's, unless it stands in a word, an address or a link."""
    if state.src[state.pos] != "@" or state.linkLevel:
        return False
    before = state.src[state.pos - 1] if state.pos else " "
    if category(before)[0] in "LNM" or before in "@/.-+=&?#%:~":
        return False
    count_steps(state.env, MENTION_STEPS)
    name = name_at(state.src, state.pos + 1)
    if not name:
        return False
    if not silent:
        state.push("mention", "", 0).content = f"@{name}"
    state.pos += 1 + len(name)
    return True


def name_at(source: str, start: int) -> str:
    """The longest nickname that begins at `start`; empty where there is none."""
    end = start
    while end < len(source) and end - start <= NAME_MAX_LENGTH:
        if category(source[end])[0] not in "LNM" and source[end] not in NAME_JOINERS:
            break
        end += 1
    name = source[start:end].rstrip(NAME_JOINERS)
    # `@name@example.org` is an address in other networks.
    if len(name) > NAME_MAX_LENGTH or name.startswith(tuple(NAME_JOINERS)) or source.startswith("@", end):
        return ""
    return name


def known_in(tokens: Sequence[Token], look_up: LookUp) -> Known:
    """What there is of everything that the parsed text names."""
    members: dict[str, None] = {}
    images: dict[str, None] = {}
    for token in named_in(tokens):
        if token.type == "mention" and len(members) < MAX_MENTIONS:
            members[token.content[1:]] = None
        elif token.type == "image" and len(images) < MAX_IMAGES and (name := image_name(token)):
            images[name] = None
    return look_up(members, images) if members or images else Known()


def named_in(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        for child in token.children or ():
            if child.type in ("mention", "image"):
                yield child


def image_name(image: Token) -> str:
    """The name of a picture of ours; empty for one from elsewhere."""
    found = OUR_IMAGE.match(str(image.attrs["src"]))
    return found[1] if found else ""


def mention_link(token: Token, known: Known) -> Iterator[Token]:
    """A link to the member's profile, or what was written where there is no such member."""
    text = Token("text", "", 0, content=token.content, level=token.level)
    name = known.members.get(token.content[1:])
    if name is None:
        yield text
        return
    yield Token("link_open", "a", 1, attrs={"href": f"/@{quote(name)}/", "class": MENTION_CLASS})
    yield text
    yield Token("link_close", "a", -1)
