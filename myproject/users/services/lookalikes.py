"""Nicknames that look the same (Unicode Technical Standard 39). Pure functions: names in, answers out."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache

from confusable_homoglyphs.utils import load

from myproject.text import canonical
from myproject.users import constants as USER

# Marks of direction that the data carries around letters of Hebrew and Arabic.
DIRECTION_MARKS = dict.fromkeys(map(ord, "\u200e\u200f"))
# Marks that show nothing: variation selectors and the like (Default_Ignorable_Code_Point).
SHOWS_NOTHING = dict.fromkeys(
    [0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
# Letters with a dot of their own (Soft_Dotted in Unicode's PropList.txt), as far as NFKC leaves them: it makes the
# others into one of these.
SOFT_DOTTED = "ij\u012f\u0249\u0268\u029d\u03f3\u0456\u0458\u1d96\u1e2d\u1ecb\U0001df1a"
# Marks that stand elsewhere than above a letter: in a decomposed text they come before a dot.
ELSEWHERE = "".join(mark for mark in map(chr, range(0x300, 0x20000)) if 0 < unicodedata.combining(mark) < 230)
# A dot on what has one already; and on a capital one, which is that of a Turkish small one.
DOTTED = re.compile(f"([{SOFT_DOTTED}])([{ELSEWHERE}]*)\u0307")
DOTTED_CAPITAL = re.compile(f"I([{ELSEWHERE}]*)\u0307")
# The small iota below is taken for an ogonek, as both look alike, and without regard to case it were a letter.
IOTA_BELOW, OGONEK = "\u0345", "\u0328"
# Without a dot it looks like the letter as much as the dotless i does, which alone stands in the data.
DOTLESS = {"\u0237": "j"}
OF_ANY_SCRIPT = {"COMMON", "INHERITED"}
# What is written together (UTS 39, 5.2: highly restrictive).
WRITTEN_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)


def skeleton(name: str) -> str:
    """The form in which names that look the same are the same (UTS 39, 4): `rnark` for `mark`, and one letter for
    `l`, `1` and `I`, one for `o`, `O` and `0`. At most `NAME_SKELETON_MAX_LENGTH` long.

    It is that of the name as it is typed, for `lris` looks like `Iris` and not like `iris`. A digit of any script
    counts as its number.
    """
    pictures = prototypes()
    text = DOTTED_CAPITAL.sub(r"i\1", decomposed(name))
    digits = (str(unicodedata.decimal(letter, letter)) for letter in text)
    text = "".join(pictures.get(letter, letter) for letter in digits)
    text = text.replace(IOTA_BELOW, OGONEK)
    return undotted(unicodedata.normalize("NFD", text.casefold()))[: USER.NAME_SKELETON_MAX_LENGTH]


def decomposed(name: str) -> str:
    """A name with its marks apart, in Unicode's order, and none that shows nothing."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).translate(SHOWS_NOTHING))


def undotted(text: str) -> str:
    """A text without the dots that nobody sees, as each stands on a letter that has one."""
    return DOTTED.sub(r"\1\2", text)


def skeletons(name: str) -> set[str]:
    """That of a name as it is typed, and that of how addresses have it."""
    return {skeleton(name), skeleton(canonical(name))}


def is_like_reserved(name: str) -> bool:
    """Whether a name could be read as one that is kept for the site, in capitals or not: here `i` is like `l`
    too, and a letter with a mark, such as an accent, like the letter.
    """
    return not reserved_skeletons().isdisjoint(blurred((name, canonical(name))))


def blurred(names: Iterable[str]) -> set[str]:
    # Some marks look like what is none: without them first, and then without those of the letters' pictures.
    return {unmarked(skeleton(unmarked(decomposed(name)))).replace("i", "l") for name in names}


def unmarked(text: str) -> str:
    """A decomposed text without its marks."""
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "M")


@lru_cache
def reserved_skeletons() -> frozenset[str]:
    return frozenset(blurred(spelled for name in USER.RESERVED_NAMES for spelled in (name, name.upper())))


def mixes_scripts(name: str) -> bool:
    """Whether a name has letters of scripts that nobody writes together."""
    scripts = {script_of(letter) for letter in unicodedata.normalize("NFKC", name)} - OF_ANY_SCRIPT
    return len(scripts) > 1 and not any(scripts <= together for together in WRITTEN_TOGETHER)


def script_of(letter: str) -> str:
    """The letter's script as Unicode calls it, in capitals."""
    starts, ends, scripts = script_ranges()
    place = bisect_right(starts, ord(letter)) - 1
    return scripts[place] if place >= 0 and ord(letter) <= ends[place] else "UNKNOWN"


@lru_cache
def script_ranges() -> tuple[list[int], list[int], list[str]]:
    """First and last code points of the ranges, in order, and the script of each."""
    data = load("categories.json")
    starts, ends, scripts, _kinds = zip(*data["code_points_ranges"], strict=True)
    return list(starts), list(ends), [data["iso_15924_aliases"][script] for script in scripts]


@lru_cache
def prototypes() -> dict[str, str]:
    """For each character that looks like something else, what it looks like.

    The library's data tells which pairs look alike, both ways, and not which of the two is the prototype; any
    choice does that is the same for all that look alike. Read once: 30 milliseconds, 3 megabytes.
    """
    sequences: dict[str, str] = {}
    parents = dict(DOTLESS)

    def root(letter: str) -> str:
        while letter in parents:
            letter = parents[letter]
        return letter

    for written, others in load("confusables.json").items():
        letter = written.translate(DIRECTION_MARKS)
        for other in (entry["c"].translate(DIRECTION_MARKS) for entry in others):
            if len(letter) == 1 and len(other) > 1:
                sequences[letter] = other
            elif len(letter) == len(other) == 1 and root(letter) != root(other):
                first, second = sorted((root(letter), root(other)), key=plainness)
                parents[second] = first
    singles = {letter: root(letter) for letter in parents}
    several = {letter: "".join(singles.get(part, part) for part in parts) for letter, parts in sequences.items()}
    return singles | several


def plainness(letter: str) -> tuple[bool, bool, bool, str]:
    """Sorts plain letters first: of `O`, `0` and a Cyrillic one it is the `O`."""
    return (not letter.isascii(), not letter.isalpha(), not letter.islower(), letter)
