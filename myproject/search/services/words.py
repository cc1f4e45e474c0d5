"""What a word is, the same for what is written and what is asked, in every script.

There is no stemming and there are no stop words: a site has members of many languages, and a rule of one is a
mistake in another. Instead a word is found by its beginning, which is where most languages keep its sense. Case,
width and the accents of Latin, Greek and Cyrillic make no difference. Where a script writes without blanks, each
character is a word, and what is asked is a phrase of them.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category, normalize

from myproject.search import constants as SEARCH

# Han, Kana, Bopomofo, Yi, Thai, Lao, Tibetan, Myanmar, Khmer.
UNSPACED = (
    "\u0e01-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
MARKS = "".join(chr(code) for code in range(0x300, 0x1F000) if category(chr(code))[0] == "M")
WORD = re.compile(
    rf"(?=[{UNSPACED}])[^\W_][{MARKS}]*|(?:(?![{UNSPACED}])[^\W_])(?:(?![{UNSPACED}])(?:[^\W_]|[{MARKS}]))*"
)
ACCENTS = re.compile("[\u0300-\u036f]")
NOT_OF_WORDS = re.compile(rf"(?:(?![{MARKS}])[\W_])+")

# Lexemes that no text can hold, for what is known of it.
EVERY = "=every"
IN_TITLE = "^"
GAP = "|"


@lru_cache(maxsize=20_000)
def fold(word: str) -> str:
    """A word as it is compared: NFKC, case-folded, without accents, at most `WORD_MAX_LENGTH` characters."""
    if word.isascii():
        return word.lower()[: SEARCH.WORD_MAX_LENGTH]
    plain = ACCENTS.sub("", normalize("NFKD", normalize("NFKC", word).casefold()))
    return NOT_OF_WORDS.sub("", normalize("NFC", plain))[: SEARCH.WORD_MAX_LENGTH]


def words_of(text: str) -> list[str]:
    """The folded words of a text, in their order."""
    return [word for found in WORD.finditer(text) if (word := fold(found[0]))]


def spans(text: str) -> Iterator[tuple[str, int, int]]:
    """The folded words of a text, each with where it begins and ends."""
    for found in WORD.finditer(text):
        if word := fold(found[0]):
            yield word, found.start(), found.end()


def author_mark(author_id: int) -> str:
    return f"=author{author_id}"


def year_mark(year: int) -> str:
    return f"=year{year}"


def link_mark(digest: str) -> str:
    return f"=link{digest}"
