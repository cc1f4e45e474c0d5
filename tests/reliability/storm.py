"""A storm of mails: people have the site queue them while its web server and its workers are killed, its queue is
taken away, and its mail server has moods. For the tests, and at length for bench/mail.py.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from myproject.db import Sessions
from myproject.emails.constants import State
from myproject.emails.models import Email
from tests import servers

PROGRAM = Path(__file__).with_name("killable.py")
MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE)
NUMBER = re.compile(r"member-([0-9]+)@")
WORKERS = 2
WORKER_THREADS = 2
POSTERS = 4
PATIENCE_SECONDS = 180


class Mood(Enum):
    """What the mail server does with a message, the first time that it sees it."""

    TAKE = "takes it"
    DEFER = "takes it later"
    REFUSE = "refuses its recipient, for good"
    DROP = "takes it, and breaks the connection off before it says so"
    HANG = "says nothing any more"


# Of a hundred messages, by the last two digits of their numbers.
MOODS = {11: Mood.REFUSE, 29: Mood.DROP, 53: Mood.DEFER, 83: Mood.DROP}
HANGS_AT = 571


def mood_of(number: int) -> Mood:
    return Mood.HANG if number == HANGS_AT else MOODS.get(number % 100, Mood.TAKE)


def number_in(address: str) -> int:
    match = NUMBER.match(address)
    assert match
    return int(match[1])


class MoodyServer(servers.SmtpServer):
    """An SMTP server that knows each message by the number in its recipient's address."""

    def __init__(self) -> None:
        super().__init__(servers.free_port(), None)
        self.seen: set[int] = set()
        self.copies: Counter[int] = Counter()
        self.message_ids: dict[int, set[bytes]] = {}
        self.changed = threading.Condition()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        number = number_in(address)
        mood = mood_of(number)
        if mood is Mood.REFUSE:
            return servers.REFUSE
        if mood is Mood.DEFER and number not in self.seen:
            self.seen.add(number)
            return servers.DEFER
        envelope.rcpt_tos.append(address)
        return servers.ACCEPT

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        number = number_in(envelope.rcpt_tos[0])
        is_first = number not in self.seen
        self.seen.add(number)
        if is_first and mood_of(number) is Mood.HANG:
            await self.loop.create_future()
        match = MESSAGE_ID.search(envelope.original_content or b"")
        assert match
        with self.changed:
            self.copies[number] += 1
            self.message_ids.setdefault(number, set()).add(match[1])
            self.changed.notify_all()
        if is_first and mood_of(number) is Mood.DROP:
            server.transport.abort()
        return servers.ACCEPT

    def wait_for(self, number: int) -> None:
        """Returns once so many messages have come that differ."""
        with self.changed:
            while len(self.copies) < number:
                assert self.changed.wait(PATIENCE_SECONDS), f"{len(self.copies)} of {number} came"


@contextmanager
def moody_server() -> Iterator[MoodyServer]:
    server = MoodyServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def nursery(options: dict[str, str], port: int) -> Iterator[Callable[[str], int]]:
    """`start("web")` and `start("worker")` give the process id of a new one."""
    given = {"web": options, "worker": options | {"tasks.embedded": "false"}, "port": port}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(PROGRAM), json.dumps(given)],
        env={"PYTHONPATH": str(PROGRAM.parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # What it starts are its children: what goes wrong here ends them all.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    alone = threading.Lock()

    def start(role: str) -> int:
        with alone:
            process.stdin.write(f"{role}\n".encode())
            process.stdin.flush()
            return int(process.stdout.readline())

    try:
        yield start
        process.stdin.close()
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


class Posting:
    """People who ask for mails 0 to `mails`, each as often as it takes until the site says that it has it."""

    def __init__(self, url: str, mails: int) -> None:
        self.url = url
        self.mails = mails
        self.accepted = 0
        self.changed = threading.Condition()

    def run(self) -> None:
        with ThreadPoolExecutor(POSTERS) as pool:
            for _ in pool.map(self.post_some, range(POSTERS)):
                pass

    def post_some(self, first: int) -> None:
        with requests.Session() as browser:
            for number in range(first, self.mails, POSTERS):
                ends = time.monotonic() + PATIENCE_SECONDS
                while not self.post(browser, number):
                    assert time.monotonic() < ends, "the site takes no more"
                    # It is being started, or its database is busy.
                    time.sleep(0.02)
                with self.changed:
                    self.accepted += 1
                    self.changed.notify_all()

    def post(self, browser: requests.Session, number: int) -> bool:
        try:
            return browser.post(f"{self.url}/test/mail/{number}/", timeout=30).ok
        except requests.RequestException:
            return False

    def wait_for(self, number: int) -> None:
        with self.changed:
            while self.accepted < number:
                assert self.changed.wait(PATIENCE_SECONDS), f"{self.accepted} of {number} were taken"


@dataclass(frozen=True)
class Outcome:
    """What came of a storm, in mails."""

    mails: int
    sent: int
    lost: int
    duplicates: int
    dropped: int
    dead: int
    refused: int
    other_ids: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.mails:,} mails in {self.seconds:.0f} s: {self.sent:,} sent, {self.lost} lost,"
            f" {self.duplicates} came twice ({self.dropped} of {self.mails:,} had their answer lost),"
            f" {self.other_ids} of these under another Message-ID,"
            f" {self.dead} dead ({self.refused} were refused)"
        )


def outcome(sessions: Sessions, server: MoodyServer, mails: int, seconds: float) -> Outcome:
    with sessions.reading() as db:
        states = Counter(db.scalars(sa.select(Email.state)))
    refused = sum(mood_of(number) is Mood.REFUSE for number in range(mails))
    return Outcome(
        mails=mails,
        sent=states[State.SENT],
        lost=mails - refused - len(server.copies),
        duplicates=server.copies.total() - len(server.copies),
        dropped=sum(mood_of(number) is Mood.DROP for number in range(mails)),
        dead=states[State.DEAD],
        refused=refused,
        other_ids=sum(len(ids) > 1 for ids in server.message_ids.values()),
        seconds=seconds,
    )


def storm(
    options: dict[str, str],
    server: MoodyServer,
    mails: int,
    *,
    worker_kills: int,
    web_kills: int,
    outages: Sequence[servers.Server] = (),
    settle: Callable[[], Any] = lambda: None,
    seed: int = 1,
) -> None:
    """Has so many mails queued and sent while processes are killed with SIGKILL, spread over the whole of it, and
    each of `outages` is stopped for a while. Calls `settle` while the last workers are still there.
    """
    port = servers.free_port()
    options = options | {"site.url": f"http://127.0.0.1:{port}", "pyramid.includes": "tests.reliability.faults"}
    posting = Posting(f"http://127.0.0.1:{port}", mails)
    arriving = mails - sum(mood_of(number) is Mood.REFUSE for number in range(mails))
    with nursery(options, port) as start, ThreadPoolExecutor(4) as pool:
        web = start("web")
        workers = [start("worker") for _ in range(WORKERS)]

        def kill_workers() -> None:
            chance = random.Random(seed)
            for kill in range(worker_kills):
                server.wait_for((kill + 1) * arriving // (worker_kills + 1))
                # A moment more, so that the kill falls into every part of a delivery.
                time.sleep(chance.uniform(0, 0.05))
                os.kill(workers[kill % WORKERS], signal.SIGKILL)
                workers[kill % WORKERS] = start("worker")

        def kill_web() -> None:
            nonlocal web
            chance = random.Random(seed + 1)
            for kill in range(web_kills):
                posting.wait_for((kill + 1) * mails // (web_kills + 1))
                time.sleep(chance.uniform(0, 0.05))
                os.kill(web, signal.SIGKILL)
                web = start("web")

        def take_away() -> None:
            for number, outage in enumerate(outages):
                server.wait_for((2 * number + 1) * arriving // (2 * len(outages) + 2))
                outage.stop()
                # People go on meanwhile.
                posting.wait_for(min(posting.accepted + mails // 50, mails))
                outage.start()

        jobs = [pool.submit(job) for job in (posting.run, kill_workers, kill_web, take_away)]
        for job in jobs:
            job.result()
        settle()
        for process in (web, *workers):
            os.kill(process, signal.SIGTERM)
