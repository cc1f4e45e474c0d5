"""The documents name only what there is, and what they show works."""

import re
import shlex
from pathlib import Path

import click
import pytest

from myproject.cli.main import main
from tests.architecture.copies import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
MODULE_GUIDE = REPOSITORY / "docs" / "adding-a-module.md"

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")

# What tools make or the owner keeps stands in the folder, but not in the repository.
UNTRACKED = {"var", "build", "dist"}
FOLDERS = {entry.name for entry in REPOSITORY.iterdir() if entry.is_dir() and entry.name[0] != "."} - UNTRACKED
PATH = rf"(?:{'|'.join(sorted(FOLDERS))})/[\w./-]*"
FILE = re.compile(rf"{PATH}|[\w-]+\.(?:md|ini|cfg|toml)|requirements[\w-]*\.txt|Makefile")


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def name_of(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


# Names


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", text_of(document))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def files_named_by(document: Path) -> set[str]:
    """What stands in code font and is a path from the repository's top."""
    return {word for word in CODE.findall(FENCE.sub("", text_of(document))) if FILE.fullmatch(word)}


@every_document
def test_files_that_are_named_exist(document: Path) -> None:
    assert [name for name in files_named_by(document) if not (REPOSITORY / name).exists()] == []


# Commands


def command_lines(document: Path) -> list[str]:
    """Whatever a document gives to run: lines of `sh` and `ini` blocks, and code in a sentence."""
    text = text_of(document)
    lines = [line for kind, block in FENCE.findall(text) if kind in ("sh", "ini") for line in block.splitlines()]
    return lines + CODE.findall(FENCE.sub("", text))


def commands(name: str) -> list[list[str]]:
    """The words after `name`, wherever a document runs it, from whatever folder."""
    run_it = re.compile(rf"(?:^ *|/){name} +(\S.*)")
    lines = [line for document in DOCUMENTS for line in command_lines(document)]
    return [shlex.split(match[1], comments=True) for line in lines for match in run_it.finditer(line)]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(REPOSITORY / "Makefile"), re.MULTILINE))
    used = {words[0] for words in commands("make")}
    assert {"serve", "test"} <= used
    assert used <= targets


def test_subcommands_and_their_options_exist() -> None:
    used = commands("myproject")
    assert len(used) > 5
    for words in used:
        command: click.Command = main
        for word in words:
            if word.startswith("--"):
                assert word in {name for option in command.params for name in option.opts}, words
            elif isinstance(command, click.Group) and not word.endswith(".ini"):
                assert word in command.commands, words
                command = command.commands[word]
        assert not isinstance(command, click.Group) or len(words) == 1, words


# The guide to modules


def files_of_the_guide() -> dict[str, str]:
    """Each file that the guide shows, by its path: a heading with the path, and the block below it."""
    parts = re.split(r"^### `([^`]+)`$", text_of(MODULE_GUIDE), flags=re.MULTILINE)
    return {
        path: FENCE.search(part)[2]  # type: ignore[index]
        for path, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def changes_of_the_guide() -> list[tuple[str, str]]:
    """Each change of a file that there is: its path, as the last one named before the block, and the lines."""
    text, found = text_of(MODULE_GUIDE), []
    for block in FENCE.finditer(text):
        if block[1] == "diff":
            named = [name for name in CODE.findall(FENCE.sub("", text[: block.start()])) if "/" in name]
            found.append((named[-1], block[2]))
    return found


def test_files_of_the_guide_are_those_of_the_site() -> None:
    shown = files_of_the_guide()
    assert "myproject/bookmarks/services.py" in shown
    for name, source in shown.items():
        assert (REPOSITORY / name).read_text(encoding="utf-8") == source, name


def test_the_guide_shows_every_file_of_its_module() -> None:
    folder = REPOSITORY / "myproject" / "bookmarks"
    assert {file.relative_to(REPOSITORY).as_posix() for file in folder.glob("*.py")} <= set(files_of_the_guide())


def test_lines_that_the_guide_adds_elsewhere_stand_there() -> None:
    changes = changes_of_the_guide()
    assert len(changes) > 5
    for name, lines in changes:
        added = [line[1:].strip() for line in lines.splitlines() if line[0] == "+"]
        source = (REPOSITORY / name).read_text(encoding="utf-8")
        assert added
        assert [line for line in added if line not in source] == [], name
