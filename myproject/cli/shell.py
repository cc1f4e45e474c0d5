"""`pshell INI`: the application, a session, models and services at hand. What you do is rolled back unless
you commit.
"""

from collections.abc import Iterator
from typing import Any

from myproject import models
from myproject.comments import services as comments
from myproject.db import sessions_of
from myproject.emails import services as emails
from myproject.posts import services as posts
from myproject.users import services as users


def setup(env: dict[str, Any]) -> Iterator[None]:
    """Fills the shell's names; at its end the session rolls back."""
    with sessions_of(env["registry"]).reader() as db:
        env |= {"db": db, "users": users, "posts": posts, "comments": comments, "emails": emails}
        env |= {model.__name__: model for model in models.MODELS}
        yield
        db.rollback()
