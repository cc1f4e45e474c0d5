"""Fenced code in colour: by classes, with no style inline."""

import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES

# Many lexers take quadratic or cubic time over blanks, long lines or the whole block. Making one has a
# price too.
CODE_MAX_CHARACTERS = 4_000
CODE_LINE_MAX_CHARACTERS = 200
CODE_BLOCK_OVERHEAD = 200
CODE_MAX_TOTAL = 8_000  # characters of all highlighted blocks, each with that overhead
LONG_BLANKS = re.compile(r"\s{100}")

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


def cost_of(code: str) -> int:
    """What a block takes of `CODE_MAX_TOTAL`."""
    return len(code) + CODE_BLOCK_OVERHEAD


def can_highlight(code: str, language: str) -> bool:
    """Whether a block of code is in a language that is coloured, and cheap to read."""
    return (
        language in LANGUAGES
        and len(code) <= CODE_MAX_CHARACTERS
        and max(map(len, code.split("\n"))) <= CODE_LINE_MAX_CHARACTERS
        and not LONG_BLANKS.search(code)
    )


def highlight_code(code: str, language: str) -> str:
    """The code as HTML, each token in a `span` with its class."""
    lexer = get_lexer_by_name(language, stripnl=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
