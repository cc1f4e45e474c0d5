"""Places in shared parts of pages for what they say to one reader alone.

A template writes `<!--WHAT VALUE VALUE-->`. Nobody else can: texts of members are escaped, or pass a sanitiser
that leaves no comments.
"""

from collections.abc import Callable

OPEN, CLOSE = "<!--", "-->"
Fill = Callable[..., str]


class Marked:
    """A text with marks, taken apart and encoded once: it is filled for many readers."""

    def __init__(self, text: str) -> None:
        start, *rest = text.split(OPEN)
        # Empty where the marks were, which stand in `places`: by their first word, (index of the piece, values).
        self.pieces = [start.encode()]
        self.places: dict[str, list[tuple[int, list[str]]]] = {}
        for piece in rest:
            mark, _close, after = piece.partition(CLOSE)
            what, *values = mark.split(" ")
            self.places.setdefault(what, []).append((len(self.pieces), values))
            self.pieces += b"", after.encode()

    def values(self, what: str) -> list[list[str]]:
        """The values of the marks that begin with `what`, in their order."""
        return [values for _index, values in self.places.get(what, ())]

    def values_of(self, *kinds: str) -> list[tuple[str, list[str]]]:
        """The first word and the values of the marks that begin with any of these, in their order."""
        found = ((index, what, values) for what in kinds for index, values in self.places.get(what, ()))
        return [(what, values) for _index, what, values in sorted(found)]

    def fill(self, fills: dict[str, Fill] | None = None) -> bytes:
        """The text, in UTF-8, with what `fills[WHAT](VALUE, VALUE)` gives, as HTML, in the place of each mark;
        nothing where there is no such function.
        """
        pieces = self.pieces.copy()
        for what, fill in (fills or {}).items():
            for index, values in self.places.get(what, ()):
                pieces[index] = fill(*values).encode()
        return b"".join(pieces)
