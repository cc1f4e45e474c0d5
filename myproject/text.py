"""Text of people in plain forms: excerpts, slugs, names, lines of mail headers; and as safe HTML.

Pure functions: text in, text out.
"""

import re
from html import unescape
from html.parser import HTMLParser
from itertools import takewhile
from unicodedata import category, normalize

from myproject.markdown.code import highlight_css
from myproject.markdown.limits import TEXT_MAX_BYTES
from myproject.markdown.render import RENDERER_VERSION, render_markdown

__all__ = [
    "RENDERER_VERSION",
    "SLUG_MAX_LENGTH",
    "TEXT_MAX_BYTES",
    "canonical",
    "clean_line",
    "excerpt",
    "highlight_css",
    "images_in",
    "plain_text",
    "render_markdown",
    "slugify",
]

SLUG_MAX_LENGTH = 80
EMPTY_SLUG = "post"
ELLIPSIS = "…"
# Rendered text begins with one of the blocks it is made of.
RENDERED = re.compile(r"\s*<(?:p|h[3-6]|ul|ol|pre|blockquote|div|hr)\b")
# C0 and C1 controls that are no blanks, bidirectional embeddings, overrides and isolates, lone surrogates.
INVISIBLE = re.compile("[\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# With this begins what mail programs, and Python's email package, decode in a header (RFC 2047, 2).
ENCODED_WORD = "=?"
HEADINGS = {"h3", "h4", "h5", "h6"}
BLOCKS = frozenset({"p", "blockquote", "ul", "ol", "li", "pre", "div", "table", "tr", "hr"} | HEADINGS)
# Letters and symbols by their category that show nothing.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
BLANKS = re.compile(r"\s+")
EXCERPT_CHUNK = 2048
SHOWN_IMAGE = re.compile(r'<img src="/images/([0-9a-f]{32})\.webp" alt="([^"]*)"')


def canonical(text: str) -> str:
    """The form in which nicknames and addresses are unique: NFKC, case-folded, trimmed (Unicode 3.13, D146).

    `canonical(canonical(text)) == canonical(text)`.
    """
    # Folding leaves letters and marks apart that compose again.
    return normalize("NFKC", normalize("NFKC", text).casefold()).strip()


def is_name(text: str, joiners: str) -> bool:
    """Whether a text is letters and digits of any script, with single `joiners` between them and at most three
    marks (the vowels of Indic scripts, accents) on a letter.
    """
    last, marks = "", 0
    for character in text:
        kind = category(character)
        if kind[0] in "LN" and character not in FILLERS:
            last, marks = "letter", 0
        elif kind in ("Mn", "Mc") and last == "letter" and marks < 3:
            marks += 1
        elif character in joiners and last == "letter":
            last = "joiner"
        else:
            return False
    return last == "letter"


def is_visible(text: str) -> bool:
    """Whether anything of a text can be seen: not only blanks, controls, joiners and marks."""
    return any(category(character)[0] not in "CZM" and character not in FILLERS for character in text)


def clean_line(text: str) -> str:
    """`text` fit for a mail header or a name: one line, single spaces, no control or override."""
    # `split` takes every line separator of Unicode for a blank.
    return " ".join(INVISIBLE.sub("", text).split())


def slugify(title: str) -> str:
    """`title` as part of an address: letters and digits of any script, lower case, `-` between, never empty.

    At most `SLUG_MAX_LENGTH` characters (code points). Marks stay with their letter: Hindi can't do without.
    """
    slug: list[str] = []
    for character in normalize("NFKC", normalize("NFKC", title).lower()):
        within = bool(slug) and slug[-1] != "-"
        if character.isalnum() or (within and category(character).startswith("M")):
            slug.append(character)
        elif within:
            slug.append("-")
    return "".join(slug[:SLUG_MAX_LENGTH]).strip("-") or EMPTY_SLUG


def excerpt(html_or_source: str, length: int = 160) -> str:
    """The beginning of a text in one plain line of at most `length` characters, cut between words.

    Takes what `render_markdown` made (cheap: reads only as far as it must) or Markdown, which is rendered
    first. What was cut ends in an ellipsis. The result is not HTML: escape it. Raises ValueError for Markdown
    above `TEXT_MAX_BYTES`.
    """
    html = html_or_source if RENDERED.match(html_or_source) else render_markdown(html_or_source)
    reader = LineReader()
    for start in range(0, len(html), EXCERPT_CHUNK):
        reader.feed(html[start : start + EXCERPT_CHUNK])
        if len(line := reader.line()) > length:
            return cut(line, length)
    reader.close()
    return cut(reader.line(), length)


def images_in(rendered: str) -> list[tuple[str, str]]:
    """The pictures of ours that `render_markdown` has put into a text, as name and alternative text."""
    return [(name, unescape(alt).strip()) for name, alt in SHOWN_IMAGE.findall(rendered)]


def cut(line: str, length: int) -> str:
    """As many words of `line` as fit into `length` characters with an ellipsis, or part of a long one."""
    if len(line) <= length:
        return line
    end = length - len(ELLIPSIS)
    if line[end] != " ":
        end = line.rfind(" ", 0, end) if " " in line[:end] else end
    # A mark would be left without its letter, or a letter without its mark.
    while end > 0 and category(line[end]).startswith("M"):
        end -= 1
    return line[:end].rstrip(" ,;:-–—") + ELLIPSIS


def plain_text(rendered: str) -> str:
    """What `render_markdown` gave, as readable plain text for a mail: lists with `-`, quotes with `>`, links with
    their address. Lines are not wrapped.
    """
    reader = BlockReader()
    reader.feed(rendered)
    reader.close()
    return "\n".join(reader.lines)


class LineReader(HTMLParser):
    """Reads HTML into one line of text."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        # Within the number of a footnote, or its arrow back, which are no words of the line.
        self.in_note_link = False

    def line(self) -> str:
        return " ".join("".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS or tag in ("br", "td", "th"):
            self.parts.append(" ")
        if tag == "a":
            self.in_note_link = (dict(attrs).get("href") or "").startswith("#")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.in_note_link = False

    def handle_data(self, data: str) -> None:
        if not self.in_note_link:
            self.parts.append(data)


class BlockReader(HTMLParser):
    """Reads our own HTML into lines of text, with margins for lists, quotes and code."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.parts: list[str] = []  # of the block that is being read
        self.margins: list[str] = []
        self.openers: list[
            str
        ] = []  # for each margin, what stands in its place on the next line: an item's bullet
        self.last_margins: list[str] = []  # of the line before
        self.numbers: list[int | None] = []  # of the next item, for each open list; None where it has no numbers
        self.gap = False
        self.verbatim = False
        self.target = ""
        self.target_start = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in BLOCKS:
            self.end_block()
            # Lists, items and rows may follow closely.
            self.gap |= tag not in ("ul", "ol", "li", "tr") and self.openers == self.margins
        if tag == "blockquote":
            self.begin_margin("> ")
        elif tag in ("ul", "ol"):
            self.numbers.append(int(given.get("start") or 1) if tag == "ol" else None)
        elif tag == "li":
            self.begin_item()
        elif tag == "pre":
            self.begin_margin("    ")
            self.verbatim = True
        elif tag == "hr":
            self.parts.append("---")
            self.end_block()
            self.gap = True
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(given.get("alt") or given.get("src") or "")
        elif tag == "a":
            self.target, self.target_start = given.get("href") or "", len(self.parts)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            shown = "".join(self.parts[self.target_start :]).strip()
            if self.target.startswith("#"):
                # From a note to its place and back: here a number is enough.
                self.parts[self.target_start :] = [f"[{shown}]"] if shown.isdigit() else []
            elif self.target.startswith("/@") and shown.startswith("@"):
                # Whoever is named needs no address beside the name.
                pass
            elif self.target and shown not in (self.target, self.target.removeprefix("mailto:")):
                self.parts.append(f" ({self.target})")
        elif tag in ("td", "th"):
            self.parts.append(" |")
        elif tag in BLOCKS:
            if tag == "tr":
                self.parts = ["".join(self.parts).strip().removesuffix("|")]
            self.end_block()
            self.gap |= tag not in ("ul", "ol", "li", "tr")
        if tag in ("blockquote", "li", "pre"):
            self.margins.pop()
            self.openers.pop()
            self.verbatim = False
        elif tag in ("ul", "ol"):
            self.numbers.pop()
            self.gap |= not self.numbers

    def handle_data(self, data: str) -> None:
        if self.verbatim:
            self.parts.append(data)
        elif self.parts or data.strip():  # blanks between blocks are no text
            self.parts.append(BLANKS.sub(" ", data))

    def begin_item(self) -> None:
        number = self.numbers[-1]
        bullet = "- " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self.begin_margin(" " * len(bullet), bullet)

    def begin_margin(self, margin: str, opener: str = "") -> None:
        self.margins.append(margin)
        self.openers.append(opener or margin)

    def end_block(self) -> None:
        text = "".join(self.parts)
        text = text.strip("\n") if self.verbatim else text.strip()
        self.parts.clear()
        if not text:
            return
        if self.gap and self.lines:
            pairs = zip(self.last_margins, self.margins, strict=False)
            shared = takewhile(lambda pair: pair[0] == pair[1], pairs)
            self.lines.append("".join(margin for margin, _ in shared).rstrip())
        for line in text.split("\n"):
            self.lines.append(("".join(self.openers) + (line if self.verbatim else line.strip())).rstrip())
            self.openers = list(self.margins)
        self.last_margins = list(self.margins)
        self.gap = False
