"""Likes are counted exactly, however many press at once."""

from functools import partial

import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment, CommentLike
from myproject.posts.models import Post, PostLike, TopPost
from tests.factories import make_comment, make_post, make_user
from tests.functional.pages import csrf_token
from tests.reliability.together import Visitor, together

MANY = 16
MEMBERS = 4


def test_likes_of_many_at_once_are_all_counted_and_each_member_once(app: Router, db: Session) -> None:
    post = make_post(db, make_user(db, "ann"))
    comment = make_comment(db, post, make_user(db, "eve"))
    members = [make_user(db, f"member-{number}") for number in range(MEMBERS)]
    visitors = [Visitor(app) for _ in range(MANY)]
    for number, visitor in enumerate(visitors):
        visitor.sign_in(db, members[number % MEMBERS])
    page = f"/posts/{post.id}/{post.slug}/"
    tokens = [csrf_token(visitor.get(page)) for visitor in visitors]
    addresses = (f"/posts/{post.id}/like/", f"/comments/{comment.id}/like/")
    db.commit()
    for on, expected in ((1, MEMBERS), (0, 0)):
        for address in addresses:
            together(
                [
                    partial(visitor.post, address, {"on": str(on), "csrf_token": token}, status=303)
                    for visitor, token in zip(visitors, tokens, strict=True)
                ]
            )
        db.expire_all()
        assert db.scalars(sa.select(Post.like_count)).one() == expected
        assert db.scalars(sa.select(Comment.like_count)).one() == expected
        assert db.scalar(sa.select(sa.func.count(PostLike.user_id))) == expected
        assert db.scalar(sa.select(sa.func.count(CommentLike.user_id))) == expected
        assert set(db.scalars(sa.select(TopPost.like_count))) == ({expected} if expected else set())
        db.commit()
