"""`myproject mail bounce`: what a mail server hands to a command."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from myproject.cli.main import main
from myproject.emails.bounces.returning import return_address
from myproject.emails.constants import State
from myproject.emails.services import suppression
from myproject.emails.services.outbox import queue_mail
from tests.functional.emails.mailboxes import serving
from tests.functional.emails.test_bounces import BOUNCE_ADDRESS, settings_for, shape
from tests.unit.emails.samples import sample

pytestmark = pytest.mark.one_database


def bounce(ini: Path, data: bytes) -> Result:
    return CliRunner().invoke(main, ["--config", str(ini), "mail", "bounce"], input=data)


def test_a_message_on_standard_input_is_read(
    write_ini: Callable[..., Path], make_app: Callable[..., object], db: Session
) -> None:
    ini = write_ini(**BOUNCE_ADDRESS)
    email = queue_mail(db, sample())
    assert email is not None
    email.state = State.SENT
    db.commit()
    returned_to = return_address(make_app(**BOUNCE_ADDRESS).registry, email)  # type: ignore[attr-defined]
    report = shape("postfix_unknown", returned_to) + b"x" * 2_000_000
    results = [bounce(ini, data) for data in (report, report, b"\xff\x00", shape("holiday_gmail"))]
    assert [(result.exit_code, result.stdout) for result in results] == [
        (0, "The report is counted\n"),
        (0, "This message was read before\n"),
        (0, "This is no report of a mail that came back\n"),
        (0, "This is no report of a mail that came back\n"),
    ]
    db.rollback()
    assert suppression.find(db, "ann@example.org") is not None


def test_where_the_site_can_not_take_it_the_mail_server_is_told_to_try_again(
    write_ini: Callable[..., Path], tmp_path: Path
) -> None:
    wrong = write_ini(site_url="nonsense")
    assert bounce(wrong, shape("postfix_unknown")).exit_code == 75
    # A database without tables.
    away = write_ini(**{"sqlalchemy.url": f"sqlite:///{tmp_path / 'empty.sqlite'}"})
    assert bounce(away, shape("complaint")).exit_code == 75


def test_the_doctor_looks_into_the_mailbox_of_bounces(
    write_ini: Callable[..., Path], make_app: Callable[..., object]
) -> None:
    with serving("imap") as mailbox:
        mailbox.put(shape("postfix_unknown"))
        ini = write_ini(**settings_for(mailbox, "imap"))
        told = CliRunner().invoke(main, ["--config", str(ini), "doctor"]).output
        assert "ok    bounces: 1 in the mailbox at 127.0.0.1" in told
        assert mailbox.messages
        ini = write_ini(**settings_for(mailbox, "imap", **{"mail.bounces.password": "wrong"}))
        told = CliRunner().invoke(main, ["--config", str(ini), "doctor"]).output
    assert "ok    mail: " in told
    assert "WRONG bounces: Can't read the mailbox of bounces at 127.0.0.1 (the server says no)" in told


def test_the_doctor_takes_a_mailbox_that_a_worker_reads_just_then_for_well(
    write_ini: Callable[..., Path], make_app: Callable[..., object]
) -> None:
    with serving("pop3") as mailbox, mailbox.lock:
        ini = write_ini(**settings_for(mailbox, "pop3"))
        told = CliRunner().invoke(main, ["--config", str(ini), "doctor"]).output
    assert told.splitlines()[-1] == "ok    bounces: the mailbox at 127.0.0.1 is in use just now"
