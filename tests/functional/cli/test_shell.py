"""`pshell`: the site at hand, and nothing kept unless it is said."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.models import MODELS
from myproject.users.models import User
from tests.factories import make_user

pytestmark = pytest.mark.one_database

PRINT = "print('told:', {})"


@pytest.fixture
def shell(write_ini: Callable[..., Path], db: Session) -> Callable[..., list[str]]:
    """`shell(*lines)` types lines into `pshell` and gives what the prints among them said."""
    ini = write_ini("[pshell]\nsetup = myproject.cli.shell.setup")

    def run(*lines: str) -> list[str]:
        db.commit()
        db.expire_all()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "pyramid.scripts.pshell", "-p", "python", str(ini)],
            input="\n".join([*lines, ""]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return [line.partition("told: ")[2] for line in done.stdout.splitlines() if "told: " in line]

    return run


def test_models_services_and_a_session_are_at_hand(shell: Callable[..., list[str]], db: Session) -> None:
    make_user(db, "ann")
    told = shell(
        PRINT.format("users.profiles.find_profile(db, 'ann').title"),
        PRINT.format("db.query(User).count()"),
        PRINT.format(
            "[callable(verb) for verb in"
            " (posts.lists.list_posts, comments.threads.list_comments, emails.delivery.claim)]"
        ),
        PRINT.format(f"[{', '.join(model.__name__ for model in MODELS)}] is not None"),
        PRINT.format("app is not None and request.registry is registry"),
    )
    assert told == ["ann", "1", "[True, True, True]", "True", "True"]


def test_what_is_done_there_is_rolled_back(shell: Callable[..., list[str]], db: Session) -> None:
    user = make_user(db, "ann")
    told = shell(
        f"user = db.get(User, {user.id})",
        "user.display_name = 'Ann'",
        "db.flush()",
        PRINT.format("db.scalar(__import__('sqlalchemy').select(User.display_name))"),
    )
    assert told == ["Ann"]
    assert db.scalar(sa.select(User.display_name)) == ""


def test_what_is_committed_there_is_kept(shell: Callable[..., list[str]], db: Session) -> None:
    user = make_user(db, "ann")
    shell(f"db.get(User, {user.id}).display_name = 'Ann'", "db.commit()")
    assert db.scalar(sa.select(User.display_name)) == "Ann"
