"""Leaving and taking one's data along, by many at the same moment."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.cache import make_cache
from myproject.comments.models import Comment, CommentLike
from myproject.comments.services.likes import like_comment
from myproject.db import sessions_of, utc_now
from myproject.emails.constants import Kind
from myproject.errors import InputError
from myproject.posts.models import Post, PostLike, TopPost
from myproject.posts.services.likes import like_post
from myproject.settings import Settings
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Export, User
from myproject.users.services import accounts, deletion, export
from tests.factories import make_comments, make_post, make_user
from tests.reliability.test_races import MANY, token_of
from tests.reliability.together import together
from tests.servers import Server

CLIENT = accounts.Client("127.0.0.1", "a test")


def attempt(app: Router, do: Callable[..., Any]) -> type[InputError] | None:
    """Does it in a transaction of its own; gives what was refused."""
    try:
        with sessions_of(app.registry).writing() as db:
            do(db)
    except InputError as error:
        return type(error)
    return None


def test_one_of_two_last_admins_who_leave_at_once_stays(app: Router, db: Session) -> None:
    admins = [make_user(db, name, role=USER.Role.ADMIN).id for name in ("root-1", "root-2")]
    db.commit()
    leaving = [
        partial(deletion.ask_for_deletion, user_id=user_id, deletion=USER.Deletion.KEEP_POSTS, client=CLIENT)
        for user_id in admins
    ]
    answers = together([partial(attempt, app, leave) for leave in leaving])
    assert sorted(answers, key=str) == sorted([None, errors.LastAdmin], key=str)


def test_one_of_many_who_ask_for_the_same_export_gets_it(app: Router, db: Session) -> None:
    user_id = make_user(db, "ann").id
    db.commit()
    asking = partial(export.ask_for_export, user_id=user_id, client=CLIENT)
    answers = together([partial(attempt, app, asking)] * MANY)
    assert answers.count(None) == 1
    assert answers.count(errors.ExportWaiting) == MANY - 1
    assert db.scalar(sa.select(sa.func.count()).select_from(Export)) == 1


def test_one_of_many_who_spend_the_link_that_keeps_an_account_succeeds(app: Router, db: Session) -> None:
    user = make_user(db, "ann")
    deletion.ask_for_deletion(db, user.id, USER.Deletion.KEEP_POSTS, CLIENT)
    token = token_of(db, Kind.DELETION_ASKED)
    db.commit()
    keeping = partial(deletion.keep_by_token, token=token, client=CLIENT)
    answers = together([partial(attempt, app, keeping)] * MANY)
    assert answers.count(None) == 1
    assert answers.count(errors.LinkInvalid) == MANY - 1


def test_an_account_that_is_kept_while_the_task_runs_is_whole_or_gone(app: Router, db: Session) -> None:
    user = make_user(db, "ann")
    deletion.ask_for_deletion(db, user.id, USER.Deletion.KEEP_POSTS, CLIENT)
    user.delete_after = utc_now()
    user_id = user.id
    db.commit()
    keep = partial(deletion.keep_account, user_id=user_id, client=CLIENT)
    erase = partial(deletion.erase, user_id=user_id)
    together([partial(attempt, app, keep), partial(attempt, app, erase)])
    db.expire_all()
    user = db.get_one(User, user_id)
    assert user.deletion == USER.Deletion.NONE
    whole = (user.name, user.email, user.status) == ("ann", "ann@example.org", USER.Status.ACTIVE)
    gone = (user.name, user.email, user.status) == (f"{USER.FORMER_MEMBER}{user_id}", "", USER.Status.INACTIVE)
    assert whole or gone


Liked = tuple[list[int], list[int]]


@pytest.fixture
def texts(db: Session) -> Liked:
    """The numbers of posts and comments that can be liked."""
    author = make_user(db, "author")
    posts = [make_post(db, author) for _ in range(6)]
    return [post.id for post in posts], [comment.id for comment in make_comments(db, posts[0], author, 6)]


def make_leaver(db: Session, name: str, liked: Liked, posts: USER.Deletion = USER.Deletion.KEEP_POSTS) -> int:
    """Somebody who is due, and liked some posts and comments."""
    leaver = make_user(db, name)
    for like, numbers in zip((like_post, like_comment), liked, strict=True):
        for number in numbers:
            like(db, leaver.id, number, True)
    leaver.deletion, leaver.delete_after = posts, utc_now()
    # Since then they have had their days to think better of it.
    for table in (PostLike, CommentLike):
        db.execute(sa.update(table).values(created_at=utc_now() - timedelta(days=USER.DELETION_DAYS)))
    return leaver.id


def check_likes(db: Session) -> None:
    """Each number of likes is that of the rows."""
    db.expire_all()
    for model, key in ((Post, PostLike.post_id), (Comment, CommentLike.comment_id)):
        rows = dict(db.execute(sa.select(key, sa.func.count()).group_by(key)).all())  # type: ignore[arg-type]
        counts = {row.id: row.like_count for row in db.scalars(sa.select(model))}
        assert counts == {number: rows.get(number, 0) for number in counts}
    tops = {(row.post_id, row.like_count) for row in db.scalars(sa.select(TopPost))}
    assert tops == {(post.id, post.like_count) for post in db.scalars(sa.select(Post)) if post.like_count}


@pytest.mark.parametrize("posts", [USER.Deletion.KEEP_POSTS, USER.Deletion.REMOVE_POSTS])
def test_taking_many_likes_back_costs_no_more_statements_than_few(
    app: Router,
    db: Session,
    texts: Liked,
    query_counter: Callable[..., AbstractContextManager[list[str]]],
    posts: USER.Deletion,
) -> None:
    few = make_leaver(db, "few", (texts[0][:2], texts[1][:2]), posts)
    many = make_leaver(db, "many", texts, posts)
    db.commit()
    counts = []
    for user_id in (few, many):
        with query_counter() as statements, sessions_of(app.registry).writing() as writer:
            assert deletion.erase(writer, user_id)
        counts.append(len(statements))
        check_likes(db)
        db.commit()
    assert counts[0] == counts[1]
    assert db.scalars(sa.select(Post.like_count).distinct()).all() == [0]


def test_likes_that_come_and_go_while_members_leave_are_counted(app: Router, db: Session, texts: Liked) -> None:
    leavers = [make_leaver(db, f"leaver-{number}", texts) for number in range(2)]
    roles = (USER.Role.ADMIN, USER.Role.USER, USER.Role.USER)
    members = [make_user(db, f"member-{number}", role=role).id for number, role in enumerate(roles)]
    db.commit()

    def like_all(user_id: int) -> None:
        """Each member goes from the other end than the one before, and takes some likes back."""
        for like, numbers in zip((like_post, like_comment), texts, strict=True):
            for number in sorted(numbers, reverse=bool(user_id % 2)):
                for on in (True, False)[: 1 + number % 2]:
                    with sessions_of(app.registry).writing() as writer:
                        like(writer, user_id, number, on)

    erasing = [partial(attempt, app, partial(deletion.erase, user_id=user_id)) for user_id in leavers]
    together([*erasing, *(partial(like_all, user_id) for user_id in members)])
    check_likes(db)
    assert db.scalars(sa.select(PostLike.user_id).where(PostLike.user_id.in_(leavers))).all() == []


def test_the_cache_in_redis_is_emptied_and_nothing_beside_it(redis_server: Server) -> None:
    cache = make_cache(Settings.with_defaults(redis_url=redis_server.url))
    with redis.Redis.from_url(redis_server.url) as client:
        cache.set("user:1", {"name": "ann"})
        cache.set_bytes("page:plain en /", b"ann")
        cache.touch(["site"])
        client.set("LIMITS:ann", "1")
        cache.clear()
        left = client.keys()
    assert sorted(left) == [b"LIMITS:ann", b"site:change:site", b"site:changes"]
