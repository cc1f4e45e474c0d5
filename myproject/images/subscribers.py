"""What happens to images when a text is saved, by whichever service."""

from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Mapper

from myproject.comments.models import Comment
from myproject.images import services
from myproject.posts.models import Post


def text_added(mapper: Mapper[Any], connection: sa.Connection, target: Post | Comment) -> None:
    services.note_uses(connection, target, is_new=True)


def text_changed(mapper: Mapper[Any], connection: sa.Connection, target: Post | Comment) -> None:
    state: InstanceState[Any] = sa.inspect(target)
    if state.attrs["body_html"].history.has_changes():
        services.note_uses(connection, target, is_new=False)


def includeme(config: Configurator) -> None:
    for model in (Post, Comment):
        event.listen(model, "after_insert", text_added)
        event.listen(model, "after_update", text_changed)
    config.add_known("images", services.find_sizes)
    config.add_file_owner(services.used_files)
    config.add_personal_data("images", export=services.export_images, erase=services.erase_images)
