"""Whether mails arrive, each once, while everything goes wrong; and what one conversation for many of them gives.

    .venv/bin/python bench/mail.py
    .venv/bin/python bench/mail.py --postgresql
    .venv/bin/python bench/mail.py --conversations

It makes a scratch site, has mails queued by requests and sent to a real SMTP server, and meanwhile kills workers
and the web server with SIGKILL. With PostgreSQL the queue is in Redis, which is stopped and started in between.
The mail server refuses some recipients, defers some messages, takes some without saying so, and once says nothing
any more: tests/reliability/storm.py has its moods. Leases and back-off take the time that they take on a site.
docs/operations.md says what was measured.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from myproject import main as make_app
from myproject.db import Sessions, make_engine, sessions_of
from myproject.emails.constants import Kind
from myproject.emails.models import UNFINISHED, Email
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.emails.tasks import deliver_next, send_due
from myproject.settings import Settings
from tests import servers
from tests.conftest import migrate
from tests.reliability.storm import moody_server, outcome, storm

# A mail server on another machine answers after so long.
ROUND_TRIP_SECONDS = 0.02
MAILS_OF_A_CONVERSATION = 200


class DistantServer(servers.SmtpServer):
    """A mail server whose answers take as long as they would from elsewhere; TLS's own round trips don't count."""

    async def handle_MAIL(self, *given: Any) -> str:
        await asyncio.sleep(ROUND_TRIP_SECONDS)
        return await super().handle_MAIL(*given)

    async def handle_RCPT(self, *given: Any) -> str:
        await asyncio.sleep(ROUND_TRIP_SECONDS)
        return await super().handle_RCPT(*given)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        await asyncio.sleep(ROUND_TRIP_SECONDS)
        return await super().handle_EHLO(server, session, envelope, hostname, responses)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(2 * ROUND_TRIP_SECONDS)
        return await super().handle_DATA(server, session, envelope)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--mails", type=int, default=5_000)
    parser.add_argument("--worker-kills", type=int, default=50)
    parser.add_argument("--web-kills", type=int, default=25)
    parser.add_argument("--conversations", action="store_true", help="compare one for all mails with one for each")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url, redis_url = f"sqlite:///{folder / 'site.sqlite'}", ""
        outages: list[servers.Server] = []
        if options.postgresql:
            url = stack.enter_context(servers.postgresql()).url
            outages.append(stack.enter_context(servers.redis_server()))
            redis_url = outages[0].url
        migrate(url)
        settings = settings_for(folder, url, redis_url)
        if options.conversations:
            compare_conversations(settings)
        else:
            weather(settings, outages, options)


def settings_for(folder: Path, url: str, redis_url: str) -> dict[str, str]:
    key = folder / "secret.key"
    key.touch(mode=0o600)
    key.write_text("a key for measurements only, long enough\n")
    return {
        "site.mode": "development",
        "site.url": "http://localhost",
        "sqlalchemy.url": url,
        "redis.url": redis_url,
        "secret_key.file": str(key),
        "tasks.file": str(folder / "tasks.sqlite"),
        "tasks.embedded": "false",
        "storage.folder": str(folder / "files"),
        "mail.transport": "smtp",
        "mail.host": "127.0.0.1",
        "mail.tls": "none",
        "mail.timeout": "5",
        "ratelimit.enabled": "false",
    }


def compare_conversations(settings: dict[str, str]) -> None:
    """Prints how long a mail takes in a conversation of its own, and in one for all."""
    print(f"{MAILS_OF_A_CONVERSATION} mails to a server {ROUND_TRIP_SECONDS * 1000:.0f} ms away:", flush=True)
    server = DistantServer(servers.free_port(), None)
    server.start()
    registry = make_app({}, **settings | {"mail.port": str(server.port)}).registry
    transport = registry["mail_transport"]

    def one_by_one() -> None:
        more = True
        while more:
            with transport.connection() as connection:
                more = deliver_next(registry, connection)

    for name, send in (("one each", one_by_one), ("one for all", lambda: send_due(registry))):
        with sessions_of(registry).writing() as db:
            for number in range(MAILS_OF_A_CONVERSATION):
                queue_mail(db, Mail(Kind.ALREADY_REGISTERED, f"{number}@example.org", context={"name": "ann"}))
        before, began = server.conversations, time.perf_counter()
        send()
        each = (time.perf_counter() - began) / MAILS_OF_A_CONVERSATION
        print(
            f"  {name:12} {each * 1000:6.1f} ms a mail, {server.conversations - before} conversations", flush=True
        )
    server.stop()
    with sessions_of(registry).writing() as db:
        db.execute(sa.delete(Email))
    registry["huey"].flush()
    sessions_of(registry).engine.dispose()


def weather(settings: dict[str, str], outages: Sequence[servers.Server], options: argparse.Namespace) -> None:
    """Runs the storm, and prints what came of it."""
    sessions = Sessions(make_engine(Settings.with_defaults(sqlalchemy_url=settings["sqlalchemy.url"])))
    left = sa.select(sa.func.count()).select_from(Email).where(sa.text(UNFINISHED))

    def wait_for_the_rest() -> None:
        print(f"  all is queued and all kills are done after {time.monotonic() - began:.0f} s", flush=True)
        waiting = 1
        while waiting:
            time.sleep(1)
            with sessions.reading() as db:
                waiting = db.scalar(left) or 0

    began = time.monotonic()
    with moody_server() as server:
        own = settings | {
            "mail.port": str(server.port),
            # As each profile has it: on SQLite the web server delivers as well.
            "tasks.embedded": "false" if outages else "true",
        }
        print(
            f"{'PostgreSQL and Redis' if outages else 'SQLite'}, {options.worker_kills} kills of workers,"
            f" {options.web_kills} of the web server, {2 * len(outages)} outages of the queue:",
            flush=True,
        )
        storm(
            own,
            server,
            options.mails,
            worker_kills=options.worker_kills,
            web_kills=options.web_kills,
            outages=[*outages, *outages],
            settle=wait_for_the_rest,
        )
        print(f"  {outcome(sessions, server, options.mails, time.monotonic() - began)}")
    sessions.engine.dispose()


if __name__ == "__main__":
    main()
