"""`docs/settings.md` says of every setting what the table of `myproject/settings.py` says, and nothing else."""

from enum import StrEnum
from typing import Any

import pytest

from myproject.settings import ENVIRONMENT_PREFIX, SettingsError, load_settings, table
from tests.architecture.copies import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "settings.md"
TYPES = {"str": "text", "int": "number", "bool": "`true` or `false`", "Path": "path", "tuple[str, ...]": "list"}


def type_of(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{member}`" for member in kind)
    return TYPES[kind.__name__ if isinstance(kind, type) and kind is not tuple else str(kind)]


def variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def line_of(row: dict[str, Any]) -> str:
    """The line of the document for one row of the table."""
    default = "<br>".join(f"`{line}`" for line in row["default"].splitlines()) or "empty"
    cells = (f"`{row['key']}`", type_of(row["type"]), default, row["meaning"], f"`{variable(row['key'])}`")
    return f"| {' | '.join(cells)} |"


def documented_lines() -> list[str]:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| `") and line.count(" | ") == 4]


def test_document_says_what_the_table_of_settings_says() -> None:
    documented, expected = documented_lines(), [line_of(row) for row in table()]
    missing = [line for line in expected if line not in documented]
    stale = [line for line in documented if line not in expected]
    told = ["docs/settings.md lacks", *missing, "and should not have", *stale]
    assert not missing, "\n".join(told)
    assert not stale, "\n".join(told)


def test_document_names_each_setting_once_in_the_order_of_the_table() -> None:
    assert [line.split(" | ")[0] for line in documented_lines()] == [f"| `{row['key']}`" for row in table()]


def test_variables_of_the_document_are_those_that_are_read() -> None:
    environ = {variable("site.url"): "no address"}
    with pytest.raises(SettingsError) as error:
        load_settings({"site.url": "https://community.example.org"}, environ)
    assert any(problem.startswith("site.url:") for problem in error.value.problems)
