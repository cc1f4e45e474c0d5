"""How fast the site is, as shares of a constant page's speed under the same server: `make bench`.

It makes a scratch site with production's settings, fills it, starts it and the constant page, each in a
process of its own, and loads both in turn. Rates depend on the machine and on what else it does; the ratios
hardly do. README.md says how to read the table.
"""

import argparse
import configparser
import gzip
import http.cookiejar
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import sqlalchemy as sa  # noqa: E402
from pyramid.paster import get_app  # noqa: E402

from bench import constant, constant_tuned  # noqa: E402
from myproject.cli import demo  # noqa: E402
from myproject.cli.demo_bulk import SHARE_OF_REPLIES, add_bulk  # noqa: E402
from myproject.comments.services.writing import create_comment  # noqa: E402
from myproject.db import Sessions, sessions_of  # noqa: E402
from myproject.posts.services.writing import create_post  # noqa: E402
from myproject.security.passwords import hasher_of  # noqa: E402
from myproject.text import render_markdown  # noqa: E402
from myproject.users.models import User  # noqa: E402
from tests import servers  # noqa: E402

GOALS = {"guest": 0.5, "member": 0.10}
BASES = (", as waitress comes", ", under the site's server")
PASSWORD = "a password of the bench"
READER = "haruka"  # an ordinary member among the demo's
WRITER = "tomasz"
BULK_POSTS, BULK_COMMENTS = 300, 3_000
COMMENTS = 50
PARAGRAPHS = (3, 8)  # of the demo's one-liners, in each comment: some 400 characters
STARTS = 3
TEN_KB = (10_240, 10_240)
SECONDS_IN_TURN = 1.0
SEED = 1


@dataclass(frozen=True)
class Page:
    """Something to ask for: the whole request, and what has to come back."""

    name: str
    who: str
    port: int
    pid: int
    request: str
    status: tuple[int, ...] = (200,)
    length: tuple[int, int] = (0, 1 << 30)

    def stream(self, connections: int, pause: float = 0) -> dict[str, Any]:
        return {
            "port": self.port,
            "pid": self.pid,
            "request": self.request,
            "status": self.status,
            "length": self.length,
            "connections": connections,
            "pause": pause,
        }


@dataclass(frozen=True)
class Result:
    """One line of the table, medians over the rounds. Times in milliseconds, CPU in microseconds a request."""

    rate: float
    ratio: float
    p50: float
    p99: float
    cpu: float
    busy: float
    beside: float
    errors: tuple[str, ...]


# The site


def production_settings(folder: Path, database: str, port: int, threads: int) -> configparser.RawConfigParser:
    """production.ini, changed only in where things are, and in limits that the load would run into."""
    ini = configparser.RawConfigParser()
    ini.read(REPOSITORY / "production.ini")
    ini["app:main"].update(
        {
            "site.url": f"http://localhost:{port}",
            "secret_key.file": str(folder / "secret.key"),
            "sqlalchemy.url": database,
            "tasks.file": str(folder / "tasks.sqlite"),
            "mail.sender": "bench@example.org",
            "mail.tls": "none",
            "proxy.count": "0",
        }
    )
    for name in ("login_address", "login_account", "comment_account", "write_address"):
        ini["app:main"][f"ratelimit.{name}"] = "1000000 per minute"
    # The one member who writes beside the readers is no newcomer who talks alone.
    ini["app:main"].update({"newcomers.days": "0", "comments.in_a_row": "0"})
    ini["server:main"].update({"listen": f"127.0.0.1:{port}", "threads": str(threads)})
    ini["alembic"]["script_location"] = str(REPOSITORY / "alembic")
    return ini


@dataclass(frozen=True)
class Content:
    """The post that is measured, one that is written to, and how many bytes the comments of the first have."""

    address: str
    written_id: int
    comment_bytes: int


def fill(ini: Path) -> Content:
    """Demo content, bulk posts to list, and a post with exactly `COMMENTS` comments at the top of the list."""
    registry = get_app(str(ini)).registry
    # These sessions know no registry: nobody is told what happens in them, and no mail goes out.
    sessions = Sessions(sessions_of(registry).engine)
    words = demo.render_words()
    password = hasher_of(registry).hash(PASSWORD)
    with sessions.writing() as db:
        demo.fill(db, words, password, "1")
    for _done in add_bulk(sessions, demo.bulk_source(sessions, words), BULK_POSTS, BULK_COMMENTS):
        pass
    rng = random.Random(SEED)
    lines = sorted(words.html)
    bodies = ["\n\n".join(rng.sample(lines, rng.randint(*PARAGRAPHS))) for _ in range(COMMENTS)]
    rendered = [render_markdown(body) for body in bodies]
    with sessions.writing() as db:
        authors = demo.find_authors(db)
        # Nobody is mailed about comments on their own post.
        writer = db.scalars(sa.select(User.id).where(User.name == WRITER)).one()
        written = create_post(db, writer, words.texts[0], publish=True)
        post = create_post(db, authors[0], words.texts[1], publish=True)
        ids: list[int] = []
        for body, html in zip(bodies, rendered, strict=True):
            parent = rng.choice(ids) if ids and rng.random() < SHARE_OF_REPLIES else None
            comment = create_comment(db, post.id, rng.choice(authors), body, html, parent)
            assert comment is not None
            ids.append(comment.id)
        content = Content(f"/posts/{post.id}/{post.slug}/", written.id, sum(map(len, rendered)))
    sessions.engine.dispose()
    return content


def start(server: servers.Server) -> float:
    """Starts it, and gives the seconds until it answered."""
    begin = time.perf_counter()
    server.start()
    return time.perf_counter() - begin


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200


def memory(pid: int) -> float:
    """Resident memory in MiB."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout) / 1024


# Asking


class Browser:
    """A visitor with cookies, to see a page before it is measured and to sign in as people do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, path: str, form: dict[str, str] | None = None) -> str:
        return self.fetch(path, form)[0]

    def fetch(self, path: str, form: dict[str, str] | None = None) -> tuple[str, int]:
        """A page's text, and with how many bytes it came."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        asked = urllib.request.Request(self.url + path, data, {"Accept-Encoding": "gzip, deflate"})
        with self.opener.open(asked, timeout=30) as answer:
            body = answer.read()
            packed = answer.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(body) if packed else body).decode(), len(body)

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.open(path))
        assert found, f"no form at {path}"
        return unescape(found[1])

    def sign_in(self, name: str) -> None:
        form = {"login": name, "password": PASSWORD, "csrf_token": self.token("/users/login/")}
        assert "Sign out" in self.open("/users/login/", form), "could not sign in"

    def request(self, path: str, form: dict[str, str] | None = None) -> str:
        """The bytes that a browser would send for this, as text."""
        body = urllib.parse.urlencode(form) if form is not None else ""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)
        lines = [
            f"{'GET' if form is None else 'POST'} {path} HTTP/1.1",
            f"Host: {urllib.parse.urlsplit(self.url).netloc}",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language: en-US,en;q=0.5",
            "Accept-Encoding: gzip, deflate",
        ]
        if cookies:
            lines.append(f"Cookie: {cookies}")
        if form is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines) + "\r\n\r\n" + body


def look(browser: Browser, who: str, name: str, path: str, pid: int) -> Page:
    """The page at `path`, seen once: its bytes may grow or shrink by a tenth while it is measured."""
    text, size = browser.fetch(path)
    assert ("Sign out" in text) == (who == "member"), f"{path} is not what a {who} should see"
    if name == "post":
        shown = text.count('id="comment-')
        assert shown == COMMENTS, f"{path} shows {shown} comments"
    port = urllib.parse.urlsplit(browser.url).port or 80
    return Page(name, who, port, pid, browser.request(path), length=(size * 9 // 10, size * 11 // 10))


# Measuring


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def run_load(
    cells: Sequence[Sequence[dict[str, Any]]], seconds: float, turn: float = SECONDS_IN_TURN
) -> list[Result]:
    """Loads the cells for `seconds` each, in turns of `turn` seconds; the first is what the others are compared
    with, in each round.
    """
    job = {
        "cells": cells,
        "rounds": max(1, round(seconds / turn)),
        "seconds": min(seconds, turn),
        "warm_up": min(seconds, SECONDS_IN_TURN),
    }
    command = [sys.executable, str(Path(__file__).with_name("load.py"))]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load failed:\n{done.stderr}")
    measured = json.loads(done.stdout)
    results = []
    for number, streams in enumerate(measured["errors"]):
        own = [cells[number] for cells in measured["rounds"]]
        base = [cells[0]["rates"][0] for cells in measured["rounds"]]
        latencies = [latency * 1000 for cell in own for latency in cell["latencies"]]
        results.append(
            Result(
                rate=statistics.median(cell["rates"][0] for cell in own),
                ratio=statistics.median(
                    cell["rates"][0] / max(first, 1) for cell, first in zip(own, base, strict=True)
                ),
                p50=percentile(latencies, 0.5),
                p99=percentile(latencies, 0.99),
                cpu=statistics.mean(cell["server"] for cell in own) * 1e6,
                busy=statistics.median(cell["busy"] for cell in own),
                beside=statistics.median(sum(cell["rates"][1:]) for cell in own),
                errors=tuple(f"{failed} wrong: {', '.join(kept)}" for failed, kept in streams if failed),
            )
        )
    return results


def show(result: Result, *names: object) -> None:
    label = f"{names[0]:<8} {names[1]:<28} {names[2]:>5}"
    numbers = f"{result.rate:>9.0f} {result.ratio:>7.3f} {result.p50:>8.2f} {result.p99:>8.2f} {result.cpu:>8.0f}"
    print(label, numbers, f"{result.busy:>6.0%}", *result.errors, flush=True)


def show_head(title: str, ratio: str) -> None:
    print(f"\n{title}")
    head = f"{'page':<8} {'who':<28} {'conns':>5} {'answers/s':>9} {ratio:>7} {'p50 ms':>8} {'p99 ms':>8}"
    print(head, f"{'CPU us':>8} {'load':>6}", flush=True)


@dataclass(frozen=True)
class Site:
    """The running site as the measurements need it: the pages, and what goes on beside them."""

    constant: Page
    tuned: Page
    pages: Sequence[Page]
    comment: Page
    login: Page
    database: str


def measure_pages(site: Site, connections: Sequence[int], seconds: float) -> dict[str, list[float]]:
    """Prints the main table; gives the ratios to the constant page under waitress as that comes, and to the same
    under the site's server, by who reads.
    """
    ratios: dict[str, list[float]] = {f"{who}{base}": [] for who in GOALS for base in BASES}
    show_head("Pages, alone", "ratio")
    for number in connections:
        pages = [site.constant, site.tuned, *site.pages]
        results = run_load([[page.stream(number)] for page in pages], seconds)
        for page, result in zip(pages, results, strict=True):
            show(result, page.name, page.who, number)
            if page.who in GOALS:
                for base, constant_result in zip(BASES, results, strict=False):
                    ratios[page.who + base].append(result.rate / constant_result.rate)
    return ratios


@contextmanager
def open_write(url: str) -> Iterator[None]:
    """A transaction that has written every post's row and does not end: it holds all locks that a write has."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE posts SET comment_count = comment_count")
        yield
        connection.rollback()
    engine.dispose()


def measure_beside(site: Site, seconds: float) -> None:
    """Prints how pages fare while somebody writes, and while passwords are tried."""
    show_head("Pages, while something else goes on (ratio to the same page alone)", "ratio")
    connections = 8
    for page in site.pages:
        own = page.stream(connections)
        alone = run_load([[own]], seconds)[0]
        with open_write(site.database):
            held = run_load([[own]], seconds)[0]
        show(replace(held, ratio=held.rate / alone.rate), page.name, f"{page.who}, a write is open", connections)
    besides = [
        ("10 comments/s", site.comment.stream(1, 0.1)),
        ("comments without pause", site.comment.stream(1)),
        ("4 sign-ins without pause", site.login.stream(4)),
    ]
    for page in site.pages:
        if page.name != "home":
            continue
        own = page.stream(connections)
        results = run_load([[own], *([own, beside] for _, beside in besides)], seconds)
        show(results[0], page.name, f"{page.who}, alone", connections)
        for (name, _), result in zip(besides, results[1:], strict=True):
            show(result, page.name, f"{page.who}, {name}", connections)
            print(f"{'':<8} {'  done beside, a second':<28} {'':>5} {result.beside:>9.1f}")


# The run


def show_failures(server: servers.Server) -> None:
    """A site that fails is fast: what went wrong in it stands at the end, before its folder goes away."""
    _, failed, trace = server.log.rpartition("Traceback")
    if failed:
        print(f"\nThe site's log has a traceback, so this measured nothing:\n{failed}{trace[:4000]}")


@contextmanager
def database_url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'site.sqlite'}"
    else:
        with servers.postgresql() as server:
            yield server.url


def bench(arguments: argparse.Namespace, stack: ExitStack) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    url = stack.enter_context(database_url(arguments.database, folder))
    port, constant_port, tuned_port = (servers.free_port() for _ in range(3))
    ini = folder / "bench.ini"
    with ini.open("w") as stream:
        production_settings(folder, url, port, arguments.threads).write(stream)
    init = [str(Path(sys.executable).with_name("myproject")), "--config", str(ini), "init"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    content = fill(ini)
    site_url = f"http://localhost:{port}"
    server = servers.Server(
        [str(Path(sys.executable).with_name("pserve")), str(ini)],
        url=site_url,
        log_file=folder / "site.log",
        ready=lambda: answers(f"{site_url}/health/live"),
        cwd=REPOSITORY,
    )
    peer = servers.Server(
        [sys.executable, constant.__file__, str(constant_port), str(arguments.threads)],
        url=f"http://localhost:{constant_port}",
        log_file=folder / "constant.log",
        ready=lambda: answers(f"http://localhost:{constant_port}/"),
    )
    tuned = servers.Server(
        [sys.executable, constant_tuned.__file__, str(tuned_port), str(arguments.threads)],
        url=f"http://localhost:{tuned_port}",
        log_file=folder / "constant_tuned.log",
        ready=lambda: answers(f"http://localhost:{tuned_port}/"),
    )
    tuned.start()
    stack.callback(tuned.stop)
    stack.callback(peer.stop)
    stack.callback(server.stop)
    stack.callback(show_failures, server)
    starts: dict[servers.Server, list[float]] = {server: [], peer: []}
    for _ in range(STARTS):
        for each, times in starts.items():
            each.stop()
            times.append(start(each))
    assert server.process is not None
    assert peer.process is not None
    assert tuned.process is not None
    print(
        f"{arguments.database}, {arguments.threads} threads, production.ini; Python {sys.version.split()[0]}; "
        f"the {COMMENTS} comments have {content.comment_bytes // COMMENTS} bytes of HTML each"
    )

    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print("The machine is busy with other things: believe the CPU times more than the ratios.")
    pid = server.process.pid
    guest, reader, writer, intruder = (Browser(site_url) for _ in range(4))
    reader.sign_in(READER)
    writer.sign_in(WRITER)
    token = intruder.token("/users/login/")
    writing = {"body": "Written while others read.", "parent_id": "", "send": "send"}
    writing["csrf_token"] = writer.token(f"/posts/{content.written_id}/x/")
    trying = {"login": "nobody-of-that-name", "password": "wrong password", "csrf_token": token}
    site = Site(
        Page("constant", BASES[0][2:], constant_port, peer.process.pid, guest.request("/"), length=TEN_KB),
        Page("constant", BASES[1][2:], tuned_port, tuned.process.pid, guest.request("/"), length=TEN_KB),
        [
            look(browser, who, name, path, pid)
            for name, path in (("home", "/"), ("post", content.address))
            for who, browser in (("guest", guest), ("member", reader))
        ],
        Page("comment", "", port, pid, writer.request(f"/posts/{content.written_id}/comments/", writing), (303,)),
        Page("login", "", port, pid, intruder.request("/users/login/", trying), (422, 429)),
        url,
    )
    sizes = ", ".join(f"{page.name} {page.who} {page.length[0] * 10 // 9:,}" for page in site.pages)
    print(f"bytes, as sent: {sizes}")
    ratios = measure_pages(site, arguments.connections, arguments.seconds)
    used = memory(pid), memory(peer.process.pid)
    if not arguments.pages_only:
        measure_beside(site, arguments.seconds)

    print(f"\n{'':<28} {'site':>9} {'constant':>9} {'ratio':>7}")
    print(f"{'memory after load, MiB':<28} {used[0]:>9.1f} {used[1]:>9.1f} {used[0] / used[1]:>7.1f}")
    site_start, peer_start = (statistics.median(times) for times in starts.values())
    print(f"{'start until answer, s':<28} {site_start:>9.2f} {peer_start:>9.2f} {site_start / peer_start:>7.1f}")
    print()
    for base in BASES:
        print(f"Against the constant page{base}:")
        for who, goal in GOALS.items():
            low, high = min(ratios[who + base]), max(ratios[who + base])
            verdict = "reached" if low >= goal else "NOT reached"
            print(f"  {who:<7} goal {goal:.2f}: {verdict}, {low:.3f} to {high:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--threads", type=int, default=4, help="of both servers (4)")
    parser.add_argument("--seconds", type=float, default=3, help="for each cell (3)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64], help="(1 8 64)")
    parser.add_argument("--pages-only", action="store_true", help="leave out writing and sign-ins beside")
    with ExitStack() as stack:
        bench(parser.parse_args(), stack)


if __name__ == "__main__":
    main()
