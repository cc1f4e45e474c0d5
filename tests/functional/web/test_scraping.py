"""Who reads the whole site as a guest, every address of it and every link on its pages, costs the database nothing
that other guests have not asked for just before.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE, Actor
from myproject.comments import constants as COMMENT
from myproject.comments.services.hiding import hide_comment
from myproject.comments.services.moving import merge_posts
from myproject.comments.services.removal import remove_comment, restore_comment
from myproject.comments.services.writing import edit_comment
from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.hiding import hide_post, show_post
from myproject.posts.services.removal import remove_post, restore_post
from myproject.posts.services.tags import edit_tag, find_tag
from myproject.posts.services.writing import publish_post
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import accounts, approvals, names, registration
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.addresses import addresses

pytestmark = pytest.mark.one_database

QueryCounter = Callable[..., AbstractContextManager[list[str]]]

# Of the whole site, what asks the database each time, and why.
ASK_EACH_TIME = {
    "/health/ready": "tells whether the database is there",
    # What a mail leads to, once or for a time: no page has such a link.
    **dict.fromkeys(
        (
            "/users/verify/TOKEN/",
            "/users/email/confirm/TOKEN/",
            "/users/email/undo/TOKEN/",
            "/users/keep-account/TOKEN/",
            "/users/reset-password/TOKEN/",
            "/users/second-factor/keep/TOKEN/",
            "/users/second-factor/reset/TOKEN/",
        ),
        "whether the link still works changes with the clock",
    ),
}
TOKEN = "a" * 43
ADMITTED = registration.Admission()
LINK = re.compile(r'(?:href|src|action)="([^"]+)"|<(?:loc|id)>([^<]+)</')


NOBODY_IN_PARTICULAR = accounts.Client("203.0.113.7", "a browser")


def come_in(db: Session, name: str, admission: registration.Admission = ADMITTED) -> User:
    return registration.register(
        db,
        name=name,
        email=f"{name}@example.org",
        password_hash=None,
        client=NOBODY_IN_PARTICULAR,
        admission=admission,
    )


@pytest.fixture
def staff(db: Session) -> Actor:
    grace = make_user(db, "grace", role=USER.Role.STAFF)
    return Actor(grace.id, grace.name)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def ask(client: Client, address: str) -> tuple[int, str, str]:
    """What a guest is answered who has no cookies: status, text, and where it leads."""
    client.reset()
    answer = client.get(address, status="*")
    return answer.status_int, answer.text if answer.charset else "", answer.headers.get("Location", "")


def links_of(address: str, text: str, location: str) -> Iterator[str]:
    """What of this site the answer from an address leads to."""
    found = [location, *(unescape(one or other) for one, other in LINK.findall(text))]
    for link in found:
        parts = urlsplit(urljoin(f"http://localhost{address}", link))
        if parts.scheme == "http" and parts.netloc == "localhost":
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def walk(client: Client, begin: list[str]) -> dict[str, tuple[int, str]]:
    """Asks for these addresses and for all that is linked on what they answer: status and text by address."""
    answers: dict[str, tuple[int, str]] = {}
    waiting = begin
    while waiting:
        address = waiting.pop()
        if address not in answers:
            status, text, location = ask(client, address)
            answers[address] = status, text
            waiting += links_of(address, text, location)
    return answers


def test_a_second_walk_over_the_whole_site_asks_the_database_nothing(
    app: Router, db: Session, client: Client, ann: User, staff: Actor, query_counter: QueryCounter
) -> None:
    posts = [make_post(db, ann, title, tags=["tea", "tee"]) for title in ("Open", "Removed", "Merged", "Hidden")]
    post, removed, merged, hidden = posts
    posts.append(make_post(db, ann, "Draft", publish=False))
    for number in range(POST.PAGE_SIZE):
        make_post(db, ann, f"Another {number}", tags=["tea"])
    comments = [make_comment(db, post, ann) for _ in range(5)]
    comments.append(make_comment(db, post, ann, parent=comments[1]))
    for each in (comments[1], comments[2]):
        remove_comment(db, staff, each.id, "for a test")
    comments[3].status = COMMENT.Status.WAITING
    hide_comment(db, comments[4], COMMENT.HiddenFor.REPORTS)
    edit_comment(db, comments[0].id, 1, "Otherwise.", "<p>Otherwise.</p>")
    remove_post(db, staff, removed.id, "for a test")
    merge_posts(db, staff, merged.id, post.id, "for a test")
    hide_post(db, hidden)
    tee = next(tag for tag in post.tags if tag.name == "tee")
    edit_tag(db, staff, tee.id, name="tee", description="", retired=False, synonym_of="tea")
    ann.created_at = utc_now() - timedelta(days=USER.RENAME_DAYS + 1)
    names.rename(db, ann.id, "anna", accounts.Client("127.0.0.1", "a test"))
    db.commit()

    values = {"name": ["ann", "anna", "ANNA"], "tag": ["tea", "tee"], "token": [TOKEN]}
    every = addresses(app, posts, comments, "another", **values)
    first = walk(client, ["/", *every])
    assert {status for status, _text in first.values()} == {200, 301, 302, 303, 404, 405, 410}
    asking = set()
    for address, (status, text) in first.items():
        with query_counter() as statements:
            again = ask(client, address)
        assert again[:2] == (status, text) or "csrf_token" in text, address
        # Where nothing is, it must be asked whether there is something by now. What is only for forms has no page.
        if statements and status != 405 and (status != 404 or "is hidden" in text):
            asking.add(address.replace(TOKEN, "TOKEN"))
    assert asking == set(ASK_EACH_TIME)


def kept(client: Client, address: str, query_counter: QueryCounter) -> int:
    """What is answered at an address, which is kept by now: the second guest costs nothing."""
    status = ask(client, address)[0]
    with query_counter() as statements:
        assert ask(client, address)[0] == status
    assert statements == []
    return status


def test_what_is_put_back_is_there_for_the_next_guest(
    db: Session, client: Client, ann: User, staff: Actor, query_counter: QueryCounter
) -> None:
    post = make_post(db, ann, "Of tea")
    forms = ("of-tea/", "source.md", "source.json", "feed.atom", "history/", "")
    addresses = [f"/posts/{post.id}/{form}" for form in forms]
    comment = f"/comments/{make_comment(db, post, ann).id}/"
    assert [kept(client, address, query_counter) for address in (*addresses, comment)] == [*[200] * 5, 301, 303]

    remove_comment(db, staff, 1, "for a test")
    assert kept(client, comment, query_counter) == 410
    restore_comment(db, staff, 1)
    assert kept(client, comment, query_counter) == 303

    remove_post(db, staff, post.id, "for a test")
    assert [kept(client, address, query_counter) for address in addresses] == [410] * 6
    restore_post(db, staff, post.id)
    assert [kept(client, address, query_counter) for address in addresses] == [*[200] * 5, 301]

    hide_post(db, db.get_one(Post, post.id))
    assert [kept(client, address, query_counter) for address in addresses] == [404] * 6
    show_post(db, db.get_one(Post, post.id))
    assert [kept(client, address, query_counter) for address in addresses] == [*[200] * 5, 301]


def test_a_tag_that_stands_for_no_other_any_more_has_its_page_again(
    db: Session, client: Client, ann: User, staff: Actor, query_counter: QueryCounter
) -> None:
    make_post(db, ann, tags=["tea", "tee"])
    tag = find_tag(db, "tee")
    assert tag is not None
    for synonym_of, status in (("tea", 301), ("", 200)):
        edit_tag(db, staff, tag.id, name="tee", description="Of green", retired=False, synonym_of=synonym_of)
        assert kept(client, "/tags/tee/", query_counter) == status
        assert kept(client, "/tags/tee/feed.atom", query_counter) == status


def test_what_is_said_of_a_removed_post_is_given_whole_to_who_has_it(
    db: Session, client: Client, ann: User, staff: Actor
) -> None:
    post = make_post(db, ann, "Of tea")
    remove_post(db, staff, post.id, "for a test")
    first = client.get(f"/posts/{post.id}/of-tea/", status=410)
    again = client.get(f"/posts/{post.id}/of-tea/", headers={"If-None-Match": first.headers["ETag"]}, status=410)
    assert again.body == first.body != b""


def test_who_may_put_a_post_back_is_not_shown_what_guests_are_told(
    db: Session, client: Client, make_client: Callable[..., Client], ann: User
) -> None:
    post = make_post(db, ann, "Of tea")
    remove_post(db, Actor(ann.id, ann.name), post.id)
    client.get(f"/posts/{post.id}/of-tea/", status=410)
    author = make_client()
    sign_in(author, ann)
    assert "Restore" in author.get(f"/posts/{post.id}/of-tea/", status=410)
    assert "Restore" not in client.get(f"/posts/{post.id}/of-tea/", status=410)


def test_what_is_not_there_is_asked_for_once_until_it_is(
    client: Client, db: Session, query_counter: QueryCounter
) -> None:
    ann = make_user(db, "ann")
    post = make_post(db, ann)
    said = make_comment(db, post, ann)
    db.commit()
    addresses = f"/posts/{post.id + 1}/", f"/comments/{said.id + 1}/", "/tags/tea/", "/@bob/", "/@cem/", "/@dora/"
    for address in addresses:
        client.get(address, status=404)
    with query_counter() as statements:
        for address in (*addresses, "/what/no/route/knows/"):
            client.get(address, status=404)
    assert statements == []

    draft = make_post(db, ann, tags=["tea"], publish=False)
    db.commit()
    client.get(addresses[0], status=404)
    publish_post(db, draft)
    make_comment(db, post, ann)
    come_in(db, "bob")
    names.rename(db, ann.id, "cem", NOBODY_IN_PARTICULAR)
    dora = come_in(db, "dora", registration.Admission(approval=USER.Approval.WAITING))
    db.commit()
    statuses = [client.get(address, status="*").maybe_follow().status_int for address in addresses]
    assert statuses == [200] * 5 + [404]
    approvals.approve(db, COMMAND_LINE, dora.id)
    db.commit()
    client.get("/@dora/", status=200)
