"""Texts that are not for everybody, each with a word of its own, and a walk through all addresses of the site: who
finds which word, on whatever page, list, feed or mail, is who may read it.

A new route is walked by itself; where its address wants a value that nobody has named here, the test fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from itertools import product

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.hiding import hide_comment
from myproject.comments.services.removal import remove_comment
from myproject.moderation.services.cases import find_or_open
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services import writing
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_user, sign_in
from tests.functional.addresses import addresses

EVERYBODY = {"guest", "bob", "ann", "grace"}
STAFF = {"grace"}
AUTHOR = {"ann"}
# In every text, so that a search for it finds whatever may be found, and repeats none of the words.
BAIT = "nightingale"


@dataclass
class World:
    """ann wrote everything. `words` says who may find each."""

    posts: list[Post] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    words: dict[str, set[str]] = field(default_factory=dict)


def text(word: str) -> str:
    return f"{BAIT} {word}"


@pytest.fixture
def world(db: Session) -> World:
    world = World()
    ann, grace = make_user(db, "ann"), make_user(db, "grace", role=USER.Role.STAFF)
    make_user(db, "bob")
    staff = Actor(grace.id, grace.name)

    def post(word: str, readers: set[str], *, publish: bool = True, approve_first: int = 0) -> Post:
        world.words[word] = readers
        rendered = writing.render(text(word), text(word), [f"tag-{word}"] if publish else [])
        made = writing.create_post(db, ann.id, rendered, publish=publish, approve_first=approve_first)
        world.posts.append(made)
        return made

    def comment(on: Post, word: str, readers: set[str], parent: Comment | None = None) -> Comment:
        world.words[word] = readers
        world.comments.append(made := make_comment(db, on, ann, text(word), parent))
        return made

    open_post = post("openpost", EVERYBODY)
    post("draftpost", AUTHOR, publish=False)
    assert post("waitingpost", AUTHOR | STAFF, approve_first=99).status == POST.Status.WAITING
    # Its author is told of the removal, with the title.
    gone = post("removedpost", AUTHOR | STAFF)
    comment(gone, "underremoved", STAFF)
    remove_post(db, staff, gone.id, "for a test")
    hidden = post("hiddenpost", AUTHOR | STAFF)
    comment(hidden, "underhidden", AUTHOR | STAFF)
    hide_post(db, hidden)
    find_or_open(db, hidden)

    answered = comment(open_post, "answeredcomment", STAFF)
    comment(open_post, "opencomment", EVERYBODY, answered)
    alone = comment(open_post, "alonecomment", STAFF)
    waiting = comment(open_post, "waitingcomment", AUTHOR | STAFF)
    for removed in (answered, alone):
        remove_comment(db, staff, removed.id, "for a test")
    waiting.status = COMMENT.Status.WAITING
    reported = comment(open_post, "hiddencomment", AUTHOR | STAFF)
    hide_comment(db, reported, COMMENT.HiddenFor.REPORTS)
    find_or_open(db, reported)
    db.commit()
    return world


def test_nobody_finds_a_text_that_is_not_for_them(
    app: Router,
    db: Session,
    world: World,
    make_client: Callable[..., Client],
    mails: Callable[..., list[EmailMessage]],
) -> None:
    found: dict[str, dict[str, str]] = {word: {} for word in world.words}
    tags = [f"tag-{word}" for word in world.words]
    walk = addresses(app, world.posts, world.comments, BAIT, name=["ann", "bob"], tag=tags)
    walked = list(dict.fromkeys(walk))
    for reader in sorted(EVERYBODY):
        client = make_client()
        if reader != "guest":
            sign_in(client, db.scalars(sa.select(User).where(User.name == reader)).one())
        for address in walked:
            # What is in the address is nothing that was found.
            answer = client.get(address, status="*")
            assert answer.status_int < 500, address
            body = answer.text if answer.charset else ""
            for word in world.words:
                if word in body and word not in address:
                    found[word].setdefault(reader, address)
    mailed = [(mail["To"], mail.as_string()) for mail in mails()]
    for reader, word in product(EVERYBODY - {"guest"}, world.words):
        if any(word in mail for to, mail in mailed if f"{reader}@example.org" in to):
            found[word].setdefault(reader, "a mail")
    readers = {word: set(places) for word, places in found.items()}
    assert readers == world.words, found
