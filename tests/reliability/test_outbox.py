"""Nothing that was committed is lost, whoever is killed and whenever."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import Envelope
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import clock
from myproject.emails.constants import Kind, State
from myproject.emails.models import Email
from myproject.emails.services.outbox import Mail, queue_mail
from tests.servers import SmtpServer

PROGRAM = Path(__file__).with_name("outbox_worker.py")
MAILS = 400
KILLS = 20
WORKER_THREADS = 2
MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE)


class Arrivals(list[Envelope]):
    """The messages of a server; `wait_for(n)` returns once there are `n` in all."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Condition()

    def append(self, envelope: Envelope) -> None:
        with self.arrived:
            super().append(envelope)
            self.arrived.notify_all()

    def wait_for(self, number: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self) >= number, timeout=30), f"{len(self)} of {number} came"

    def different(self) -> Counter[bytes]:
        found = (MESSAGE_ID.search(message.original_content or b"") for message in self)
        return Counter(match[1] for match in found if match)


@pytest.fixture
def redis_url(backend: str, request: pytest.FixtureRequest) -> str:
    """The queue of each profile: its own file beside SQLite, Redis beside PostgreSQL."""
    return "" if backend == "sqlite" else str(request.getfixturevalue("redis_server").url)


def end_leases(db: Session) -> None:
    """Lets the time pass that the dead workers' leases had left."""
    db.execute(sa.update(Email).where(Email.state == State.SENDING).values(lease_until=clock(-1)))
    db.commit()


@contextmanager
def workers(options: dict[str, str]) -> Iterator[Callable[[], int]]:
    """`start()` gives the process id of a new worker, once the one before it is gone."""
    command = [sys.executable, "-W", "ignore", str(PROGRAM), json.dumps(options)]
    nursery = subprocess.Popen(
        command,
        env={"PYTHONPATH": str(PROGRAM.parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # The workers are its children: what goes wrong here ends them all.
        start_new_session=True,
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None

    def start() -> int:
        nursery.stdin.write(b"\n")
        nursery.stdin.flush()
        return int(nursery.stdout.readline())

    try:
        yield start
        nursery.stdin.close()
        nursery.wait(30)
    finally:
        if nursery.poll() is None:
            os.killpg(nursery.pid, signal.SIGKILL)
            nursery.wait()
        nursery.stdout.close()


def test_twenty_kills_of_the_worker_lose_no_mail(
    make_app: Callable[..., Router],
    app_settings: Callable[..., dict[str, str]],
    redis_url: str,
    smtp_server: SmtpServer,
    backend: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arrivals = smtp_server.messages = Arrivals()
    overrides: dict[str, object] = {
        "redis_url": redis_url,
        "mail_transport": "smtp",
        "mail_host": "127.0.0.1",
        "mail_port": smtp_server.port,
        "mail_tls": "none",
    }
    app = make_app(**overrides)
    with app.registry["sessions"].writing() as db:
        for number in range(MAILS):
            address = f"member-{number}@example.org"
            assert queue_mail(db, Mail(Kind.ALREADY_REGISTERED, address, context={"name": f"member-{number}"}))

    chance = random.Random(20)
    with workers(app_settings(**overrides)) as start:
        worker = start()
        for kill in range(KILLS):
            arrivals.wait_for((kill + 1) * MAILS // (2 * KILLS))
            # A moment more, so that the kill falls into every part of a delivery.
            threading.Event().wait(chance.uniform(0, 0.05))
            os.kill(worker, signal.SIGKILL)
            if kill == KILLS - 1:
                with app.registry["sessions"].writing() as db:
                    end_leases(db)
            worker = start()
        with arrivals.arrived:
            arrivals.arrived.wait_for(lambda: len(arrivals.different()) == MAILS, timeout=30)
        os.kill(worker, signal.SIGTERM)

    with app.registry["sessions"].reading() as db:
        states = Counter(db.scalars(sa.select(Email.state)))
    lost = MAILS - len(arrivals.different())
    duplicates = len(arrivals) - len(arrivals.different())
    with capsys.disabled():
        print(f"\noutbox on {backend}: {MAILS} mails, {KILLS} kills: {lost} lost, {duplicates} came twice")
    assert lost == 0
    assert states == {State.SENT: MAILS}
    # Each thread of a killed worker may have handed over one mail that it had no time to mark as sent.
    assert duplicates <= KILLS * WORKER_THREADS
