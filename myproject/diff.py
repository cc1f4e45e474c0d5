"""What changed from one text to another, word by word, in bounded time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

LINES = re.compile(r"[^\n]*\n|[^\n]+")
WORDS = re.compile(r"\s+|\w+|[^\w\s]")
# Comparing takes, at worst, a microsecond for each pair of pieces: what has more is shown as replaced whole.
PAIRS_MAX = 500_000
# Of what did not change, so many lines are shown around what did.
CONTEXT_LINES = 2


class Kind(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    SKIPPED = "skipped"  # unchanged text that is not shown


@dataclass(frozen=True)
class Piece:
    kind: Kind
    text: str


def diff(old: str, new: str) -> list[Piece]:
    """The pieces of both texts in their order, equal ones once. Joined without the added ones they are `old`,
    without the removed ones `new`. Two texts of 64 KiB take half a second at worst, and hundredths as a rule.
    """
    return list(merged(Comparison().by_lines(old, new)))


class Comparison:
    """Compares two texts, for as many pairs of pieces as it may look at."""

    def __init__(self) -> None:
        self.pairs_left = PAIRS_MAX

    def by_lines(self, old: str, new: str) -> Iterator[Piece]:
        """Compares lines first, and words only within what they leave."""
        for equal, before, after in self.runs(LINES.findall(old), LINES.findall(new)):
            if equal:
                yield Piece(Kind.SAME, before)
            else:
                yield from self.by_words(before, after)

    def by_words(self, old: str, new: str) -> Iterator[Piece]:
        for equal, before, after in self.runs(WORDS.findall(old), WORDS.findall(new)):
            if equal:
                yield Piece(Kind.SAME, before)
            else:
                yield Piece(Kind.REMOVED, before)
                yield Piece(Kind.ADDED, after)

    def runs(self, old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[bool, str, str]]:
        """Runs of equal and of different pieces. What both begin and end with is set aside first: most edits touch
        little.
        """
        start = 0
        shorter = min(len(old), len(new))
        while start < shorter and old[start] == new[start]:
            start += 1
        end = 0
        while end < shorter - start and old[-1 - end] == new[-1 - end]:
            end += 1
        before, after = old[start : len(old) - end], new[start : len(new) - end]
        if start:
            yield True, "".join(old[:start]), ""
        pairs = len(before) * len(after)
        if pairs > self.pairs_left:
            yield False, "".join(before), "".join(after)
        else:
            self.pairs_left -= pairs
            for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after).get_opcodes():
                yield kind == "equal", "".join(before[i1:i2]), "".join(after[j1:j2])
        if end:
            yield True, "".join(old[len(old) - end :]), ""


def merged(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbouring pieces of a kind as one; changes with nothing but blanks between them are one change."""
    removed, added, same = "", "", ""
    for piece in pieces:
        if piece.kind is Kind.SAME:
            if (removed or added) and not piece.text.strip() and "\n" not in piece.text:
                # A phrase reads better than its words one by one.
                removed, added = removed + piece.text, added + piece.text
                continue
            yield from changed(removed, added)
            removed = added = ""
            same += piece.text
            continue
        if same:
            yield Piece(Kind.SAME, same)
            same = ""
        if piece.kind is Kind.REMOVED:
            removed += piece.text
        else:
            added += piece.text
    if same:
        yield Piece(Kind.SAME, same)
    yield from changed(removed, added)


def changed(removed: str, added: str) -> Iterator[Piece]:
    """What changed, without the blanks that both texts end with."""
    rest = ""
    while removed and added and removed[-1] == added[-1] and removed[-1].isspace():
        rest = removed[-1] + rest
        removed, added = removed[:-1], added[:-1]
    if removed:
        yield Piece(Kind.REMOVED, removed)
    if added:
        yield Piece(Kind.ADDED, added)
    if rest:
        yield Piece(Kind.SAME, rest)


def shortened(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces of a diff to be shown: of unchanged text only the lines next to changes."""
    for number, piece in enumerate(pieces):
        lines = LINES.findall(piece.text)
        before = CONTEXT_LINES if number > 0 else 0
        after = CONTEXT_LINES if number < len(pieces) - 1 else 0
        if piece.kind is not Kind.SAME or len(lines) <= before + after + 1:
            yield piece
            continue
        if before:
            yield Piece(Kind.SAME, "".join(lines[:before]))
        yield Piece(Kind.SKIPPED, "".join(lines[before : len(lines) - after]))
        if after:
            yield Piece(Kind.SAME, "".join(lines[len(lines) - after :]))
