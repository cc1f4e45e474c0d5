"""Of what members write and the site can't take so much is kept, and no more."""

from functools import partial

import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import sessions_of, utc_now
from myproject.forms.kept import MAX_BYTES, MAX_BYTES_IN_ALL, SHOWN, keep_text, let_go
from myproject.forms.models import KeptText
from myproject.users.models import User
from tests.factories import make_user
from tests.reliability.together import together

AT_ONCE = 8
ROUNDS = 10


def kept(db: Session, user: User) -> list[str]:
    """The addresses for which something of a member is kept, in the order in which it came."""
    theirs = sa.select(KeptText.path).where(KeptText.user_id == user.id)
    paths = list(db.scalars(theirs.order_by(KeptText.created_at, KeptText.id)))
    db.commit()
    return paths


def test_the_oldest_texts_go_where_a_member_has_many_however_many_come_at_once(app: Router, db: Session) -> None:
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    old = [f"/posts/{number}/edit/" for number in range(SHOWN)]
    for user in (ann, bob):
        for path in old:
            db.add(KeptText(user_id=user.id, path=path, fields={"body": "Old"}, created_at=utc_now()))
            db.flush()
    db.commit()
    new = [f"/comments/{number}/edit/" for number in range(AT_ONCE)]
    # One that is there already takes no other's place.
    paths = [*new, old[-1]]
    assert all(together([partial(keep_text, app.registry, ann.id, path, {"body": "New"}) for path in paths]))
    present = kept(db, ann)
    assert present[: SHOWN - len(paths)] == old[AT_ONCE:-1]
    assert sorted(present[SHOWN - len(paths) :]) == sorted(paths)
    assert kept(db, bob) == old


def test_the_oldest_texts_go_where_those_of_a_member_are_long(app: Router, db: Session) -> None:
    ann = make_user(db, "ann")
    db.commit()
    half = {"body": "x" * (MAX_BYTES_IN_ALL // 8)}
    for number in range(12):
        assert keep_text(app.registry, ann.id, f"/posts/{number}/edit/", half)
    # The names of the fields take a few bytes of each.
    assert kept(db, ann) == [f"/posts/{number}/edit/" for number in range(5, 12)]
    # The latest stays, however much it takes as it is written down.
    assert keep_text(app.registry, ann.id, "/posts/new/", {"body": "\x01" * MAX_BYTES})
    assert kept(db, ann) == ["/posts/new/"]


def test_a_text_is_kept_also_where_the_one_before_it_is_let_go_at_that_moment(app: Router, db: Session) -> None:
    ann = make_user(db, "ann")
    db.commit()
    path, form = "/posts/1/comments/", "a" * 64

    def keep(body: str) -> bool:
        return keep_text(app.registry, ann.id, path, {"body": body}, form)

    def send() -> bool:
        with sessions_of(app.registry).writing() as own:
            let_go(own, ann.id, path, [form])
        return True

    for _ in range(ROUNDS):
        assert keep("Before")
        assert all(together([send, *(partial(keep, f"Text {number}") for number in range(AT_ONCE))]))
    assert keep("After")
    assert kept(db, ann) == [path]
