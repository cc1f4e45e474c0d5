"""Whether a page costs the same on a large site as on a small one: lists at 1,000 posts and at ever more.

    .venv/bin/python bench/scale.py --sizes 1000 10000 100000
    .venv/bin/python bench/scale.py --postgresql --sizes 1000 100000 1000000

It makes a scratch site, fills it as `myproject demo --posts N --comments 2N` does, and asks for each list as a
guest whom no cache helps. It prints the statements and the median milliseconds of each page, and how many times
those of the first size they are. README.md says what was measured.
"""

import argparse
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
import webtest

from myproject import main as make_app
from myproject.cli import demo
from myproject.cli.demo_bulk import add_bulk
from myproject.db import Sessions, sessions_of
from myproject.posts.models import Post
from tests import servers
from tests.conftest import migrate

PAGES = {
    "newest": "/",
    "active": "/?sort=active",
    "top": "/?sort=top",
    "top of the month": "/?sort=top&period=month",
    "tag": "/tags/{tag}/",
    "author": "/@ada/",
    "search": "/search/?q=bread",
    "feed": "/feed.atom",
    "post": "/posts/{id}/x/",
}
TIMES = 15
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
        measure(folder, url, options.sizes)


def measure(folder: Path, url: str, sizes: list[int]) -> None:
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
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    client, there, first = webtest.TestApp(app), 0, {}
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
        print(f"\n{size:,} posts, {rate:,.0f} a second to make", flush=True)
        for name, pattern in PAGES.items():
            address = pattern.format(id=last, tag=words.texts[0].tags[0])
            taken = []
            for _time in range(TIMES):
                app.registry["cache"].touch(["site", "posts"])
                statements.clear()
                begun = time.perf_counter()
                answer = client.get(address, headers={"Host": "localhost"}, status="*")
                if answer.status_int == 301 or answer.status_int == 302:
                    answer = answer.follow()
                taken.append(time.perf_counter() - begun)
            middle = statistics.median(taken) * 1000
            ratio = middle / first.setdefault(name, middle)
            print(
                f"{name:18} {answer.status_int} {len(statements):3} statements {middle:8.1f} ms {ratio:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
