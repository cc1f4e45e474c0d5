"""Sites on disk, for the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The shipped development.ini in a folder of its own, as a new check-out has it; nothing is set up yet."""
    (tmp_path / "alembic").symlink_to(REPOSITORY / "alembic")
    return Path(shutil.copy(REPOSITORY / "development.ini", tmp_path / "site.ini"))


@pytest.fixture
def write_ini(app_settings: Callable[..., dict[str, str]], site: Path) -> Callable[..., Path]:
    """`write_ini(**overrides)` gives an ini file on the test's database."""

    def write(**overrides: object) -> Path:
        lines = [f"{key} = {value}".replace("%", "%%") for key, value in app_settings(**overrides).items()]
        alembic = f"[alembic]\nscript_location = {REPOSITORY / 'alembic'}"
        site.write_text("\n".join(["[app:main]", "use = egg:myproject", *lines, "", alembic]))
        return site

    return write
