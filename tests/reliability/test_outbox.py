"""Nothing that was committed is lost, whoever is killed and whenever. bench/mail.py does the same at length."""

import multiprocessing
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Sessions, clock
from myproject.emails.constants import Kind
from myproject.emails.models import Email, MailRoute
from myproject.emails.services.outbox import Mail, queue_mail
from tests.outbox import deliver_due
from tests.reliability.claiming import claim_all
from tests.reliability.storm import WORKER_THREADS, moody_server, outcome, storm

MAILS = 300
WORKER_KILLS = 10
WEB_KILLS = 2


@pytest.fixture
def redis_url(backend: str, request: pytest.FixtureRequest) -> str:
    """The queue of each profile: its own file beside SQLite, Redis beside PostgreSQL."""
    return "" if backend == "sqlite" else str(request.getfixturevalue("redis_server").url)


def test_workers_of_several_processes_never_hold_the_same_mail(db: Session, database_url: str) -> None:
    for number in range(MAILS):
        queue_mail(db, Mail(Kind.REPLY, f"member-{number}@example.org"))
    db.commit()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        shares = pool.map(claim_all, [database_url] * 2, chunksize=1)
    taken = [email_id for share in shares for email_id in share]
    assert len(taken) == len(set(taken)) == MAILS


def let_time_pass(sessions: Sessions) -> None:
    """Ends the leases of dead workers, and all pauses."""
    with sessions.writing() as db:
        db.execute(sa.update(Email).values(lease_until=clock(-1), next_attempt_at=clock(-1)))
        db.execute(sa.update(MailRoute).values(opens_at=clock(-1)))


def test_kills_of_workers_and_of_the_web_server_lose_no_mail(
    make_app: Callable[..., Router],
    app_settings: Callable[..., dict[str, str]],
    redis_url: str,
    backend: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with moody_server() as server:
        overrides: dict[str, object] = {
            "redis_url": redis_url,
            "mail_transport": "smtp",
            "mail_host": "127.0.0.1",
            "mail_port": server.port,
            "mail_tls": "none",
            # As each profile has it: on SQLite the web server delivers as well.
            "tasks_embedded": backend == "sqlite",
        }
        registry = make_app(**overrides | {"tasks_embedded": False}).registry
        storm(app_settings(**overrides), server, MAILS, worker_kills=WORKER_KILLS, web_kills=WEB_KILLS)
        # What was deferred, and what the dead left; nobody else works any more. Some of it breaks off once more.
        for _ in range(2):
            let_time_pass(registry["sessions"])
            deliver_due(registry)
        result = outcome(registry["sessions"], server, MAILS, time.monotonic() - began)
    with capsys.disabled():
        print(f"\noutbox on {backend}: {WORKER_KILLS} kills of workers, {WEB_KILLS} of the web server: {result}")
    assert (result.lost, result.other_ids) == (0, 0)
    assert (result.sent, result.dead) == (MAILS - result.refused, result.refused)
    # A thread that was killed may have handed over one mail that it had no time to mark as sent.
    killed = WORKER_KILLS * WORKER_THREADS + (WEB_KILLS if backend == "sqlite" else 0)
    assert result.duplicates <= killed + result.dropped
