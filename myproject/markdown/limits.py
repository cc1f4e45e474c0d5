"""What a text may cost (OWASP ASVS 5.0: 1.3.12, 15.1.3): the parser counts its steps, and a text that needs too
many is shown as plain paragraphs.
"""

from markdown_it.utils import EnvType

TEXT_MAX_BYTES = 64 * 1024

# Of 500 manuals and read-me files, each repeated to 64 KiB, all but a list of nothing but links need fewer than
# 24,000 steps and 8,300 tokens. Texts made to be slow need far more; until they are given up they cost about as
# much as the densest of those.
MAX_STEPS = 25_000
# Steps of the parser that cost about as much as several inside a paragraph.
BLOCK_STEPS = 2
URL_STEPS = 5
MENTION_STEPS = 4
# For the end of brackets the library looks ahead.
STEPS_AT = {"[": 2, "!": 2}
MAX_BLOCK_TOKENS = 12_500
MAX_NESTING = 20
# A wider table stays text: nobody reads it, and each line below its head, of one letter, would be as many cells.
MAX_COLUMNS = 100
# A run of so many `*`, `_` or `~` is as deep as emphasis nests; a longer one stays text.
MAX_RUN = 2 * MAX_NESTING
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
