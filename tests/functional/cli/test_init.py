"""`myproject init`, `myproject doctor`, and the ini files as they are shipped."""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from myproject.cli.main import main, make_key
from tests import servers
from tests.conftest import REPOSITORY, PostgresqlDatabase, SqliteDatabase

PRODUCTION = REPOSITORY / "production.ini"


def run(ini: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(ini), *arguments])


@pytest.fixture
def key(site: Path) -> Path:
    return site.parent / "var" / "secret.key"


def tables(file: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{file}")
    names = sa.inspect(engine).get_table_names()
    engine.dispose()
    return names


# init


def test_init_makes_the_database_and_a_key_that_only_its_owner_can_read_and_warns_of_nothing(
    site: Path, key: Path, recwarn: pytest.WarningsRecorder
) -> None:
    umask = os.umask(0)
    try:
        result = run(site, "init")
    finally:
        os.umask(umask)
    assert result.exit_code == 0, result.output
    assert f"Made a secret key: {key}" in result.output
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) >= 32
    assert [str(warning.message) for warning in recwarn] == []
    assert {"users", "posts", "comments", "emails", "alembic_version"} <= set(
        tables(site.parent / "var" / "site.sqlite")
    )


def test_init_run_again_keeps_the_rows_and_the_key_or_makes_another_and_needs_no_second_admin(
    site: Path, key: Path
) -> None:
    assert "/users/setup/" in run(site, "init").output
    before = key.read_text()
    assert run(site, "user", "create", "ann", "ann@example.org", "--role", "admin").exit_code == 0
    result = run(site, "init")
    assert result.exit_code == 0, result.output
    assert "Made a secret key" not in result.output
    assert "/users/setup/" not in result.output
    assert key.read_text() == before
    assert "ann" in run(site, "user", "list").output
    key.unlink()
    run(site, "init")
    assert key.read_text() != before


def test_init_does_not_touch_a_key_that_it_can_not_use(site: Path, key: Path) -> None:
    key.parent.mkdir()
    key.touch(mode=0o600)
    key.write_text("short")
    result = run(site, "init")
    assert result.exit_code == 1
    assert f"{key} holds a key shorter than 32 characters" in result.output
    assert key.read_text() == "short"


def test_init_says_that_it_can_not_make_the_key(site: Path, key: Path) -> None:
    key.parent.write_text("not a folder")
    result = run(site, "init")
    assert (result.exit_code, result.output) == (
        1,
        f"Error: secret_key.file: can't make {key} (File exists); see that its folder can be written to\n",
    )


def test_what_make_serve_runs_first_shows_who_to_sign_in_as_and_no_link_that_is_dead(site: Path) -> None:
    recipe = (REPOSITORY / "Makefile").read_text().partition("\nserve:")[2].partition("\n\n")[0]
    commands = re.findall(r"/myproject --config \$\(INI\) (.+)", recipe)
    said = "".join(run(site, *command.split()).output for command in commands)
    assert "Everybody's password: demo-password-1" in said
    assert "/users/setup/" not in said


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
    assert f"lacks tables of this version: run `myproject --config {ini} init`" in result.output


def test_a_command_says_that_a_new_database_wants_init_and_makes_no_empty_one(site: Path, key: Path) -> None:
    make_key(key)
    file = key.parent / "site.sqlite"
    for arguments in (["doctor"], ["user", "list"], ["rerender"]):
        for left in file.parent.glob("site.sqlite*"):
            left.unlink()
        result = run(site, *arguments)
        assert result.exit_code == 1
        assert f"The database {file} is not there yet: run `myproject --config {site} init`\n" in result.output
        assert not file.exists()
        # One that was made, by whomever, and never filled.
        file.touch()
        result = run(site, *arguments)
        assert (result.exit_code, "sqlite3." in result.output) == (1, False)
        mend = (
            f"The database sqlite:///{file} lacks tables of this version: run `myproject --config {site} init`\n"
        )
    assert mend in result.output


@pytest.mark.parametrize("arguments", [["init"], ["doctor"], ["user", "list"]], ids=" ".join)
def test_a_command_says_that_the_database_is_away_and_which_setting_to_look_at(
    site: Path, key: Path, arguments: list[str]
) -> None:
    away = "127.0.0.1:1/site"
    ours = "sqlalchemy.url = sqlite:///%(here)s/var/site.sqlite"
    assert ours in site.read_text()
    site.write_text(site.read_text().replace(ours, f"sqlalchemy.url = postgresql://site:canary@{away}"))
    make_key(key)
    result = run(site, *arguments)
    assert result.exit_code == 1
    words = re.search(r"(?:^Error: |^WRONG database: )(.+)", result.output, re.MULTILINE)
    assert words is not None, result.output
    assert words[1].startswith(
        "The database postgresql://site:***@127.0.0.1:1/site can't be used (connection failed"
    )
    assert words[1].endswith("refused): see that PostgreSQL runs, and sqlalchemy.url")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_doctor_says_that_redis_is_away(write_ini: Callable[..., Path]) -> None:
    result = run(write_ini(redis_url="redis://:canary-password@127.0.0.1:1/0"), "doctor")
    assert result.exit_code == 1
    assert "ok    database" in result.output
    assert "WRONG queue: Redis at redis://127.0.0.1:1/0 can't be used (Error 111" in result.output
    assert "): see that it runs, and redis.url\n" in result.output


# The doctor and the mail


@pytest.fixture
def doctor_of_mail(write_ini: Callable[..., Path]) -> Callable[..., tuple[int, str]]:
    """`doctor_of_mail(server, mail_tls=...)` gives how the doctor ended, and what it said of mail by SMTP."""

    def examine(port: int, **options: object) -> tuple[int, str]:
        where = {"mail_transport": "smtp", "mail_port": port, "mail_tls": "none", "mail_timeout": "1"}
        result = run(write_ini(**where | options), "doctor")
        return result.exit_code, result.output.splitlines()[-1]

    return examine


Doctor = Callable[..., tuple[int, str]]


@pytest.mark.one_database
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_the_doctor_talks_to_the_mail_server_and_sends_nothing(
    doctor_of_mail: Doctor, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    with servers.smtp_server(tls=tls) as server:
        if server.certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        code, said = doctor_of_mail(server.port, mail_tls=tls)
        assert (code, said) == (0, f"ok    mail: smtp localhost, port {server.port}, tls {tls}")
        assert server.messages == []


@pytest.mark.one_database
def test_the_doctor_signs_in_at_the_mail_server(doctor_of_mail: Doctor) -> None:
    with servers.smtp_server(accounts={"site": "canary-password"}) as server:
        code, said = doctor_of_mail(server.port, mail_username="site", mail_password="canary-password")
        assert server.logins == ["site"]
    assert code == 0
    assert said.endswith(", signed in as site")


@pytest.mark.one_database
def test_the_doctor_says_that_the_mail_server_refuses_the_password(doctor_of_mail: Doctor) -> None:
    with servers.smtp_server(accounts={"site": "another"}) as server:
        code, said = doctor_of_mail(server.port, mail_username="site", mail_password="canary-password")
    assert code == 1
    assert said.startswith("WRONG mail: The mail server refused the user name or password (535)")
    assert said.endswith("see mail.username and mail.password_file")
    assert "canary-password" not in said


@pytest.mark.one_database
def test_the_doctor_says_that_the_mail_server_takes_no_password(
    doctor_of_mail: Doctor, smtp_server: servers.SmtpServer
) -> None:
    code, said = doctor_of_mail(smtp_server.port, mail_username="site", mail_password="canary-password")
    assert code == 1
    assert "offers no sign-in: see mail.tls and mail.port, or leave mail.username empty" in said


@pytest.mark.one_database
def test_the_doctor_says_that_the_mail_server_is_away(doctor_of_mail: Doctor) -> None:
    code, said = doctor_of_mail(port := servers.free_port())
    assert code == 1
    assert said.startswith(f"WRONG mail: Can't connect to the mail server at localhost, port {port}")
    assert "refused" in said
    assert said.endswith("see mail.host, mail.port and mail.tls")


@pytest.mark.one_database
def test_the_doctor_does_not_wait_for_a_mail_server_that_says_nothing(doctor_of_mail: Doctor) -> None:
    with socket.create_server((servers.LOOPBACK, 0)) as silent:
        code, said = doctor_of_mail(silent.getsockname()[1], mail_host=servers.LOOPBACK)
    assert code == 1
    assert "timed out" in said


@pytest.mark.one_database
def test_the_doctor_says_that_the_mail_server_offers_no_tls(
    doctor_of_mail: Doctor, smtp_server: servers.SmtpServer
) -> None:
    code, said = doctor_of_mail(smtp_server.port, mail_tls="starttls")
    assert code == 1
    assert "offers no STARTTLS" in said
    assert "mail.tls" in said


@pytest.mark.one_database
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_doctor_says_that_the_mail_servers_certificate_is_not_to_be_trusted(
    doctor_of_mail: Doctor, tls: str
) -> None:
    with servers.smtp_server(tls=tls) as server:
        code, said = doctor_of_mail(server.port, mail_tls=tls)
    assert code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "whether the certificate is for localhost" in said


@pytest.mark.one_database
def test_the_doctor_leaves_nothing_in_the_mail_folder(write_ini: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    result = run(write_ini(mail_folder=folder), "doctor")
    assert f"ok    mail: files in {folder}" in result.output
    assert list(folder.iterdir()) == []


@pytest.mark.one_database
def test_the_doctor_says_that_the_mail_folder_can_not_be_written(
    write_ini: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "mail"
    folder.write_text("not a folder")
    result = run(write_ini(mail_folder=folder), "doctor")
    assert result.exit_code == 1
    assert "WRONG mail: Can't write to the mail folder (File exists): see mail.folder" in result.output


# The doctor and the settings


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


def test_production_starts_once_all_of_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alembic").symlink_to(REPOSITORY / "alembic")
    ini = tmp_path / "production.ini"
    shipped = PRODUCTION.read_text()
    for line, value in (("site.url", "https://community.example.org"), ("mail.sender", "site@example.org")):
        shipped = shipped.replace(f"\n{line} =\n", f"\n{line} = {value}\n")
    ini.write_text(shipped)
    result = run(ini, "init")
    assert result.exit_code == 0, result.output
    with servers.smtp_server(tls="starttls") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        ini.write_text(shipped.replace("\nmail.port = 587\n", f"\nmail.port = {server.port}\n"))
        result = run(ini, "doctor")
    assert result.exit_code == 0, result.output


def test_a_settings_error_ends_a_command_with_the_list_and_no_traceback(tmp_path: Path) -> None:
    ini = Path(shutil.copy(PRODUCTION, tmp_path))
    result = run(ini, "user", "list")
    assert result.exit_code == 1
    assert "site.url: unset" in result.output
    assert "Traceback" not in result.output
