"""A copy of the site's source, for tests that change it: add a module, add a language."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
COPIED = ("myproject", "alembic", "tests", "setup.cfg", "development.ini")
SECONDS_TO_RUN = 240


def copy_site(folder: Path) -> Path:
    """Copies what the site and its tests are made of into `folder`; gives the folder."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Runs `python ARGUMENTS` on the source in `folder` and gives its output; fails the test where it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        # Before the site that is installed for development.
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_TO_RUN,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_tests(folder: Path, *arguments: str) -> None:
    """Runs tests of the copy: `arguments` are pytest's."""
    run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments)
