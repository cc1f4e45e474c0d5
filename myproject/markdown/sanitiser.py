"""The last wall: HTML is parsed as a browser would, and only what the renderer makes is kept (OWASP ASVS 5.0:
1.3.1, 1.3.5).
"""

import re

import nh3
from pygments.token import STANDARD_TYPES

from myproject.markdown.code import HIGHLIGHT_CLASS
from myproject.markdown.links import LINK_REL, LOCAL_LINK
from myproject.markdown.notes import NOTE_ID, NOTE_LINK, NOTES_CLASS, TASK_CLASS
from myproject.markdown.references import MENTION_CLASS, OUR_IMAGE

# What XML 1.0 can't hold: the HTML goes into feeds too. Lone surrogates are among it.
UNPRINTABLE = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PIXELS = re.compile(r"[1-9][0-9]{0,4}\Z")

# fmt: off
TAGS = frozenset({
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s",
    "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
})
# fmt: on
# Of these attributes not every value will do.
VALUES = {
    ("a", "id"): NOTE_ID,
    ("li", "id"): NOTE_ID,
    ("img", "src"): OUR_IMAGE,
    ("img", "width"): PIXELS,
    ("img", "height"): PIXELS,
}


def keep_value(tag: str, attribute: str, value: str) -> str | None:
    """The attribute's value where it may stand, None to take the attribute away."""
    allowed = VALUES.get((tag, attribute))
    return value if allowed is None or allowed.match(value) else None


def keep_path(url: str) -> str | None:
    """A path of ours, or the address of a note, as they are; None for anything else."""
    return url if LOCAL_LINK.match(url) or NOTE_LINK.match(url) else None


CLEANER = nh3.Cleaner(
    tags=TAGS,
    # "*" is for all elements; unsaid, it lets `lang` and `title` through.
    attributes={
        "*": set(),
        "a": {"href", "id"},
        "img": {"src", "alt", "width", "height"},
        "li": {"id"},
        "ol": {"start"},
        "div": {"aria-label"},
    },
    attribute_filter=keep_value,
    tag_attribute_values={
        "img": {"loading": {"lazy"}},
        "pre": {"tabindex": {"0"}},
        "div": {"tabindex": {"0"}, "role": {"region"}},
    },
    allowed_classes={
        "a": {MENTION_CLASS},
        "code": {HIGHLIGHT_CLASS},
        "span": {name for name in STANDARD_TYPES.values() if name},
        "div": {"table-scroll"},
        "li": {TASK_CLASS},
        "ol": {NOTES_CLASS},
    },
    url_schemes={"http", "https", "mailto"},
    url_relative=keep_path,
    link_rel=LINK_REL,
)


def sanitise(html: str) -> str:
    """`html` with nothing but what `render_markdown` makes. Sanitising twice changes nothing."""
    # A carriage return can only come from a character reference, and would be a line end to the next parser.
    return CLEANER.clean(html).replace("\r", "\n")
