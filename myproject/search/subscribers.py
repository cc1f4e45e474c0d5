"""What happens to the index when a post or a comment is written, by whichever service."""

from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from sqlalchemy import event
from sqlalchemy.orm import Mapper, object_session

from myproject.cache import touch
from myproject.comments.models import Comment
from myproject.posts.models import Post
from myproject.search.services import indexing

# A like or a count is nothing to the index.
INDEXED = ("title", "body", "link_url", "status", "published_at")


def text_written(mapper: Mapper[Any], connection: sa.Connection, target: Post | Comment) -> None:
    """Writes the entry of a text with the text itself: in the same flush, so that no service can forget it."""
    state: Any = sa.inspect(target)
    if not any(state.attrs[name].history.has_changes() for name in INDEXED if name in state.attrs):
        return
    if isinstance(target, Post):
        indexing.index_post(connection, target)
    else:
        indexing.index_comment(connection, target)
    session = object_session(target)
    if session is not None:
        touch(session, "search")


def includeme(config: Configurator) -> None:
    for model in (Post, Comment):
        for moment in ("after_insert", "after_update"):
            event.listen(model, moment, text_written)
    config.add_personal_data("search", export=indexing.export_nothing, erase=indexing.erase_entries)
