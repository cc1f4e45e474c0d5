"""The documents name only what there is, and what they show works."""

import os
import re
import shlex
from pathlib import Path

import click
import pytest

from myproject.cli.main import main
from tests.architecture.copies import REPOSITORY, copy_site, run, run_tests

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
    made = set(files_of_the_guide()) if document == MODULE_GUIDE else set()
    assert [name for name in files_named_by(document) - made if not (REPOSITORY / name).exists()] == []


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


def change(source: str, lines: str) -> str:
    """Applies a change, as `diff` writes one. Its old lines must stand in the source, together and once."""
    old = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[0] in " -")
    new = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[0] in " +")
    assert source.count(old) == 1, f"the guide wants to change what is not there:\n{old}"
    return source.replace(old, new)


@pytest.fixture
def site_with_bookmarks(tmp_path: Path) -> Path:
    site = copy_site(tmp_path)
    for name, source in files_of_the_guide().items():
        file = site / name
        assert not file.exists(), name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    for name, lines in changes_of_the_guide():
        file = site / name
        file.write_text(change(file.read_text(encoding="utf-8"), lines), encoding="utf-8")
    return site


# What `make revision` does on a database that `make serve` has made.
MAKE_MIGRATION = """
import alembic.command, alembic.config
from myproject.cli.main import main
main(["--config", "development.ini", "init"], standalone_mode=False)
alembic.command.revision(alembic.config.Config("development.ini"), "Add bookmarks", autogenerate=True)
"""


def test_module_of_the_guide_works_and_keeps_the_rules(site_with_bookmarks: Path) -> None:
    site, rules = site_with_bookmarks, os.fspath(REPOSITORY / "ruff.toml")
    files = [name for name in files_of_the_guide() if name.endswith(".py")]
    run(site, "-m", "ruff", "check", "--config", rules, *files)
    run(site, "-m", "ruff", "format", "--check", "--config", rules, *files)
    run(site, "-c", MAKE_MIGRATION)
    run_tests(
        site,
        "tests/functional/bookmarks",
        "tests/architecture/test_imports.py",
        "tests/architecture/test_i18n.py",
        "-k",
        "not postgresql and (bookmarks or test_imports or texts_of_forms)",
    )
