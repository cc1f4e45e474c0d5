"""What tests of screens have besides."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from myproject.posts.models import Post
from myproject.users.models import User
from tests.conftest import Client, site_options
from tests.factories import make_post, make_user, sign_in

# Where many come at once, a request that waits for a second connection while it holds one stops all of them.
ONE_CONNECTION = {"sqlalchemy.pool_size": 1, "sqlalchemy.max_overflow": 0, "sqlalchemy.pool_timeout": 1}


@pytest.fixture
def app_settings(database_url: str, site_folder: Path) -> Callable[..., dict[str, str]]:
    """As everywhere, but that a request which takes two connections at once fails."""
    return partial(site_options, database_url, site_folder, **ONE_CONNECTION)


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    """A member who is signed in as `client`."""
    user = make_user(db, "ann")
    sign_in(client, user)
    return user


@pytest.fixture
def post(db: Session) -> Post:
    """A post of somebody else's."""
    return make_post(db, make_user(db, "bob"))
