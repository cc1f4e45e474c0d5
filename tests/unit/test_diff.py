"""What changed between two texts."""

import random
import time

from myproject.diff import Kind, Piece, diff, shortened

WORDS = ["tea", "milk", "of", "a", "cup", "\n", "\n\n", "hot.", "ünd"]
SECONDS = 5.0


def test_the_pieces_make_up_both_texts() -> None:
    chance = random.Random(1)
    for _round in range(200):
        old, new = (" ".join(chance.choices(WORDS, k=chance.randrange(60))) for _text in range(2))
        pieces = diff(old, new)
        assert "".join(piece.text for piece in pieces if piece.kind != Kind.ADDED) == old
        assert "".join(piece.text for piece in pieces if piece.kind != Kind.REMOVED) == new


def test_words_are_told_and_not_whole_lines() -> None:
    pieces = diff("The quick brown fox\njumps over\n", "The slow red fox\njumps over\n")
    assert pieces == [
        Piece(Kind.SAME, "The "),
        Piece(Kind.REMOVED, "quick brown"),
        Piece(Kind.ADDED, "slow red"),
        Piece(Kind.SAME, " fox\njumps over\n"),
    ]


def test_of_what_did_not_change_the_lines_around_are_shown() -> None:
    lines = [f"line {number}\n" for number in range(20)]
    changed = [*lines[:10], "another\n", *lines[11:]]
    shown = list(shortened(diff("".join(lines), "".join(changed))))
    assert [piece.kind for piece in shown].count(Kind.SKIPPED) == 2
    text = "".join(piece.text for piece in shown if piece.kind != Kind.SKIPPED)
    assert "line 9\n" in text
    assert "line 2\n" not in text
    assert len("".join(piece.text for piece in shown)) == len(
        "".join(piece.text for piece in diff("".join(lines), "".join(changed)))
    )


def test_the_largest_texts_take_no_long_time() -> None:
    chance = random.Random(2)

    def made(size: int = 64 * 1024) -> str:
        lines = (" ".join(chance.choices("01", k=99)) if n % 2 else f"same {n}" for n in range(650))
        return "\n".join(lines)[:size]

    pairs = [(made(), made()), ("\n" * 65_000, "a\n" * 32_000), ("a b " * 16_000, "b a " * 16_000)]
    started = time.perf_counter()
    for old, new in pairs:
        diff(old, new)
    assert time.perf_counter() - started < SECONDS
