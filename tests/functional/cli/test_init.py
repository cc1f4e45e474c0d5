"""`myproject init`, `myproject doctor`, and the ini files as they are shipped."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from myproject.cli.main import main
from tests.conftest import REPOSITORY, PostgresqlDatabase, SqliteDatabase

DEVELOPMENT, PRODUCTION = (REPOSITORY / f"{name}.ini" for name in ("development", "production"))


def run(ini: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(ini), *arguments])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The shipped development.ini in a folder of its own, as a new check-out has it; nothing is set up yet."""
    (tmp_path / "alembic").symlink_to(REPOSITORY / "alembic")
    return Path(shutil.copy(DEVELOPMENT, tmp_path / "site.ini"))


@pytest.fixture
def key(site: Path) -> Path:
    return site.parent / "var" / "secret.key"


@pytest.fixture
def write_ini(app_settings: Callable[..., dict[str, str]], site: Path) -> Callable[..., Path]:
    """`write_ini(**overrides)` gives an ini file on the test's database."""

    def write(**overrides: object) -> Path:
        lines = [f"{key} = {value}".replace("%", "%%") for key, value in app_settings(**overrides).items()]
        alembic = f"[alembic]\nscript_location = {REPOSITORY / 'alembic'}"
        site.write_text("\n".join(["[app:main]", "use = egg:myproject", *lines, "", alembic]))
        return site

    return write


def tables(file: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{file}")
    names = sa.inspect(engine).get_table_names()
    engine.dispose()
    return names


# init


def test_init_makes_a_key_that_only_its_owner_can_read(site: Path, key: Path) -> None:
    umask = os.umask(0)
    try:
        result = run(site, "init")
    finally:
        os.umask(umask)
    assert result.exit_code == 0, result.output
    assert f"Made a secret key: {key}" in result.output
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) >= 32


def test_init_makes_the_database(site: Path) -> None:
    assert run(site, "init").exit_code == 0
    assert {"users", "posts", "comments", "emails", "alembic_version"} <= set(
        tables(site.parent / "var" / "site.sqlite")
    )


def test_init_run_again_keeps_the_key_and_the_rows(site: Path, key: Path) -> None:
    assert run(site, "init").exit_code == 0
    before = key.read_text()
    assert run(site, "user", "create", "ann", "ann@example.org").exit_code == 0
    result = run(site, "init")
    assert result.exit_code == 0, result.output
    assert "Made a secret key" not in result.output
    assert key.read_text() == before
    assert "ann" in run(site, "user", "list").output


def test_two_sites_get_different_keys(site: Path, key: Path, tmp_path: Path) -> None:
    run(site, "init")
    first = key.read_text()
    key.unlink()
    run(site, "init")
    assert key.read_text() != first


def test_init_does_not_touch_a_key_that_it_can_not_use(site: Path, key: Path) -> None:
    key.parent.mkdir()
    key.touch(mode=0o600)
    key.write_text("short")
    result = run(site, "init")
    assert result.exit_code == 1
    assert f"{key} holds a key shorter than 32 characters" in result.output
    assert key.read_text() == "short"


# doctor


def test_the_doctor_finds_nothing_wrong_with_a_site_that_is_set_up(
    write_ini: Callable[..., Path],
) -> None:
    result = run(write_ini(), "doctor")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        "ok    settings",
        "ok    database",
        "ok    queue",
        "ok    mail",
    ]


def test_the_doctor_shows_no_password(write_ini: Callable[..., Path], backend: str, database_url: str) -> None:
    if backend == "postgresql":
        database_url = database_url.replace("postgres@", "postgres:canary-password@")
    output = run(write_ini(sqlalchemy_url=database_url, mail_password="canary-password"), "doctor").output
    assert "ok    database" in output
    assert "canary-password" not in output


def test_the_doctor_says_that_migrations_are_missing(
    write_ini: Callable[..., Path], database: SqliteDatabase | PostgresqlDatabase
) -> None:
    ini = write_ini()
    engine = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    version = sa.table("alembic_version", sa.column("version_num"))
    with engine.begin() as connection:
        newest = connection.scalar(sa.select(version.c.version_num))
        connection.execute(sa.update(version).values(version_num="old"))
    result = run(ini, "doctor")
    # The next test gets the same tables.
    with engine.begin() as connection:
        connection.execute(sa.update(version).values(version_num=newest))
    engine.dispose()
    assert result.exit_code == 1
    assert "WRONG database" in result.output
    assert "myproject init" in result.output


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_doctor_says_that_the_database_is_away(write_ini: Callable[..., Path], database_url: str) -> None:
    away = database_url.rpartition(":")[0] + ":1/site"
    result = run(write_ini(sqlalchemy_url=away), "doctor")
    assert result.exit_code == 1
    assert "WRONG database" in result.output
    assert "refused" in result.output


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_doctor_says_that_redis_is_away(write_ini: Callable[..., Path]) -> None:
    result = run(write_ini(redis_url="redis://127.0.0.1:1/0"), "doctor")
    assert result.exit_code == 1
    assert "ok    database" in result.output
    assert "WRONG queue" in result.output


def test_the_doctor_lists_every_wrong_setting_and_changes_nothing(site: Path, key: Path) -> None:
    site.write_text(site.read_text().replace("site.url = http://localhost:6543", "site.url ="))
    result = run(site, "doctor")
    assert result.exit_code == 1
    assert "- site.url: unset" in result.output
    assert f"- secret_key.file: {key} is missing; run `myproject --config FILE.ini init`" in result.output
    assert not key.exists()


# The shipped ini files


def start(ini: Path) -> subprocess.CompletedProcess[str]:
    """Starts the site of an ini file that can't start, and gives what it said."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pyramid.scripts.pserve", str(ini)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_as_it_is_shipped_does_not_start_and_lists_what_is_to_be_done(tmp_path: Path) -> None:
    ini = Path(shutil.copy(PRODUCTION, tmp_path))
    stopped = start(ini)
    assert stopped.returncode != 0
    said = stopped.stderr + stopped.stdout
    key = tmp_path / "var" / "secret.key"
    assert f"secret_key.file: {key} is missing; run `myproject --config FILE.ini init`" in said
    assert "site.url: unset; say the site's own address, such as https://community.example.org" in said
    assert "mail.sender: unset; say the address mails come from" in said


@pytest.mark.parametrize(
    ("ours", "theirs", "problem"),
    [
        ("site.url =", "site.url = http://community.example.org", "site.url: passwords would travel in the clear"),
        ("site.admins =", "pyramid.reload_templates = true", "pyramid.reload_templates: debugging is on"),
        ("site.admins =", "pyramid.includes = pyramid_debugtoolbar", "pyramid.includes: debugging is on"),
        ("mail.transport = smtp", "mail.transport = files", "mail.transport: files reaches nobody"),
    ],
)
def test_production_refuses_what_only_development_may(
    tmp_path: Path, ours: str, theirs: str, problem: str
) -> None:
    ini = tmp_path / "production.ini"
    shipped = PRODUCTION.read_text()
    assert f"\n{ours}\n" in shipped
    ini.write_text(shipped.replace(f"\n{ours}\n", f"\n{theirs}\n"))
    result = run(ini, "doctor")
    assert result.exit_code == 1
    assert f"- {problem}" in result.output


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_production_refuses_a_key_that_others_can_read(tmp_path: Path, mode: int) -> None:
    ini = Path(shutil.copy(PRODUCTION, tmp_path))
    key = tmp_path / "var" / "secret.key"
    key.parent.mkdir()
    key.write_text("a key that is long enough to be taken as one\n")
    key.chmod(mode)
    output = run(ini, "doctor").output
    assert f"- secret_key.file: others can read {key}; run `chmod 600 {key}`" in output


def test_production_starts_once_all_of_it_is_done(tmp_path: Path) -> None:
    (tmp_path / "alembic").symlink_to(REPOSITORY / "alembic")
    ini = tmp_path / "production.ini"
    shipped = PRODUCTION.read_text()
    for line, value in (("site.url", "https://community.example.org"), ("mail.sender", "site@example.org")):
        shipped = shipped.replace(f"\n{line} =\n", f"\n{line} = {value}\n")
    ini.write_text(shipped)
    result = run(ini, "init")
    assert result.exit_code == 0, result.output
    result = run(ini, "doctor")
    assert result.exit_code == 0, result.output


def test_a_settings_error_ends_a_command_with_the_list_and_no_traceback(tmp_path: Path) -> None:
    ini = Path(shutil.copy(PRODUCTION, tmp_path))
    result = run(ini, "user", "list")
    assert result.exit_code == 1
    assert "site.url: unset" in result.output
    assert "Traceback" not in result.output
