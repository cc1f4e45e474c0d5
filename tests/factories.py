"""Members, posts and comments for tests; what they write goes through the site's own services.

Each is flushed, not committed: a `Client` commits before each request.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.writing import create_comment, path_of
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.posts.services.writing import create_post, render
from myproject.references import look_up_in
from myproject.security.cookies import cookies_of
from myproject.security.passwords import PasswordHasher, hasher_of
from myproject.security.policy import COOKIE
from myproject.settings import settings_of
from myproject.text import RENDERER_VERSION, canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import accounts, registration, sign_ins
from myproject.users.services.lookalikes import skeleton
from tests.conftest import PASSWORD, Client


@lru_cache
def password_hash(hasher: PasswordHasher) -> str:
    """The hash of `PASSWORD`, made once."""
    return hasher.hash(PASSWORD)


def make_user(
    db: Session,
    name: str,
    *,
    email: str = "",
    role: USER.Role = USER.Role.USER,
    status: USER.Status = USER.Status.ACTIVE,
) -> User:
    """A member whose password is `PASSWORD`. A NEW one has registered, and a mail waits for them; the others are
    there as if they always were, with nothing beside their row.
    """
    email = email or f"{name}@example.org"
    hashed = password_hash(hasher_of(db.info["registry"]))
    if status == USER.Status.NEW:
        user = registration.register(
            db,
            name=name,
            email=email,
            password_hash=hashed,
            client=accounts.Client("127.0.0.1", "a test"),
            admission=registration.Admission(),
        )
        user.role = role
    else:
        user = User(
            name=name,
            name_canonical=canonical(name),
            name_skeleton=skeleton(name),
            email=email,
            email_canonical=canonical(email),
            email_verified_at=utc_now(),
            password=hashed,
            role=role,
            status=status,
        )
        db.add(user)
        touch(db, "names")
    user.terms_version = settings_of(db.info["registry"]).site_terms_version
    db.flush()
    return user


def make_post(
    db: Session,
    author: User,
    title: str = "A post",
    *,
    body: str = "Some **text**.",
    tags: Iterable[str] = (),
    publish: bool = True,
) -> Post:
    return create_post(db, author.id, render(title, body, tags), publish=publish)


def make_comment(
    db: Session, post: Post, author: User, body: str = "A comment.", parent: Comment | None = None
) -> Comment:
    html = render_markdown(body, look_up_in(db.info["registry"], db))
    comment = create_comment(db, post.id, author.id, body, html, parent.id if parent else None)
    assert comment is not None
    return comment


def make_comments(
    db: Session, post: Post, author: User, number: int, parent: Comment | None = None
) -> list[Comment]:
    """So many comments at once, the oldest first. They count, but nobody is told of them."""
    now = utc_now()
    comments = [
        Comment(
            post_id=post.id,
            author_id=author.id,
            parent_id=parent.id if parent else None,
            status=COMMENT.Status.PUBLISHED,
            # Unique until the numbers are known.
            path=f"-{index}",
            body="A comment.",
            body_html="<p>A comment.</p>",
            body_renderer=RENDERER_VERSION,
            created_at=now + timedelta(milliseconds=index),
        )
        for index in range(number)
    ]
    db.add_all(comments)
    db.flush()
    for comment in comments:
        comment.path = path_of(comment.id, parent.path if parent else "")
    post.comment_count += number
    db.flush()
    touch(db, "posts", f"post:{post.id}")
    return comments


def sign_in(client: Client, user: User) -> str:
    """Gives the client a session of `user`, as the form would, and returns its token."""
    token = sign_ins.begin_session(client.db, user, accounts.Client("127.0.0.1", "a test"))
    client.set_cookie(cookies_of(client.app.registry).name(COOKIE), token)
    return token
