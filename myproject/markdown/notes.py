"""Footnotes and task lists.

The notes of a text have addresses of its own, made from its words, so that two texts on one page do not lead to
each other's notes. Where many stand on one, some may say the same: there `with_notes_of` tells them apart.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote.index import footnote_def, footnote_ref, footnote_tail

LABEL_MAX_LENGTH = 40
KEY = "[0-9a-f]{8}"
NOTE_ID = re.compile(rf"(?:note|noteref)-{KEY}-[0-9]{{1,5}}\Z")
NOTE_LINK = re.compile(rf"#(?:note|noteref)-{KEY}-[0-9]{{1,5}}\Z")
NOTE_BEGIN = re.compile(rf'<li id="note-({KEY})-')
NOTES_CLASS = "footnotes"
NOTE_CHARACTERS = 60  # what a reference makes of itself

TASK = re.compile(r"\[([ xX])\][ \t]+")
TASK_CLASS = "task"
BOXES = {" ": "\u2610", "x": "\u2611"}


def key_of(source: str) -> str:
    """What tells the notes of this text from those of others."""
    return blake2b(source.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def with_notes_of(row_id: int, html: str) -> str:
    """The rendered text of a row, with notes that no other row's text leads to, were it the same text."""
    found = NOTE_BEGIN.search(html)
    return html.replace(f"-{found[1]}-", f"-{found[1]}-{row_id}-") if found else html


def add_footnotes(parser: MarkdownIt) -> None:
    """Lets a parser understand `[^1]` and `[^1]: the note`."""
    # Not the whole plugin: it would put its own HTML in place of `NotesRenderer`.
    parser.block.ruler.before("reference", "footnote_def", define_note, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.after("image", "footnote_ref", refer_to_note)
    parser.core.ruler.after("inline", "footnote_tail", footnote_tail)


def define_note(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """The library's rule for labels of a bounded length: it looks for their end in all the line."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    if not state.src.startswith("[^", start) or state.src.find("]:", start, start + LABEL_MAX_LENGTH) < 0:
        return False
    return footnote_def(state, start_line, end_line, silent)


def refer_to_note(state: StateInline, silent: bool) -> bool:
    """The same for references."""
    start = state.pos
    if not state.src.startswith("[^", start) or state.src.find("]", start, start + LABEL_MAX_LENGTH) < 0:
        return False
    return footnote_ref(state, silent)


class NotesRenderer:
    """Footnotes as HTML: a list after the text, each with a way back to where it was first referred to."""

    def footnote_ref(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        meta = tokens[idx].meta
        number, key = meta["id"] + 1, env["key"]
        name = "" if meta["subId"] else f' id="noteref-{key}-{number}"'
        return f'<sup><a href="#note-{key}-{number}"{name}>{number}</a></sup>'

    def footnote_block_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<ol class="{NOTES_CLASS}">\n'

    def footnote_block_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</ol>\n"

    def footnote_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<li id="note-{env["key"]}-{tokens[idx].meta["id"] + 1}">'

    def footnote_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</li>\n"

    def footnote_anchor(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        meta = tokens[idx].meta
        if meta["subId"]:
            return ""
        # The second character keeps the arrow from being shown as a coloured picture.
        return f' <a href="#noteref-{env["key"]}-{meta["id"] + 1}">\u21a9\ufe0e</a>'


def mark_task(tokens: Sequence[Token], index: int) -> None:
    """Gives an item of a list that begins with `[ ]` or `[x]` its box. `index` is that of its text.

    A character, not a form's field: it reads well in mails and feeds too, and nobody tries to tick it.
    """
    if index < 2 or tokens[index - 1].type != "paragraph_open" or tokens[index - 2].type != "list_item_open":
        return
    children = tokens[index].children
    if not children or children[0].type != "text":
        return
    found = TASK.match(children[0].content)
    # `[x]` may be a link: then the text begins with something else.
    if not found:
        return
    children[0].content = f"{BOXES[found[1].lower()]} {children[0].content[found.end() :]}"
    tokens[index - 2].attrs["class"] = TASK_CLASS
