"""Reports are counted exactly, however many are sent at once, and a text is hidden once."""

from functools import partial

import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.moderation.models import Case, Flag
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.posts.models import Post
from tests.factories import make_comment, make_post, make_user
from tests.functional.pages import csrf_token
from tests.reliability.together import Visitor, together

MEMBERS = 6


def test_reports_of_many_at_once_are_all_counted_each_member_once_and_hide_it_once(
    app: Router, db: Session
) -> None:
    comment = make_comment(db, make_post(db, make_user(db, "ann")), make_user(db, "eve"))
    visitors = []
    for number in range(MEMBERS):
        member = make_user(db, f"member-{number}")
        make_post(db, member)
        # Each presses twice.
        for _press in range(2):
            visitors.append(Visitor(app))
            visitors[-1].sign_in(db, member)
    address = f"/comments/{comment.id}/report/"
    tokens = [csrf_token(visitor.get(address)) for visitor in visitors]
    db.commit()
    together(
        [
            partial(visitor.post, address, {"reason": "2", "note": "", "csrf_token": token}, status=303)
            for visitor, token in zip(visitors, tokens, strict=True)
        ]
    )
    assert db.scalars(sa.select(Case.flag_count)).all() == [MEMBERS]
    assert db.scalars(sa.select(sa.func.count(Flag.id))).one() == MEMBERS
    assert db.scalars(sa.select(Comment.status)).one() == COMMENT.Status.HIDDEN
    assert db.scalars(sa.select(Post.comment_count).order_by(Post.id)).first() == 0
    told = sa.select(Notification.id).where(Notification.decision == NOTE.Decision.HIDDEN)
    assert len(db.scalars(told).all()) == 1
