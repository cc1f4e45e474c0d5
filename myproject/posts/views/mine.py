"""What the page of a post says to one member alone, found in one query."""

from dataclasses import dataclass

import sqlalchemy as sa

from myproject.bookmarks.services import MINE as BOOKMARKED
from myproject.db import fetch
from myproject.web.request import Request


@dataclass
class Mine:
    """A member's own with a post."""

    bookmarked: bool = False


STATEMENT = sa.union_all(BOOKMARKED)


def find_mine(request: Request, post_id: int) -> Mine:
    """What the member who asks has with a post."""
    mine = Mine()
    values = {"user_id": request.member.id, "post_id": post_id}
    for what, _number, _moment in fetch(request.dbsession, STATEMENT, values):
        if what == "bookmark":
            mine.bookmarked = True
    return mine
