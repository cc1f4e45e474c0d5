"""How reading fares while passwords are tried: the front page alone, and beside a flood of sign-ins.

    .venv/bin/python bench/logins.py
    .venv/bin/python bench/logins.py --database postgresql --connections 128

It makes a scratch site with production's settings, and has a few guests read while many connections send wrong
passwords without a pause. Once as the site is, where limits refuse all but the first of them; and once without
limits on sign-ins, as when each try comes from another address: every one then costs a hash. README.md says what
was measured.
"""

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.run import (
    REPOSITORY,
    Browser,
    Page,
    answers,
    database_url,
    fill,
    look,
    production_settings,
    run_load,
    show_failures,
)
from tests import servers

# OWASP ASVS 5.0, 15.2.2: what is dear must not keep everybody else from the site.
GOAL = 4.0
READERS = 2
READING_PAUSE_SECONDS = 0.02
# Long enough for a queue to build up, and for its slowest answers to be counted.
ROUND_SECONDS = 10.0
LIMITS = ("login_address", "login_account", "login_site")


def make_site(folder: Path, url: str, arguments: argparse.Namespace, *, limited: bool) -> servers.Server:
    """A site of its own on the database at `url`, filled before; not running yet."""
    port = servers.free_port()
    ini = production_settings(folder, url, port, arguments.threads)
    for name in LIMITS:
        if limited:
            ini["app:main"].pop(f"ratelimit.{name}", None)
        else:
            ini["app:main"][f"ratelimit.{name}"] = "1000000 per minute"
    file = folder / f"{'with' if limited else 'without'}-limits.ini"
    with file.open("w") as stream:
        ini.write(stream)
    site_url = f"http://localhost:{port}"
    server = servers.Server(
        [str(Path(sys.executable).with_name("pserve")), str(file)],
        url=site_url,
        log_file=file.with_suffix(".log"),
        ready=lambda: answers(f"{site_url}/health/live"),
        cwd=REPOSITORY,
    )
    init = [str(Path(sys.executable).with_name("myproject")), "--config", str(file), "init"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return server


def measure(server: servers.Server, arguments: argparse.Namespace, what: str) -> float:
    """Prints how reading fares; gives the p99 beside the flood as a multiple of the one alone."""
    assert server.process is not None
    pid, guest, intruder = server.process.pid, Browser(server.url), Browser(server.url)
    page = look(guest, "guest", "home", "/", pid)
    trying = {
        "login": "nobody-of-that-name",
        "password": "a wrong password",
        "csrf_token": intruder.token("/users/login/"),
    }
    login = Page("login", "", page.port, pid, intruder.request("/users/login/", trying), (422, 429, 503))
    reading = page.stream(READERS, READING_PAUSE_SECONDS)
    cells = [[reading], [reading, login.stream(arguments.connections)]]
    alone, beside = run_load(cells, arguments.seconds, ROUND_SECONDS)
    ratio = beside.p99 / alone.p99
    print(
        f"{what:<28} {alone.p50:>9.2f} {alone.p99:>9.2f} {beside.p50:>9.2f} {beside.p99:>9.2f} {ratio:>7.2f}"
        f" {beside.beside:>11.1f}",
        *beside.errors,
        flush=True,
    )
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--connections", type=int, default=64, help="that try passwords")
    parser.add_argument("--threads", type=int, default=4, help="of the site's server")
    parser.add_argument("--seconds", type=float, default=30, help="for each cell, in turns of ten")
    arguments = parser.parse_args()
    ratios = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        url = stack.enter_context(database_url(arguments.database, folder))
        sites = {limited: make_site(folder, url, arguments, limited=limited) for limited in (True, False)}
        fill(folder / "with-limits.ini")
        if os.getloadavg()[0] > (os.cpu_count() or 1):
            print("The machine is busy with other things: the times say little.")
        print(
            f"{arguments.database}, {arguments.threads} threads, {arguments.connections} connections try passwords"
        )
        print(
            f"{'GET / of a guest, ms':<28} {'alone p50':>9} {'p99':>9} {'flood p50':>9} {'p99':>9} {'p99/p99':>7}",
            end="",
        )
        print(f" {'sign-ins/s':>11}")
        for limited, server in sites.items():
            server.start()
            stack.callback(server.stop)
            stack.callback(show_failures, server)
            ratios.append(measure(server, arguments, "limits as shipped" if limited else "no limits on sign-ins"))
            server.stop()
    print(
        f"\np99 of reading beside the flood, at most {max(ratios):.2f} times the one alone (goal: below {GOAL:g})"
    )


if __name__ == "__main__":
    main()
