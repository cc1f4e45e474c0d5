"""What was erased or purged is in no byte of SQLite's file and log, though FTS5 keeps words of deleted rows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import tasks as comments_tasks
from myproject.comments.models import Comment
from myproject.comments.services.removal import remove_comment
from myproject.db import sessions_of, utc_now
from myproject.posts import tasks as posts_tasks
from myproject.posts.models import Post
from myproject.posts.services.removal import remove_post
from myproject.search import constants as SEARCH
from myproject.search import tasks
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.tasks import erase_leavers
from tests.conftest import Client, run_tasks
from tests.factories import make_comment, make_post, make_user

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

# Each begins as no other word does: the index writes of a word only what the one before it has not.
WORDS = (b"0qcanary", b"7xcanary", b"9wcanary")


def words_left(app: Router, db: Session) -> set[bytes]:
    """Which of the words stand in the database's file or log, as they are or without their first letter."""
    db.commit()
    sessions_of(app.registry).empty_log()
    file = Path(db.get_bind().engine.url.database or "")
    found = b"".join(part.read_bytes().lower() for part in (file, file.with_name(f"{file.name}-wal")))
    return {word for word in WORDS if word[1:] in found}


def write(db: Session, person: User) -> Iterator[int]:
    """Texts with the words, each in a transaction of its own, so that the index has many segments; gives the
    numbers of the post and the comment of `person`.
    """
    ben = make_user(db, "Ben")
    others = make_post(db, ben, "Of Ben")
    post, comment = (
        make_post(db, person, "Hers", body="A 0qcanary here"),
        make_comment(db, others, person, "7xcanary"),
    )
    yield from (post.id, comment.id)
    make_comment(db, post, ben, "An answer with 9wcanary")
    for number in range(20):
        db.commit()
        make_comment(db, others, ben, " ".join(f"w{number:x}x{word:x}" for word in range(500)))


def test_of_who_has_gone_no_word_is_left_in_the_file(app: Router, db: Session, client: Client) -> None:
    ann = make_user(db, "Ann")
    list(write(db, ann))
    assert words_left(app, db) == set(WORDS)
    ann.deletion, ann.delete_after = USER.Deletion.REMOVE_POSTS, utc_now()
    db.commit()
    erase_leavers(app.registry)
    run_tasks(app.registry)
    assert words_left(app, db) == set()
    assert "/of-ben/" in client.get("/search/?q=ben")


def test_of_what_was_purged_no_word_is_left_after_the_night(
    app: Router, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_user(db, "Ann")
    post_id, comment_id = write(db, ann)
    actor = Actor(ann.id, ann.name)
    remove_post(db, actor, post_id)
    remove_comment(db, actor, comment_id)
    for table in (Post, Comment):
        removed = sa.update(table).where(table.removed_at.is_not(None))
        db.execute(removed.values(removed_at=utc_now() - timedelta(days=1000)))
    db.commit()
    comments_tasks.purge_removed(app.registry)
    posts_tasks.purge_removed(app.registry)
    assert words_left(app, db) == set(WORDS)
    # With other work between its steps.
    monkeypatch.setattr(SEARCH, "MERGE_SECONDS", 0)
    monkeypatch.setattr(SEARCH, "MERGE_PAGES", 1)
    tasks.merge_index(app.registry)
    assert run_tasks(app.registry) > 2
    assert words_left(app, db) == {b"9wcanary"}
