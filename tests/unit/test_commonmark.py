"""The examples of the CommonMark specification: each comes out as it says, but for what `DEVIATIONS` lists."""

import re
from html import escape
from html.parser import HTMLParser
from typing import NamedTuple

from myproject.markdown.render import Outline, render_markdown
from tests import servers
from tests.conftest import REPOSITORY

SPECIFICATION = REPOSITORY / "vendor" / "node_modules" / "commonmark-spec" / "spec.txt"
EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n(.*?)^`{32}$", re.MULTILINE | re.DOTALL)
EXAMPLES = 652  # of version 0.31.2

# Everywhere, and taken for granted in the comparison: headings begin at h3, links carry `rel` and no title, code
# has colours, says no language and can be reached by the keyboard, images from elsewhere are links. No example has
# as many markers of emphasis in a row as stay text here (`MAX_RUN`). Beyond that:
# fmt: off
DEVIATIONS = {
    # Raw HTML is text here: whoever writes is not who owns the page (OWASP ASVS 5.0: 1.3.1).
    "raw HTML": {
        21, 31, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165,
        166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184,
        185, 186, 187, 188, 189, 190, 191, 201, 308, 309, 344, 475, 476, 477, 491, 494, 524, 536, 613,
        614, 615, 616, 617, 623, 625, 626, 627, 628, 629, 630, 631, 642, 643,
    },
    # Links lead to the web, to a mail address or to a path of ours: `b.html` would be another place on each page,
    # and what other schemes do is up to the reader's machine.
    "targets": {
        194, 195, 200, 203, 204, 484, 485, 486, 487, 492, 495, 496, 498, 499, 500, 501, 502, 503, 504,
        517, 520, 522, 531, 567, 573, 576, 577, 578, 580, 596, 598, 599, 601,
    },
    # Addresses without markup are links, as GitHub and mail programs have taught people.
    "bare addresses": {602, 608, 611},
}
# fmt: on


class Example(NamedTuple):
    number: int
    markdown: str
    html: str


def read_examples() -> list[Example]:
    """The specification's examples; in its text an arrow stands for a tab."""
    if not SPECIFICATION.exists():
        servers.missing("the CommonMark specification: run `make vendor`, which needs npm")
    found = EXAMPLE.findall(SPECIFICATION.read_text(encoding="utf-8"))
    return [
        Example(number, *(part.replace("→", "\t") for part in parts))
        for number, parts in enumerate(found, start=1)
    ]


class Canonical(HTMLParser):
    """HTML in the site's ways, in one spelling: `str()` gives it."""

    def __init__(self, html: str, *, theirs: bool) -> None:
        super().__init__()
        self.theirs = theirs
        self.outline = Outline()
        self.level = ""
        self.parts: list[str] = []
        self.feed(html)
        self.close()

    def __str__(self) -> str:
        # Blanks between blocks say nothing.
        text = re.sub(r">\n+(?=<)", ">", "".join(self.parts)).strip()
        return re.sub(r"\n+(?=</?(?:p|ul|ol|li|blockquote|pre|hr|h\d)>)", "", text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "span":
            return
        given = dict(attrs)
        if self.theirs and tag == "img":
            target = given.get("src") or ""
            self.parts.append(f'<a href="{escape(target)}">{escape(given.get("alt") or target)}</a>')
            return
        if self.theirs and re.fullmatch("h[1-6]", tag):
            tag = self.level = f"h{self.outline.shown(int(tag[1]))}"
        kept = {"a": "href", "ol": "start"}.get(tag, "")
        value = given.get(kept)
        self.parts.append(f"<{tag}>" if value is None else f'<{tag} {kept}="{escape(value)}">')

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.theirs and re.fullmatch("h[1-6]", tag):
            tag = self.level
        if tag != "span":
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data))


def deviates(example: Example) -> bool:
    ours = Canonical(render_markdown(example.markdown), theirs=False)
    return str(ours) != str(Canonical(example.html, theirs=True))


def test_examples_of_the_specification_come_out_as_it_says_but_for_those_listed() -> None:
    examples = read_examples()
    assert len(examples) == EXAMPLES
    assert {example.number for example in examples if deviates(example)} == set().union(*DEVIATIONS.values())


def test_each_deviation_has_one_reason() -> None:
    numbers = [number for reason in DEVIATIONS.values() for number in reason]
    assert len(numbers) == len(set(numbers))
