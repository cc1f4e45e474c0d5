"""What a change or removal of a text is to the queue of staff, and who is told of what they decide."""

from collections.abc import Sequence

from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.comments.services.hiding import CommentHidden, CommentShown
from myproject.comments.services.removal import CommentRemoved, CommentRestored
from myproject.comments.services.writing import CommentEdited
from myproject.db import utc_now
from myproject.moderation.services import cases, hidden, personal, texts
from myproject.moderation.services.cases import ChangeAsked, FlagsAnswered
from myproject.notifications.constants import Decision
from myproject.notifications.services.decisions import tell_decision
from myproject.posts.models import Post
from myproject.posts.services.hiding import PostHidden, PostShown
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


def tell(db: Session, text: texts.Text, user_ids: Sequence[int], decision: Decision, note: str = "") -> None:
    """Tells members of a text what became of it, each once."""
    post_id, comment_id = (text.id, None) if isinstance(text, Post) else (text.post_id, text.id)
    key = f"{decision.name.lower()}:{text.__tablename__}:{text.id}:{utc_now().timestamp():.3f}"
    for user_id in user_ids:
        tell_decision(db, user_id, decision, key, note=note, post_id=post_id, comment_id=comment_id)


def tell_hidden_post(event: PostHidden) -> None:
    tell(event.db, event.post, [event.post.author_id], Decision.HIDDEN)


def tell_hidden_comment(event: CommentHidden) -> None:
    tell(event.db, event.comment, [event.comment.author_id], Decision.HIDDEN)


def tell_shown_post(event: PostShown) -> None:
    tell(event.db, event.post, [event.post.author_id], Decision.RESTORED)


def tell_shown_comment(event: CommentShown) -> None:
    tell(event.db, event.comment, [event.comment.author_id], Decision.RESTORED)


def tell_author(event: ChangeAsked) -> None:
    tell(event.db, event.text, [event.text.author_id], Decision.CHANGE_ASKED, event.reason)


def tell_reporters(event: FlagsAnswered) -> None:
    decision = Decision.REPORT_UPHELD if event.upheld else Decision.REPORT_DISMISSED
    tell(event.db, event.text, event.user_ids, decision)


def includeme(config: Configurator) -> None:
    config.add_subscriber(note_change_of_post, PostEdited)
    config.add_subscriber(note_change_of_comment, CommentEdited)
    config.add_subscriber(close_case_of_post, PostRemoved)
    config.add_subscriber(close_case_of_comment, CommentRemoved)
    config.add_subscriber(reopen_case_of_post, PostRestored)
    config.add_subscriber(reopen_case_of_comment, CommentRestored)
    config.add_subscriber(tell_hidden_post, PostHidden)
    config.add_subscriber(tell_hidden_comment, CommentHidden)
    config.add_subscriber(tell_shown_post, PostShown)
    config.add_subscriber(tell_shown_comment, CommentShown)
    config.add_subscriber(tell_author, ChangeAsked)
    config.add_subscriber(tell_reporters, FlagsAnswered)
    config.add_personal_data("moderation", export=personal.export_flags, erase=personal.erase_flags)
