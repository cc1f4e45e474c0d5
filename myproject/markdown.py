"""Markdown of members -> safe HTML: CommonMark with tables, strikethrough and bare addresses as links.

Three walls stand one behind the other: raw HTML is off in the parser, links may only lead to the web, to a
mail address or to a path of ours, and nh3 parses the result as a browser would and keeps an allow-list
(OWASP ASVS 5.0: 1.3.1, 1.3.5). Images from elsewhere tell a stranger who reads what, so an image becomes a
link to it. What a text may cost is bounded (ASVS 1.3.12, 15.1.3): the parser counts its steps, and a text
that needs too many is shown as plain paragraphs.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES

# Stored with every rendered text. Count it up when the same source gives other HTML: old texts are rendered
# anew.
RENDERER_VERSION = 1

TEXT_MAX_BYTES = 64 * 1024

# Of 300 manuals and read-me files, each repeated to 64 KiB, the worst needs 18,000. Texts made to be slow
# need far more, and this many take a few tenths of a second.
MAX_STEPS = 25_000
# Steps of the parser that cost about as much as several inside a paragraph.
BLOCK_STEPS = 2
BARE_URL_STEPS = 4
MAX_BLOCK_TOKENS = 25_000
MAX_NESTING = 20
# All targets of links together: a short reference may be used many times.
MAX_LINK_CHARACTERS = 4 * TEXT_MAX_BYTES
URL_MAX_LENGTH = 2_000
BARE_URL_MAX_LENGTH = 1_000
BARE_URL_MAX_BRACKETS = 20
# Many lexers take quadratic or cubic time over blanks, long lines or the whole block. Making one has a
# price too.
CODE_MAX_CHARACTERS = 4_000
CODE_LINE_MAX_CHARACTERS = 200
CODE_BLOCK_OVERHEAD = 200
CODE_MAX_TOTAL = 8_000  # characters of all highlighted blocks, each with that overhead
LONG_BLANKS = re.compile(r"\s{100}")
LABEL_MAX_LENGTH = 80

HEADING_SHIFT = 2  # the page's title is its h1, the section around a text its h2
HEADING_LOWEST = 6

# Languages that are coloured, by the names people write behind the fence. Listed, because each lexer is
# code that reads hostile text, and Pygments has five hundred of them; `make` is left out, it is slow on
# ordinary words.
# fmt: off
LANGUAGES = frozenset({
    "bash", "c", "c++", "cpp", "cs", "csharp", "css", "diff", "docker", "dockerfile", "go", "html", "ini",
    "java", "javascript", "js", "json", "kotlin", "lua", "php", "py", "python", "rb", "rs", "ruby", "rust",
    "sh", "shell", "sql", "swift", "toml", "ts", "typescript", "xml", "yaml", "yml",
})
# fmt: on
HIGHLIGHT_CLASS = "highlight"
LIGHT_STYLE = "xcode"
DARK_STYLE = "lightbulb"

LINK_REL = "nofollow ugc noopener"
ABSOLUTE_LINK = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f\\]+\Z", re.IGNORECASE)
# A path of ours: no second slash or backslash, which would make it a host.
LOCAL_LINK = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")
SCHEME_BEFORE = re.compile(r"(?:^|[^a-z0-9+.-])(https?)\Z", re.IGNORECASE)
BARE_URL = re.compile(rf"[^\s<>]{{,{BARE_URL_MAX_LENGTH}}}")
BLANK_LINES = re.compile(r"\n\s*\n")
# What XML 1.0 can't hold: the HTML goes into feeds too. Lone surrogates are among it.
UNPRINTABLE = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class TooCostly(Exception):
    """The text would take too long to parse, or make too much of itself."""


def render_markdown(source: str) -> str:
    """`source`, Markdown as somebody typed it, as HTML that is safe to put into a page, a feed or a mail.

    The result is a fixed point of sanitising. Headings begin at h3. A text made to be slow comes out as plain
    paragraphs. Raises ValueError above `TEXT_MAX_BYTES` bytes of UTF-8.
    """
    if len(source.encode("utf-8", "surrogatepass")) > TEXT_MAX_BYTES:
        raise ValueError(f"text is longer than {TEXT_MAX_BYTES} bytes")
    source = UNPRINTABLE.sub("\ufffd", source)
    try:
        html = PARSER.render(source, {"steps": 0, "highlighted": 0})
    except TooCostly:
        html = plain_paragraphs(source)
    # Again, for a character reference may have named a form feed.
    return sanitise(UNPRINTABLE.sub("\ufffd", html))


def sanitise(html: str) -> str:
    """`html` with nothing but what `render_markdown` makes. Sanitising twice changes nothing."""
    # A carriage return can only come from a character reference, and would be a line end to the next parser.
    return CLEANER.clean(html).replace("\r", "\n")


def plain_paragraphs(source: str) -> str:
    """`source` as escaped paragraphs with its line ends, no Markdown understood."""
    paragraphs = BLANK_LINES.split(source.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "".join(f"<p>{escape(text).replace(chr(10), '<br>')}</p>\n" for text in paragraphs)


def is_safe_link(url: str) -> bool:
    """Whether a member's text may link to `url`: http, https, mailto, or a path of ours."""
    return len(url) <= URL_MAX_LENGTH and bool(ABSOLUTE_LINK.match(url) or LOCAL_LINK.match(url))


def highlight_css() -> str:
    """Rules for the token colours of highlighted code, for light and dark pages; at least 4.5:1 (WCAG 1.4.3).

    They use `light-dark()`, so the page's `color-scheme` chooses. Good on backgrounds from #f6f6f6 to
    white, and from #1c1c1c to black.
    """
    light, dark = token_styles(LIGHT_STYLE), token_styles(DARK_STYLE)
    names: dict[tuple[str, str], list[str]] = {}
    for name in sorted(light.keys() | dark.keys()):
        colors = light.get(name, "currentcolor"), dark.get(name, "currentcolor")
        names.setdefault(colors, []).append(f".{name}")
    return "".join(
        f".{HIGHLIGHT_CLASS} :is({', '.join(classes)}) {{ color: light-dark({', '.join(colors)}); }}\n"
        for colors, classes in names.items()
    )


def token_styles(style: str) -> dict[str, str]:
    """The colour of each CSS class in a Pygments style."""
    return {
        STANDARD_TYPES[token]: f"#{look['color']}"
        for token, look in get_style_by_name(style)
        if look["color"] and STANDARD_TYPES.get(token)
    }


def count_block_step(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Never matches. Stands before all rules for blocks: sees each block and each line that may end one."""
    count_steps(state.env, BLOCK_STEPS)
    if len(state.tokens) > MAX_BLOCK_TOKENS:
        raise TooCostly
    return False


def count_inline_step(state: StateInline, silent: bool) -> bool:
    """Never matches. Stands before all rules inside a paragraph, those that look ahead included."""
    count_steps(state.env, 1)
    return False


def count_steps(env: EnvType, steps: int) -> None:
    env["steps"] += steps
    if env["steps"] > MAX_STEPS:
        raise TooCostly


def link_bare_url(state: StateInline, silent: bool) -> bool:
    """Makes a link of `http://...` in the text.

    In place of the library's rules: one searches all the text so far at each `://`, the other takes every
    `notes.md` for a host in Moldova.
    """
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    before = SCHEME_BEFORE.search(state.src[max(0, state.pos - 6) : state.pos])
    if not before or not state.pending.endswith(before[1]):
        return False
    count_steps(state.env, BARE_URL_STEPS)
    scheme = before[1]
    candidate = BARE_URL.match(state.src, state.pos - len(scheme))
    assert candidate
    assert state.md.linkify
    # The library looks for the end of each bracket and quote.
    if sum(map(candidate[0].count, "([{\"'")) > BARE_URL_MAX_BRACKETS:
        return False
    found = state.md.linkify.match_at_start(candidate[0])
    if not found or len(found.url) == BARE_URL_MAX_LENGTH:
        return False
    url = found.url.rstrip("*")  # emphasis around an address
    target = state.md.normalizeLink(url)
    if not state.md.validateLink(target):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme)]
        state.push("link_open", "a", 1).attrs = {"href": target}
        state.push("text", "", 0).content = state.md.normalizeLinkText(url)
        state.push("link_close", "a", -1)
    state.pos += len(url) - len(scheme)
    return True


def adapt(state: StateCore) -> None:
    """Turns parsed tokens into the site's: lower headings, links in place of images, named tables."""
    link_characters = 0
    for index, token in enumerate(state.tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + HEADING_SHIFT, HEADING_LOWEST)}"
        elif token.type == "table_open":
            token.meta["label"] = table_label(state.tokens, index)
        elif token.type == "inline":
            token.children = list(adapt_inline(token.children or []))
            link_characters += sum(len(str(child.attrs.get("href", ""))) for child in token.children)
            # The parser's own limit does not count emphasis.
            if link_characters > MAX_LINK_CHARACTERS or any(c.level > MAX_NESTING for c in token.children):
                raise TooCostly


def adapt_inline(children: Sequence[Token]) -> Iterator[Token]:
    link: Token | None = None
    for token in children:
        if token.type == "image":
            yield from image_link(token, within_link=link is not None)
            continue
        if token.type == "link_open":
            link = token
            link.attrs.pop("title", None)
            link.hidden = not link.attrs["href"]
        elif token.type == "link_close" and link:
            token.hidden, link = link.hidden, None
        yield token


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


def can_highlight(code: str, language: str) -> bool:
    return (
        language in LANGUAGES
        and len(code) <= CODE_MAX_CHARACTERS
        and max(map(len, code.split("\n"))) <= CODE_LINE_MAX_CHARACTERS
        and not LONG_BLANKS.search(code)
    )


class Renderer(RendererHTML):
    """Tokens to HTML. Code and tables scroll on a narrow screen, by keyboard too (WCAG 1.4.10, 2.1.1)."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        language = token.info.strip().split(maxsplit=1)[0].lower() if token.info.strip() else ""
        cost = len(token.content) + CODE_BLOCK_OVERHEAD
        if not can_highlight(token.content, language) or env["highlighted"] + cost > CODE_MAX_TOTAL:
            return self.code_block(tokens, idx, options, env)
        env["highlighted"] += cost
        lexer = get_lexer_by_name(language, stripnl=False)
        html = highlight(token.content, lexer, HtmlFormatter(nowrap=True))
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
        self.block.ruler.before(
            "table",
            "count",
            count_block_step,
            {"alt": ["paragraph", "reference", "blockquote", "list", "heading"]},
        )
        self.inline.ruler.before("text", "count", count_inline_step)
        self.inline.ruler.after("text", "bare_url", link_bare_url)
        self.core.ruler.push("adapt", adapt)

    def validateLink(self, url: str) -> bool:
        return is_safe_link(url)


PARSER = Parser()

# fmt: off
TAGS = frozenset({
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})
# fmt: on
CLEANER = nh3.Cleaner(
    tags=TAGS,
    # "*" is for all elements; unsaid, it lets `lang` and `title` through.
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}, "div": {"aria-label"}},
    tag_attribute_values={
        "pre": {"tabindex": {"0"}},
        "div": {"tabindex": {"0"}, "role": {"region"}},
    },
    allowed_classes={
        "code": {HIGHLIGHT_CLASS},
        "span": {name for name in STANDARD_TYPES.values() if name},
        "div": {"table-scroll"},
    },
    url_schemes={"http", "https", "mailto"},
    url_relative=lambda url: url if LOCAL_LINK.match(url) else None,
    link_rel=LINK_REL,
)
