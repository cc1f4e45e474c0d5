"""Who runs the site, for the screens of admins."""

import pytest
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_user, sign_in


@pytest.fixture
def root(client: Client, db: Session) -> User:
    """An admin who is signed in as `client`."""
    user = make_user(db, "root-of-all", role=USER.Role.ADMIN)
    sign_in(client, user)
    return user
