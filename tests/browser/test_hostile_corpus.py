"""Hundreds of texts made to run a script, in every place where members' words are shown: nothing runs.

The pages are opened without our Content-Security-Policy, so that it is not the policy that saves them.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, StorageState
from sqlalchemy.orm import Session

from myproject.cli.context import Site
from myproject.comments.services.writing import create_comment
from myproject.db import utc_now
from myproject.markdown.references import Known
from myproject.pagination import encode
from myproject.posts import constants as POST
from myproject.posts.models import Tag
from myproject.posts.services.tags import relist
from myproject.posts.services.writing import create_post, render
from myproject.search import constants as SEARCH
from myproject.text import canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from tests.browser.hostile import BREAKS, RUN, fill, in_groups, packed, short, vectors
from tests.browser.people import SECONDS_FOR_A_MAIL
from tests.conftest import LiveServer

PER_COMMENT = 12
PER_BIO = 20
PER_EXCERPT, PER_MAIL = 180, 10
PER_REFUSAL = 40
# In all texts that search is to find.
BAIT = "nightjar"

DEFINE = (
    "window.ran = []; window.hacked = (...what) => window.ran.push(what.join()); window.alert = window.hacked;"
)
# Elements and attributes that could act, within what members wrote. The page's own scripts stand outside of it.
ACTING = """(given) => {
  const document = given ?? window.document;
  const acting = [];
  // Data for search engines: a script that ended too early would not be JSON.
  document.querySelectorAll("script[type='application/ld+json']").forEach((data) => JSON.parse(data.textContent));
  // A mail is shown without the site around it.
  const written = document.querySelector("main") ?? document.body;
  for (const element of written.querySelectorAll(":not([type='application/ld+json'])")) {
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
# Loads pages one after the other into frames of this one: as they would be shown, and with all that they would
# run, but many times as fast as in windows. An address may come with fields, to be sent to a form that refuses
# them. Gives also their text, and where the last one goes on.
LOOK_THROUGH = """async ([asked, actingIn]) => {
  const acting = eval(actingIn), found = { ran: [], acting: [], text: "", next: null };
  for (const [address, fields] of asked) {
    const answer = await fetch(address, fields ? { method: "POST", body: new URLSearchParams(fields) } : {});
    const html = await answer.text();
    if (answer.status !== (fields ? 422 : 200)) found.acting.push(`${address}: ${answer.status}`);
    const frame = document.body.appendChild(document.createElement("iframe"));
    const { contentDocument: shown, contentWindow: its } = frame;
    its.hacked = its.alert = (...what) => found.ran.push(`${address}: ${what}`);
    shown.open();
    await new Promise((done) => {
      its.addEventListener("load", done, { once: true });
      shown.write(html);
      shown.close();
    });
    found.acting.push(...acting(shown).map((each) => `${address}: ${each}`));
    found.text += shown.body.innerText;
    if (fields) found.text += [...shown.querySelectorAll("main input")].map((input) => input.value).join(" ");
    found.next = shown.querySelector("a[rel=next]")?.getAttribute("href") ?? null;
    if (found.next) found.next = new URL(found.next, answer.url).href;
    frame.remove();
  }
  return found;
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

    def look_through(self, addresses: Sequence[str]) -> dict[str, Any]:
        """Looks at many pages at once, and gives their `text` and what comes `next` after the last."""
        return self.send_all([(address, None) for address in addresses])

    def look_at_refusals(self, address: str, field: str, values: Sequence[str]) -> str:
        """Sends the form at `address` once for each of the values, which it must refuse, with nothing else typed.
        Gives the text of the answers and what stands in their fields.
        """
        self.page.goto(address)
        fields = self.page.locator(f"form:has([name={field}])").evaluate(
            "form => Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === 'string'))"
        )
        return str(self.send_all([(address, fields | {field: value}) for value in values])["text"])

    def send_all(self, asked: Sequence[tuple[str, dict[str, str] | None]]) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(LOOK_THROUGH, [asked, ACTING])
        assert (found["ran"], found["acting"], self.seen) == ([], [], [])
        return found

    def look_on(self, address: str) -> str:
        """Looks at a list, page by page, and gives its text."""
        found = self.look_through([address])
        return found["text"] + (self.look_on(found["next"]) if found["next"] else "")

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
    window = make_window()
    window.context.route("**/careless/", lambda route: route.fulfill(body="<main><img src=x onerror=hacked(7)>"))
    window.page.goto("/about/")
    with pytest.raises(AssertionError, match="/careless/: 7"):
        window.look_through(["/about/", "/careless/"])


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


@dataclass
class Corpus:
    """Where the texts stand: the addresses of posts, of profiles and of tags, and how many mails tell of them."""

    posts: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    mails: int = 0


def write_corpus(db: Session, reader: User) -> Corpus:
    """All vectors in titles and texts of posts, comments, shown names and bios, and as tags and names what may be
    as long; on posts of the `reader`, who is told of them. They pass by the forms, which would refuse many.
    """
    now = utc_now()
    names, titles = short(USER.NAME_MAX_LENGTH), packed(USER.DISPLAY_NAME_MAX_LENGTH)
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
        for number, name in enumerate({canonical(name): name for name in names if "/" not in name}.values())
    ]
    db.add_all(authors)
    db.flush()
    tags = [Tag(name=name) for name in sorted({canonical(name) for name in names})]
    corpus, posts, lines = Corpus(), [], packed(POST.TITLE_MAX_LENGTH)
    bait = Tag(name=BAIT)
    for number, title in enumerate(lines):
        text = render(title, "\n\n".join(vectors()[number :: len(lines)]), ())
        post = create_post(db, authors[number % len(authors)].id, text, publish=True)
        # Beyond the first pages, which others look at.
        post.published_at = post.last_activity_at = now - timedelta(days=4000, seconds=number)
        post.tags = [tags[number % len(tags)], bait]
        posts.append(post)
    db.flush()
    for post in posts:
        relist(db, post)
    for number, few in enumerate(in_groups(PER_COMMENT)):
        body = "\n\n".join(few)
        create_comment(db, posts[0].id, authors[number % len(authors)].id, body, render_markdown(body))
    # Short enough to stand in an excerpt whole.
    answers = packed(PER_EXCERPT)
    for number in range(0, len(answers), PER_MAIL):
        asked = create_post(db, reader.id, render(lines[number // PER_MAIL], "A question.", ()), publish=True)
        for place, answer in enumerate(answers[number : number + PER_MAIL], number):
            body = f"{BAIT} {answer}"
            create_comment(db, asked.id, authors[place % len(authors)].id, body, render_markdown(body))
        db.refresh(asked)
        asked.published_at = asked.last_activity_at = now - timedelta(days=4001)
        corpus.mails += 1
    corpus.posts = [f"/posts/{post.id}/{post.slug}/" for post in posts]
    # The others' names stand beside what they wrote.
    with_bio = authors[: len(vectors()) // PER_BIO + 1]
    corpus.profiles = [f"/@{quote(author.name_canonical, safe='')}/" for author in with_bio]
    corpus.tags = [f"/tags/{quote(tag.name, safe='')}/" for tag in tags[: len(posts) : 3] if "/" not in tag.name]
    corpus.lists = [
        f"/?after={encode(post.published_at + timedelta(milliseconds=1), post.id)}"
        for post in posts[::20]
        if post.published_at
    ]
    return corpus


def wait_for_mails(window: Watched, to: str, number: int) -> list[str]:
    """The addresses of a member's mails, as soon as there are so many."""
    until = time.monotonic() + SECONDS_FOR_A_MAIL
    links = window.page.locator(".mailbox > li").filter(has_text=f"{to}@example.org").get_by_role("link")
    while True:
        window.page.goto("/dev/mailbox/")
        found = [str(link.get_attribute("href")) for link in links.all()]
        if len(found) >= number:
            return found
        assert time.monotonic() < until, f"{len(found)} mails of {number}"


def test_nothing_runs_in_whatever_page_or_mail_shows_the_corpus(
    make_window: Callable[..., Watched], signed_in: Callable[[str], StorageState], live_server: LiveServer
) -> None:
    guest, member, reader = make_window(), make_window(signed_in("ada")), make_window(signed_in("haruka"))
    with Site(str(live_server.ini)).sessions().writing() as db:
        corpus = write_corpus(db, db.query(User).filter_by(name="haruka").one())
    for window in (guest, member, reader):
        window.page.goto("/about/")
    text = guest.look_through(corpus.lists)["text"]
    # They are there, as text.
    assert sum(title in text for title in short(60) if "  " not in title) > 200
    guest.look_through([*corpus.posts, *corpus.profiles, *corpus.tags])
    guest.look_on("/tags/")
    found = guest.look_on(f"/search/?q={BAIT}") + guest.look_on(f"/search/?q=tag:{BAIT}")
    assert sum(vector in found for vector in short(PER_EXCERPT) if "  " not in vector) > 300
    told = reader.look_on("/notifications/")
    assert "<img src=x" in told
    first = corpus.posts[0]
    for address in (first, corpus.profiles[0], f"/search/?q={BAIT}"):
        guest.look(address)
    for address in (first, f"{first}?from=1", corpus.lists[0], f"{first.rpartition('/')[0]}/../edit/", "/tags/"):
        member.look(address)
    asked = [*(fill(each) for each in BREAKS), f"author:{RUN}", "<script>"]
    # What is of several lines or too long for one question is asked by itself.
    others = set(vectors()).difference(short(SEARCH.QUERY_MAX_LENGTH))
    searched = [*packed(SEARCH.QUERY_MAX_LENGTH), *sorted(others), *asked]
    guest.look_through([f"/search/?q={quote(words)}" for words in searched])
    member.look_through([f"/admin/users/?q={quote(words)}" for words in asked[:6]])
    # Of what no nickname and no tag may be, the page that refuses it shows it.
    for window, address, name in ((guest, "/users/register/", "name"), (member, "/posts/new/", "tags")):
        shown = window.look_at_refusals(address, name, [" ".join(few) for few in in_groups(PER_REFUSAL)])
        assert sum(vector in shown for vector in vectors()) > 300
    mails = wait_for_mails(reader, "haruka", corpus.mails)
    shown = reader.look_through([address for mail in mails for address in (mail, f"{mail}html/")])["text"]
    assert sum(vector in shown for vector in short(PER_EXCERPT) if "  " not in vector) > 300
