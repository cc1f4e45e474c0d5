"""What a text may cost (OWASP ASVS 5.0: 1.3.12, 15.1.3): the parser counts its steps, and a text that needs too
many is shown as plain paragraphs.
"""

from markdown_it.utils import EnvType

TEXT_MAX_BYTES = 64 * 1024

# Of 300 manuals and read-me files, each repeated to 64 KiB, the worst needs 18,000. Texts made to be slow
# need far more, and this many take a few tenths of a second.
MAX_STEPS = 25_000
# Steps of the parser that cost about as much as several inside a paragraph.
BLOCK_STEPS = 2
BARE_URL_STEPS = 4
MENTION_STEPS = 4
MAX_BLOCK_TOKENS = 25_000
MAX_NESTING = 20
# All targets of links together: a short reference may be used many times.
MAX_LINK_CHARACTERS = 4 * TEXT_MAX_BYTES
# Names and pictures are looked up in one query each; those beyond stay text.
MAX_MENTIONS = 50
MAX_IMAGES = 50


class TooCostly(Exception):
    """The text would take too long to parse, or make too much of itself."""


def count_steps(env: EnvType, steps: int) -> None:
    """Notes `steps` more. Raises TooCostly."""
    env["steps"] += steps
    if env["steps"] > MAX_STEPS:
        raise TooCostly
