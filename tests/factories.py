"""Members, posts and comments for tests, made by the site's own services.

Each is flushed, not committed: a `Client` commits before each request.
"""

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.comments.models import Comment
from myproject.comments.services.writing import create_comment
from myproject.posts.models import Post
from myproject.posts.services.writing import create_post, render
from myproject.security.cookies import cookies_of
from myproject.security.passwords import PasswordHasher, hasher_of
from myproject.security.policy import COOKIE
from myproject.settings import settings_of
from myproject.text import render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import accounts, registration, roles, sign_ins
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
    """A member whose password is `PASSWORD`. A NEW one has registered, and a mail waits for them."""
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
        user = registration.create_verified(
            db, COMMAND_LINE, name=name, email=email, password_hash=hashed, role=role
        )
    user.terms_version = settings_of(db.info["registry"]).site_terms_version
    if status == USER.Status.INACTIVE:
        roles.change_status(db, COMMAND_LINE, user.id, status, "for a test")
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
    comment = create_comment(db, post.id, author.id, body, render_markdown(body), parent.id if parent else None)
    assert comment is not None
    return comment


def sign_in(client: Client, user: User) -> str:
    """Gives the client a session of `user`, as the form would, and returns its token."""
    token = sign_ins.begin_session(client.db, user, accounts.Client("127.0.0.1", "a test"))
    client.set_cookie(cookies_of(client.app.registry).name(COOKIE), token)
    return token
