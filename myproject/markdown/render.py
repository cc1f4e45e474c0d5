"""Markdown of members -> safe HTML: CommonMark with tables, strikethrough, task lists, footnotes, bare addresses
as links, and `@name`.

Three walls stand one behind the other: raw HTML is off in the parser, links may only lead to the web, to a
mail address or to a path of ours, and nh3 parses the result as a browser would and keeps an allow-list
(OWASP ASVS 5.0: 1.3.1, 1.3.5). Images from elsewhere tell a stranger who reads what, so such an image becomes a
link to it; only pictures that were sent to us are shown. What a text may cost is bounded: see `limits.py`.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from myproject.markdown.code import CODE_MAX_TOTAL, HIGHLIGHT_CLASS, can_highlight, cost_of, highlight_code
from myproject.markdown.limits import (
    BLOCK_STEPS,
    MAX_BLOCK_TOKENS,
    MAX_COLUMNS,
    MAX_LINK_CHARACTERS,
    MAX_NESTING,
    MAX_RUN,
    STEPS_AT,
    TEXT_MAX_BYTES,
    TooCostly,
    count_steps,
)
from myproject.markdown.links import is_safe_link, link_bare_url, link_in_brackets
from myproject.markdown.notes import NOTE_CHARACTERS, NotesRenderer, add_footnotes, key_of, mark_task
from myproject.markdown.references import Known, LookUp, image_name, know_nothing, known_in, mention, mention_link
from myproject.markdown.sanitiser import UNPRINTABLE, sanitise

# Stored with every rendered text. Count it up when the same source gives other HTML: old texts are rendered
# anew.
RENDERER_VERSION = 4

LABEL_MAX_LENGTH = 80

HEADING_HIGHEST = 3  # the page's title is its h1, the section around a text its h2
HEADING_LOWEST = 6

RUN = re.compile(r"([*_~])\1*")
BLANK_LINES = re.compile(r"\n\s*\n")


def render_markdown(source: str, look_up: LookUp = know_nothing) -> str:
    """`source`, Markdown as somebody typed it, as HTML that is safe to put into a page, a feed or a mail.

    `look_up` is asked once for the members and pictures that the text names. The result is a fixed point of
    sanitising. Headings begin at h3. A text made to be slow comes out as plain paragraphs. Raises ValueError above
    `TEXT_MAX_BYTES` bytes of UTF-8.
    """
    if len(source.encode("utf-8", "surrogatepass")) > TEXT_MAX_BYTES:
        raise ValueError(f"text is longer than {TEXT_MAX_BYTES} bytes")
    source = UNPRINTABLE.sub("\ufffd", source)
    try:
        html = PARSER.render(source, new_env(source, look_up))
    except TooCostly:
        html = plain_paragraphs(source)
    # Again, for a character reference may have named a form feed.
    return sanitise(UNPRINTABLE.sub("\ufffd", html))


def new_env(source: str, look_up: LookUp = know_nothing) -> dict[str, Any]:
    """What the parser notes of one text."""
    return {"steps": 0, "highlighted": 0, "key": key_of(source), "look_up": look_up}


def plain_paragraphs(source: str) -> str:
    """`source` as escaped paragraphs with its line ends, no Markdown understood."""
    paragraphs = BLANK_LINES.split(source.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "".join(f"<p>{escape(text).replace(chr(10), '<br>')}</p>\n" for text in paragraphs)


def count_block_step(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Never matches. Stands before all rules for blocks: sees each block and each line that may end one."""
    count_steps(state.env, BLOCK_STEPS)
    if len(state.tokens) > MAX_BLOCK_TOKENS:
        raise TooCostly
    return False


def count_inline_step(state: StateInline, silent: bool) -> bool:
    """Never matches. Stands before all rules inside a paragraph, those that look ahead included."""
    count_steps(state.env, STEPS_AT.get(state.src[state.pos], 1))
    return False


def bound_run(state: StateInline, silent: bool) -> bool:
    """Takes a run of more `*`, `_` or `~` than emphasis nests as text. Each marker of a shorter one is a step: the
    library makes a token of it.
    """
    run = RUN.match(state.src, state.pos, state.posMax)
    if not run:
        return False
    length = len(run[0])
    if length <= MAX_RUN:
        if not silent:
            count_steps(state.env, length)
        return False
    if not silent:
        state.pending += run[0]
    state.pos = run.end()
    return True


def narrow_table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """The library's rule for tables that people can read: a wider one stays text."""
    if start_line + 1 >= end_line:
        return False
    # What stands below the head has as many columns as that, or there is no table.
    below = state.src[state.bMarks[start_line + 1] : state.eMarks[start_line + 1]]
    return below.strip(" \t|").count("|") < MAX_COLUMNS and table(state, start_line, end_line, silent)


class Outline:
    """The levels of a text's headings on a page: the first is the highest, and none is left out on the way down,
    so that who goes from heading to heading misses nothing (WCAG 2.2, 1.3.1).
    """

    def __init__(self) -> None:
        # Those that the next one may stand below: as (level typed, level shown).
        self.open: list[tuple[int, int]] = []

    def shown(self, typed: int) -> int:
        """The level of the next heading, of which `typed` is the number of its #."""
        while self.open and self.open[-1][0] >= typed:
            self.open.pop()
        above = self.open[-1][1] if self.open else HEADING_HIGHEST - 1
        self.open.append((typed, min(above + 1, HEADING_LOWEST)))
        return self.open[-1][1]


def adapt(state: StateCore) -> None:
    """Turns parsed tokens into the site's: lower headings, links in place of images, named tables."""
    link_characters = 0
    outline, heading = Outline(), ""
    known = known_in(state.tokens, state.env["look_up"])
    for index, token in enumerate(state.tokens):
        if token.type == "heading_open":
            heading = token.tag = f"h{outline.shown(int(token.tag[1:]))}"
        elif token.type == "heading_close":
            token.tag = heading
        elif token.type == "table_open":
            token.meta["label"] = table_label(state.tokens, index)
        elif token.type == "inline":
            mark_task(state.tokens, index)
            token.children = list(adapt_inline(token.children or [], known))
            link_characters += sum(map(characters_of, token.children))
            # The parser's own limit does not count emphasis.
            if link_characters > MAX_LINK_CHARACTERS or any(c.level > MAX_NESTING for c in token.children):
                raise TooCostly


def characters_of(token: Token) -> int:
    """How much of the HTML of a token is no text of its own."""
    return NOTE_CHARACTERS if token.type == "footnote_ref" else len(str(token.attrs.get("href", "")))


def adapt_inline(children: Sequence[Token], known: Known) -> Iterator[Token]:
    link: Token | None = None
    for token in children:
        if token.type == "image":
            yield from image_of_ours(token, known) or image_link(token, within_link=link is not None)
            continue
        if token.type == "mention":
            yield from mention_link(token, known)
            continue
        if token.type == "link_open":
            link = token
            link.attrs.pop("title", None)
            link.hidden = not link.attrs["href"]
        elif token.type == "link_close" and link:
            token.hidden, link = link.hidden, None
        yield token


def image_of_ours(image: Token, known: Known) -> list[Token]:
    """The image with its size, so that nothing moves when it comes; nothing where it is not one of ours."""
    size = known.images.get(image_name(image))
    if size is None:
        return []
    alt = plain_content(image.children or []).strip()
    attrs = {"src": image.attrs["src"], "alt": alt, "width": size[0], "height": size[1], "loading": "lazy"}
    return [Token("shown_image", "img", 0, attrs=attrs)]


def image_link(image: Token, *, within_link: bool) -> Iterator[Token]:
    """A link to the image with its alternative text; the text alone where a link is around it already."""
    target = str(image.attrs["src"])
    text = Token("text", "", 0, content=plain_content(image.children or []).strip() or target)
    if within_link or not target:
        yield text
        return
    yield Token("link_open", "a", 1, attrs={"href": target})
    yield text
    yield Token("link_close", "a", -1)


def plain_content(children: Sequence[Token]) -> str:
    """The text of inline tokens without its markup."""
    return "".join(
        plain_content(token.children)
        if token.children
        else "\n"
        if token.type.endswith("break")
        else token.content
        for token in children
    )


def table_label(tokens: Sequence[Token], table: int) -> str:
    """A name for the table that opens at `table`, in its writer's own words: the cells of its head."""
    cells = []
    for index in range(table, len(tokens)):  # a slice would copy the whole text for every table
        if tokens[index].type == "thead_close":
            break
        cells.append(plain_content(tokens[index].children or []).strip())
    return ", ".join(filter(None, cells))[:LABEL_MAX_LENGTH].strip()


class Renderer(NotesRenderer, RendererHTML):
    """Tokens to HTML. Code and tables scroll on a narrow screen, by keyboard too (WCAG 1.4.10, 2.1.1)."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        language = token.info.strip().split(maxsplit=1)[0].lower() if token.info.strip() else ""
        cost = cost_of(token.content)
        if not can_highlight(token.content, language) or env["highlighted"] + cost > CODE_MAX_TOTAL:
            return self.code_block(tokens, idx, options, env)
        env["highlighted"] += cost
        html = highlight_code(token.content, language)
        return f'<pre tabindex="0"><code class="{HIGHLIGHT_CLASS}">{html}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<pre tabindex="0"><code>{escape(tokens[idx].content)}</code></pre>\n'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        label = tokens[idx].meta["label"]
        region = f' role="region" aria-label="{escape(label)}"' if label else ""
        return f'<div class="table-scroll" tabindex="0"{region}><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"


class Parser(MarkdownIt):
    """CommonMark as the site understands it. One serves all threads: what a text needs is in its `env`."""

    def __init__(self) -> None:
        super().__init__(
            "commonmark",
            {"html": False, "linkify": True, "maxNesting": MAX_NESTING},
            renderer_cls=Renderer,
        )
        self.enable(["table", "strikethrough"])
        self.block.ruler.at("table", narrow_table, {"alt": ["paragraph", "reference"]})
        self.block.ruler.before(
            "table",
            "count",
            count_block_step,
            {"alt": ["paragraph", "reference", "blockquote", "list", "heading"]},
        )
        self.inline.ruler.before("text", "count", count_inline_step)
        self.inline.ruler.before("strikethrough", "run", bound_run)
        self.inline.ruler.at("autolink", link_in_brackets)
        self.inline.ruler.after("text", "bare_url", link_bare_url)
        self.inline.ruler.after("bare_url", "mention", mention)
        add_footnotes(self)
        self.core.ruler.push("adapt", adapt)

    def validateLink(self, url: str) -> bool:
        return is_safe_link(url)


PARSER = Parser()
