"""Hundreds of texts made to run a script, in every place where members' words are shown: nothing runs.

The pages are opened without our Content-Security-Policy, so that it is not the policy that saves them.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, StorageState
from sqlalchemy.orm import Session

from myproject.cli.context import Site
from myproject.comments.models import Comment
from myproject.comments.services.writing import create_comment
from myproject.db import utc_now
from myproject.markdown.references import Known
from myproject.pagination import encode
from myproject.posts.models import Post, Tag
from myproject.posts.services.tags import relist
from myproject.posts.services.writing import create_post, render
from myproject.text import canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from tests.browser.hostile import BREAKS, RUN, fill, in_groups, short, vectors
from tests.conftest import LiveServer

PER_COMMENT = 12
PER_BIO = 20

DEFINE = (
    "window.ran = []; window.hacked = (...what) => window.ran.push(what.join()); window.alert = window.hacked;"
)
# Elements and attributes that could act, within what members wrote. The page's own scripts stand outside of it.
ACTING = """() => {
  const acting = [];
  // Data for search engines: a script that ended too early would not be JSON.
  document.querySelectorAll("script[type='application/ld+json']").forEach((data) => JSON.parse(data.textContent));
  for (const element of document.querySelectorAll("main :not([type='application/ld+json'])")) {
    if (["SCRIPT", "IFRAME", "OBJECT", "EMBED", "STYLE", "LINK", "META", "BASE", "MATH", "TEMPLATE"]
        .includes(element.nodeName) && !/^\\/static\\//.test(element.getAttribute("src") ?? "")) {
      acting.push(element.outerHTML);
    }
    for (const { name, value } of element.attributes) {
      const scheme = value.replace(/[\\u0000-\\u0020\\u007f-\\u00a0]/g, "");
      if (/^on/.test(name) || name === "srcdoc"
          || (/^(href|src|action|formaction)$/.test(name) && /^(javascript|vbscript|data):/i.test(scheme))) {
        acting.push(`${element.nodeName} ${name}=${value}`);
      }
    }
  }
  return acting;
}"""
# What of these texts is another text once it is parsed, serialised and parsed again.
UNSTABLE = """(texts) => texts.filter((html) => {
  const one = document.createElement("div"), two = document.createElement("div");
  one.innerHTML = html;
  two.innerHTML = one.innerHTML;
  return two.innerHTML !== one.innerHTML || !two.isEqualNode(one);
})"""


class Watched:
    """A window without a policy. `seen` is what it should not do: ask other hosts, open dialogs."""

    def __init__(self, browser: Browser, server: LiveServer, state: StorageState | None) -> None:
        self.host = urlsplit(server.url).netloc
        self.seen: list[str] = []
        self.context = browser.new_context(base_url=server.url, bypass_csp=True, storage_state=state)
        self.context.add_init_script(DEFINE)
        self.context.on("request", self.on_request)
        self.context.on("dialog", lambda dialog: (self.seen.append(dialog.message), dialog.dismiss()))
        self.page: Page = self.context.new_page()

    def on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("about", "blob", "data") and parts.netloc != self.host:
            self.seen.append(request.url)

    def look(self, address: str) -> str:
        """Opens the page, moves over it, and gives its text."""
        self.page.goto(address)
        self.check(address)
        return self.page.locator("main").inner_text()

    def check(self, where: str) -> None:
        self.page.mouse.move(200, 200)
        self.page.keyboard.press("Tab")
        ran, acting = self.page.evaluate("window.ran"), self.page.evaluate(ACTING)
        assert (ran, acting, self.seen) == ([], [], []), where


@pytest.fixture
def make_window(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Watched]]:
    windows: list[Watched] = []

    def make(state: StorageState | None = None) -> Watched:
        windows.append(Watched(browser, live_server, state))
        return windows[-1]

    yield make
    for window in windows:
        window.context.close()


def know_all(members: Collection[str], images: Collection[str]) -> Known:
    return Known(dict.fromkeys(members, "ann"), dict.fromkeys(images, (3, 2)))


def test_there_are_hundreds_of_them_and_a_careless_page_would_run_them(
    make_window: Callable[..., Watched],
) -> None:
    assert len(vectors()) >= 300
    window = make_window()
    window.page.goto("/about/")
    window.page.set_content(f"<main>{''.join(vectors()[:40])}</main>")
    window.page.wait_for_function("window.ran.length > 3")
    with pytest.raises(AssertionError):
        window.check("a careless page")


def test_rendered_texts_run_nothing_and_parse_to_themselves(make_window: Callable[..., Watched]) -> None:
    made = [render_markdown(vector, know_all) for vector in vectors()]
    # Also where one that is not closed takes in those behind it.
    made += [render_markdown("\n\n".join(few), know_all) for few in in_groups(PER_COMMENT)]
    window = make_window()
    window.context.route("**/images/*", lambda route: route.fulfill(status=404))
    window.page.goto("/about/")
    assert window.page.evaluate(UNSTABLE, made) == []
    window.page.set_content(f"<main>{''.join(f'<section>{html}</section>' for html in made)}</main>")
    assert window.page.locator("main > section").count() == len(made)
    window.check("the texts on one page")


def write_corpus(db: Session) -> tuple[list[Post], list[User]]:
    """Posts with a vector each for title, text and tag, by members with one for name, shown name and bio; all
    comments below the first. They pass by the forms, which would refuse many.
    """
    now = utc_now()
    names, titles = short(USER.NAME_MAX_LENGTH), short(USER.DISPLAY_NAME_MAX_LENGTH)
    authors = [
        User(
            name=name,
            name_canonical=canonical(name)[: USER.NAME_MAX_LENGTH],
            email=f"hostile-{number}@example.org",
            email_canonical=f"hostile-{number}@example.org",
            status=USER.Status.ACTIVE,
            display_name=titles[number * 7 % len(titles)],
            bio_html=render_markdown("\n\n".join(vectors()[number * PER_BIO : (number + 1) * PER_BIO])),
            website="https://example.org/" + quote(name),
        )
        for number, name in enumerate({canonical(name): name for name in names}.values())
    ]
    db.add_all(authors)
    db.flush()
    tags = [Tag(name=name) for name in sorted(set(names))]
    posts = []
    for number, title in enumerate(short(150)):
        text = render(title, vectors()[number], ())
        post = create_post(db, authors[number % len(authors)].id, text, publish=True)
        # Beyond the first pages, which others look at.
        post.published_at = post.last_activity_at = now - timedelta(days=4000, seconds=number)
        post.tags = [tags[number % len(tags)]]
        posts.append(post)
    db.flush()
    for post in posts:
        relist(db, post)
    for number, few in enumerate(in_groups(PER_COMMENT)):
        body = "\n\n".join(few)
        create_comment(db, posts[0].id, authors[number % len(authors)].id, body, render_markdown(body))
    return posts, authors


def test_nothing_runs_in_lists_posts_comments_names_tags_and_search(
    make_window: Callable[..., Watched], signed_in: Callable[[str], StorageState], live_server: LiveServer
) -> None:
    with Site(str(live_server.ini)).sessions().writing() as db:
        posts, authors = write_corpus(db)
        assert db.query(Comment).filter_by(post_id=posts[0].id).count() > 20
        pages = [f"/posts/{post.id}/{post.slug}/" for post in posts[:3]]
        lists = [
            f"/?after={encode(post.published_at + timedelta(milliseconds=1), post.id)}"
            for post in posts[::20]
            if post.published_at
        ]
        profiles = [
            f"/@{quote(author.name_canonical, safe='')}/" for author in authors[:6] if "/" not in author.name
        ]
    guest, member = make_window(), make_window(signed_in("ada"))
    text = "".join(guest.look(address) for address in lists)
    # They are there, as text.
    assert sum(title in text for title in short(60) if "  " not in title) > 200
    for address in [*pages, *profiles]:
        guest.look(address)
    for address in (pages[0], f"{pages[0]}?from=1", lists[0], f"/posts/{posts[0].id}/edit/", "/tags/"):
        member.look(address)
    asked = [*(fill(each) for each in BREAKS), f"author:{RUN}", "<script>"]
    for words in asked:
        guest.look(f"/search/?q={quote(words)}")
    for words in asked[:6]:
        member.look(f"/admin/users/?q={quote(words)}")
