"""Sites on disk, for the command line."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The shipped development.ini in a folder of its own, as a new check-out has it; nothing is set up yet."""
    (tmp_path / "alembic").symlink_to(REPOSITORY / "alembic")
    return Path(shutil.copy(REPOSITORY / "development.ini", tmp_path / "site.ini"))
