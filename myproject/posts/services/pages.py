"""One post, for its page."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.posts.models import Post
from myproject.posts.services.rows import PAGE_COLUMNS, PostPage
from myproject.posts.services.visibility import VISIBLE, viewer
from myproject.security.identity import Identity
from myproject.users.models import User

POST_STATEMENT = (
    sa.select(*PAGE_COLUMNS)
    .join(User, User.id == Post.author_id)
    .where(Post.id == sa.bindparam("post_id"), VISIBLE)
)


def find_post(db: Session, post_id: int, identity: Identity | None) -> PostPage | None:
    """The post where `identity` may see it, else None."""
    row = fetch(db, POST_STATEMENT, {"post_id": post_id} | viewer(identity)).first()
    return None if row is None else PostPage(**row._mapping)
