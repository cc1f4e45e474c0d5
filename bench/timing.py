"""Whether the time of an answer tells if there is an account: signing in with a wrong password, a lost password
and a registration, for an account that is there, one that is shut, one that only a third party signs in, and none.

    .venv/bin/python bench/timing.py
    .venv/bin/python bench/timing.py --samples 1000 --rounds 12 --postgresql

It asks a scratch site in this process, for every kind in turn and in an order that chance gives, so that whatever
else the machine does hits all of them. For each kind it prints the median, how much that differs from the median
for no account, and the probability that two samples differ so much by chance (Mann and Whitney, two-sided). A kind
gives itself away where that is small in run after run: of a hundred rows one is below 0.01 by chance.
"""

import argparse
import gc
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import webtest

from myproject import main as make_app
from myproject.audit import COMMAND_LINE
from myproject.db import sessions_of
from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users.services import registration, roles
from tests import servers
from tests.conftest import migrate

NOBODY = "no account"
KINDS = (NOBODY, "there", "shut", "elsewhere only")
PASSWORD = "a password of the bench"
WARM_UP = 5
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=300, help="answers of each kind")
    parser.add_argument(
        "--rounds", type=int, default=8, help="cost of a hash, a power of two; 12 as in production"
    )
    parser.add_argument("--postgresql", action="store_true")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = f"sqlite:///{folder / 'site.sqlite'}"
        if args.postgresql:
            url = stack.enter_context(servers.postgresql()).url
        site = Site(folder, url, args.rounds)
        print(f"{'':14} {'':16} {'median ms':>10} {'differs':>9} {'p':>7}")
        for name, ask in (
            ("sign in", site.sign_in),
            ("lost password", site.lose_password),
            ("register", site.register),
        ):
            report(name, measure(ask, args.samples))


class Site:
    """A scratch site with one account of each kind, and a browser."""

    def __init__(self, folder: Path, url: str, rounds: int) -> None:
        migrate(url)
        key = folder / "secret.key"
        key.touch(mode=0o600)
        key.write_text("a key for the bench only, long enough to be taken\n")
        self.app = make_app(
            {},
            **{
                "site.mode": "development",
                "site.url": "http://localhost",
                "sqlalchemy.url": url,
                "secret_key.file": str(key),
                "tasks.file": str(folder / "tasks.sqlite"),
                "tasks.embedded": "false",
                "mail.folder": str(folder / "mail"),
                "storage.folder": str(folder / "files"),
                "users.password_rounds": str(rounds),
                "captcha.provider": "none",
                "ratelimit.enabled": "false",
            },
        )
        self.number = 0
        self.addresses = {NOBODY: "nobody@example.org"}
        hashed = hasher_of(self.app.registry).hash(PASSWORD)
        with sessions_of(self.app.registry).writing() as db:
            for kind in KINDS[1:]:
                name = kind.split()[0]
                self.addresses[kind] = f"{name}@example.org"
                user = registration.create_verified(
                    db,
                    COMMAND_LINE,
                    name=name,
                    email=self.addresses[kind],
                    password_hash=hashed,
                    role=USER.Role.USER,
                )
                if kind == "shut":
                    roles.change_status(db, COMMAND_LINE, user.id, USER.Status.INACTIVE, "for the bench")
                if kind == "elsewhere only":
                    user.password = None

    def sign_in(self, kind: str) -> float:
        return self.send("/users/login/", {"login": self.addresses[kind], "password": "wrong"}, 422)

    def lose_password(self, kind: str) -> float:
        return self.send("/users/lost-password/", {"email": self.addresses[kind]}, 303)

    def register(self, kind: str) -> float:
        self.number += 1
        email = f"new-{self.number}@example.org" if kind == NOBODY else self.addresses[kind]
        values = {"name": f"member-{self.number}", "email": email, "password": PASSWORD, "confirm": PASSWORD}
        return self.send("/users/register/", values | {"accept_tos": "true"}, 303)

    def send(self, path: str, values: dict[str, str], status: int) -> float:
        """Sends a form of a new browser, and gives the milliseconds until its answer."""
        browser = webtest.TestApp(self.app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
        form = next(form for form in browser.get(path).forms.values() if set(values) <= form.fields.keys())
        for name, value in values.items():
            form[name] = value
        fields = form.submit_fields()
        gc.collect(0)
        begin = time.perf_counter()
        browser.post(path, fields, status=status)
        return 1000 * (time.perf_counter() - begin)


def measure(ask: Callable[[str], float], samples: int) -> dict[str, list[float]]:
    """Milliseconds by kind: each kind once a turn, in the order of chance."""
    chance = random.Random(SEED)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(WARM_UP + samples):
        for kind in chance.sample(KINDS, len(KINDS)):
            taken = ask(kind)
            if turn >= WARM_UP:
                found[kind].append(taken)
    return found


def report(name: str, found: dict[str, list[float]]) -> None:
    none = statistics.median(found[NOBODY])
    for kind, sample in found.items():
        median = statistics.median(sample)
        beside = (
            "" if kind == NOBODY else f"{median / none - 1:>+9.1%} {mann_whitney(found[NOBODY], sample):>7.3f}"
        )
        print(f"{name:14} {kind:16} {median:>10.2f} {beside}", flush=True)


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p of the U test of Mann and Whitney, by its normal approximation with a correction for ties:
    good from some twenty values on.
    """
    together = sorted([*one, *other])
    ranks: dict[float, float] = {}
    for place, value in enumerate(together, start=1):
        # Equal values share the mean of their places.
        ranks[value] = ranks.get(value, 0.0) + place
    ties = Counter(together)
    ranks = {value: total / ties[value] for value, total in ranks.items()}
    n, m = len(one), len(other)
    u = sum(ranks[value] for value in one) - n * (n + 1) / 2
    tied = sum(count**3 - count for count in ties.values())
    deviation = math.sqrt(n * m / 12 * ((n + m + 1) - tied / ((n + m) * (n + m - 1))))
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2)) if deviation else 1.0


if __name__ == "__main__":
    main()
