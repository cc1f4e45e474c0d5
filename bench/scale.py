"""Whether a page costs the same on a large site as on a small one: lists at 1,000 posts and at ever more.

    .venv/bin/python bench/scale.py --sizes 1000 10000 100000
    .venv/bin/python bench/scale.py --postgresql --sizes 1000 100000 1000000

It makes a scratch site, fills it as `myproject demo --posts N --comments 2N` does, and asks for each list as a
guest whom no cache helps, or as a member; and for the page after it. It prints the statements and the median
milliseconds of each page, and how many times those of the first size they are. It ends with 1, and says why, where
a page takes more statements than at the first size, or where a plan reads a large table whole.
README.md says what was measured.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa

from myproject import main as make_app
from myproject.bookmarks.services import add_bookmark
from myproject.cli import demo
from myproject.cli.demo_bulk import add_bulk
from myproject.db import Sessions, sessions_of
from myproject.posts.models import Post
from myproject.posts.services.writing import create_post, render
from myproject.users.models import User
from tests import servers
from tests.architecture.test_plans import LARGE, Statement
from tests.conftest import migrate
from tests.reliability.together import Visitor

PAGES = {
    "newest": "/",
    "active": "/?sort=active",
    "top": "/?sort=top",
    **{f"top of the {period}": f"/?sort=top&period={period}" for period in ("day", "week", "month", "year")},
    "tags": "/tags/",
    "tag": "/tags/{tag}/",
    "author": "/@ada/",
    "posts by author": "/@ada/posts/",
    "drafts": "/drafts/",
    "bookmarks": "/bookmarks/",
    "search": "/search/?q=bread",
    "feed": "/feed.atom",
    "post": "/posts/{id}/x/",
}
SECOND = ", second page"
OF_MEMBERS = ("drafts", "bookmarks")
OWN = 60  # drafts and bookmarks of the member who asks
TIMES = 15
# A table of fewer rows PostgreSQL reads whole, and is right.
WORTH_AN_INDEX = 10_000
COMMENTS_PER_POST = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = f"sqlite:///{folder / 'site.sqlite'}"
        if options.postgresql:
            url = stack.enter_context(servers.postgresql()).url
        faults = measure(folder, url, options.sizes)
    if faults:
        sys.exit("\n".join(("", *faults)))


def whole_tables(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    """The large tables that a statement's plan reads whole."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.values)
        words = [row.detail.split() for row in plan]
        # A table that stands twice in a statement has an alias, such as `comments_1`.
        scanned = (re.sub(r"_\d+$", "", line[1]) for line in words if line[0] == "SCAN" and "INDEX" not in line)
        yield from LARGE.intersection(scanned)
        return
    plan = connection.exec_driver_sql(f"EXPLAIN {statement.text}", statement.values)
    found = LARGE.intersection(re.findall(r"Seq Scan on (\w+)", "\n".join(plan.scalars())))
    rows = sa.text("SELECT reltuples FROM pg_class WHERE oid = CAST(:table AS regclass)")
    yield from (table for table in found if connection.scalar(rows, {"table": table}) >= WORTH_AN_INDEX)


def measure(folder: Path, url: str, sizes: list[int]) -> list[str]:
    """Prints what each page costs at each size; gives in words what it should not cost."""
    migrate(url)
    key = folder / "secret.key"
    key.touch(mode=0o600)
    key.write_text("a key for measurements only, long enough\n")
    settings = {
        "site.mode": "development",
        "site.url": "http://localhost",
        "sqlalchemy.url": url,
        "secret_key.file": str(key),
        "tasks.file": str(folder / "tasks.sqlite"),
        "mail.folder": str(folder / "mail"),
        "storage.folder": str(folder / "files"),
        "ratelimit.enabled": "false",
    }
    app = make_app({}, **settings)
    engine = sessions_of(app.registry).engine
    sessions = Sessions(engine)
    words = demo.render_words()
    with sessions.writing() as db:
        demo.fill(db, words, "no password", "1")
        ada = db.scalars(sa.select(User).where(User.name == "ada")).one()
        for number in range(OWN):
            create_post(db, ada.id, render(f"Draft {number}", "Words.", ()), publish=False)
        guest, member = Visitor(app), Visitor(app)
        member.sign_in(db, ada)
    statements: list[Statement] = []
    sa.event.listen(
        engine, "before_cursor_execute", lambda *given: statements.append(Statement(given[2], given[3]))
    )
    there, first, counts, faults = 0, {}, {}, []
    for size in sizes:
        begun = time.perf_counter()
        for _done in add_bulk(
            sessions, demo.bulk_source(sessions, words), size - there, COMMENTS_PER_POST * (size - there)
        ):
            pass
        rate = (size - there) / (time.perf_counter() - begun)
        there = size
        with sessions.writing() as db:
            db.execute(sa.text("ANALYZE"))
            last = db.scalar(sa.select(sa.func.max(Post.id)).where(Post.comment_count > 0))
            for post_id in db.scalars(sa.select(Post.id).order_by(Post.id.desc()).limit(OWN)):
                add_bookmark(db, ada.id, post_id)
        print(f"\n{size:,} posts, {rate:,.0f} a second to make", flush=True)
        pages = [(name, pattern.format(id=last, tag=words.texts[0].tags[0])) for name, pattern in PAGES.items()]
        for name, address in pages:
            client, taken = member if name.startswith(OF_MEMBERS) else guest, []
            number = sys.maxsize
            for _time in range(TIMES):
                app.registry["cache"].touch(["site", "posts"])
                statements.clear()
                begun = time.perf_counter()
                answer = client.get(address, status="*")
                if answer.status_int == 301 or answer.status_int == 302:
                    answer = answer.follow()
                taken.append(time.perf_counter() - begun)
                number = min(number, len(statements))
            middle = statistics.median(taken) * 1000
            ratio = middle / first.setdefault(name, middle)
            print(
                f"{name:28} {answer.status_int} {number:3} statements {middle:8.1f} ms {ratio:6.2f}",
                flush=True,
            )
            if answer.status_int != 200:
                faults.append(f"{name} answered {answer.status_int} at {size:,} posts.")
            # Fewer are no fault: a search looks for what is rare in another way than for what is common.
            if number > counts.setdefault(name, number):
                faults.append(
                    f"{name} takes {number} statements at {size:,} posts, not {counts[name]} as at first."
                )
            asked = [each for each in statements if each.text.lstrip().upper().startswith(("SELECT", "WITH"))]
            with engine.connect() as connection:
                for table in {table for each in asked for table in whole_tables(connection, each)}:
                    faults.append(f"{name} reads the whole table {table} at {size:,} posts.")
            following = answer.html.find("a", rel="next") if answer.content_type == "text/html" else None
            if following and not name.endswith(SECOND):
                pages.append((name + SECOND, urljoin(address, str(following["href"]))))
    return faults


if __name__ == "__main__":
    main()
