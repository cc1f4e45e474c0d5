"""The piece of a text that a result shows, with the words that were asked for marked."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from myproject.search import constants as SEARCH
from myproject.search.services.queries import Term
from myproject.search.services.words import spans
from myproject.text import LineReader

ELLIPSIS = "…"
LEAD = 60
PLACES_MAX = 60


def line_of(body_html: str) -> str:
    """The beginning of a rendered text in one plain line."""
    reader = LineReader()
    reader.feed(body_html[: SEARCH.EXCERPT_SOURCE_MAX])
    return reader.line()


def found_in(line: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in a line, as (begin, end), in order and without overlap."""
    words = list(spans(line))
    places: list[tuple[int, int]] = []
    begins = {term.words[0] for term in terms if not term.open}
    open_words = tuple(term.words[0] for term in terms if term.open)
    index = 0
    while index < len(words):
        word, begin, _end = words[index]
        length = 0
        if open_words and word.startswith(open_words):
            length = 1
        if word in begins:
            for term in terms:
                size = len(term.words)
                if not term.open and tuple(each[0] for each in words[index : index + size]) == term.words:
                    length = max(length, size)
        if length:
            places.append((begin, words[index + length - 1][2]))
        index += length or 1
    return places


def most_telling(line: str, places: Sequence[tuple[int, int]]) -> int:
    """Where the piece begins that has the most different ones of the places, the first of such; else 0."""
    found = [(begin, line[begin:end].casefold()) for begin, end in places]
    best, most = (found[0][0] if found else 0), 0
    for number, (begin, _word) in enumerate(found[:PLACES_MAX]):
        limit = begin + SEARCH.EXCERPT_MAX_LENGTH - LEAD
        different = len({word for at, word in found[number : number + PLACES_MAX] if at < limit})
        if different > most:
            best, most = begin, different
    return best


def mark(line: str, places: Sequence[tuple[int, int]]) -> Markup:
    """A line as safe HTML, with `<mark>` around the places."""
    parts, at = [], 0
    for begin, end in places:
        parts += [escape(line[at:begin]), Markup("<mark>"), escape(line[begin:end]), Markup("</mark>")]
        at = end
    return Markup().join([*parts, escape(line[at:])])


def excerpt_of(body_html: str, terms: Sequence[Term]) -> Markup:
    """Some 240 characters of a rendered text, from shortly before where most was found of what was asked for."""
    line = line_of(body_html)
    places = found_in(line, terms)
    first = most_telling(line, places)
    begin = max(0, first - LEAD)
    if begin:
        # Not in the middle of a word, where there are blanks.
        begin = line.find(" ", begin, first) + 1 or begin
    end = min(len(line), begin + SEARCH.EXCERPT_MAX_LENGTH)
    if end < len(line):
        blank = line.rfind(" ", begin + SEARCH.EXCERPT_MAX_LENGTH // 2, end)
        end = blank if blank > 0 else end
    within = [(max(at, begin) - begin, min(to, end) - begin) for at, to in places if begin <= at < end]
    text = mark(line[begin:end], within)
    before = ELLIPSIS if begin else ""
    after = ELLIPSIS if end < len(line) else ""
    return Markup("").join([before, text, after])
