"""Two members and a post, for what members are told."""

import pytest
from sqlalchemy.orm import Session

from myproject.posts.models import Post
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def signed_in(client: Client, ann: User) -> None:
    """`ann` is signed in with `client`."""
    sign_in(client, ann)


@pytest.fixture
def bob(db: Session) -> User:
    return make_user(db, "bob")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "On bread")
