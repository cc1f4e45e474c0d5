"""Every page with real rows behind it, on PostgreSQL: what SQLite lets pass, it may refuse.

`test_access` asks the same of SQLite, with every method, and everything made anew for each address.
"""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.bookmarks.services import add_bookmark
from myproject.moderation.services.bans import ban_member
from myproject.posts.services.likes import like_post
from myproject.settings import settings_of
from myproject.users.services.blocks import block
from tests.conftest import Client
from tests.factories import make_comment, sign_in
from tests.functional.security.test_access import TABLE, VISITORS, World

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


def test_every_page_answers_everybody_as_the_table_says(
    app: Router, db: Session, make_client: Callable[..., Client], mails: Callable[..., list[EmailMessage]]
) -> None:
    world = World(db, make_client, settings_of(app.registry).mail_folder)
    for visitor, user in world.users.items():
        sign_in(world.clients[visitor], user)
    # Rows in the lists: what a member keeps and is told, and what staff look after.
    other = world.users["other"]
    add_bookmark(db, other.id, world.post.id)
    like_post(db, other.id, world.post.id, True)
    block(db, other.id, world.users["new"].id)
    ban_member(db, COMMAND_LINE, world.waiting.id, None, "Enough", hide_comments=True)
    make_comment(db, world.post, world.users["staff"], "A word for @somebody-else")
    assert mails(to="somebody-else@")
    expected, found = {}, {}
    for row, path in [(row, world.path(row)) for row in TABLE]:
        for visitor in VISITORS:
            cell = f"{visitor} {row.path}"
            expected[cell] = row.get[VISITORS.index(visitor)]
            found[cell] = world.clients[visitor].get(path, status="*").status_int
    assert found == expected
