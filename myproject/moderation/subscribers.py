"""What a change or removal of a text is to the queue of staff; and what moderation holds of a person."""

from pyramid.config import Configurator

from myproject.comments.services.removal import CommentRemoved, CommentRestored
from myproject.comments.services.writing import CommentEdited
from myproject.moderation.services import cases, hidden, personal
from myproject.posts.services.removal import PostRemoved, PostRestored
from myproject.posts.services.writing import PostEdited
from myproject.settings import settings_of


def note_change_of_post(event: PostEdited) -> None:
    minutes = settings_of(event.db.info["registry"]).moderation_cooldown_minutes
    hidden.note_change(event.db, event.post, event.editor_id, minutes)


def note_change_of_comment(event: CommentEdited) -> None:
    minutes = settings_of(event.db.info["registry"]).moderation_cooldown_minutes
    hidden.note_change(event.db, event.comment, event.editor_id, minutes)


def close_case_of_post(event: PostRemoved) -> None:
    cases.close_removed(event.db, event.post)


def close_case_of_comment(event: CommentRemoved) -> None:
    cases.close_removed(event.db, event.comment)


def reopen_case_of_post(event: PostRestored) -> None:
    cases.reopen_restored(event.db, event.post)


def reopen_case_of_comment(event: CommentRestored) -> None:
    cases.reopen_restored(event.db, event.comment)


def includeme(config: Configurator) -> None:
    config.add_subscriber(note_change_of_post, PostEdited)
    config.add_subscriber(note_change_of_comment, CommentEdited)
    config.add_subscriber(close_case_of_post, PostRemoved)
    config.add_subscriber(close_case_of_comment, CommentRemoved)
    config.add_subscriber(reopen_case_of_post, PostRestored)
    config.add_subscriber(reopen_case_of_comment, CommentRestored)
    config.add_personal_data("moderation", export=personal.export_flags, erase=personal.erase_flags)
