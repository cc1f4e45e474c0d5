"""What happens when a comment is written, and what comments hold of a person."""

from pyramid.config import Configurator

from myproject.comments.services import personal, writing
from myproject.comments.services.writing import CommentCreated
from myproject.posts.services.visits import note_visit


def note_own_comment(event: CommentCreated) -> None:
    """Who writes a comment has seen the post until then: their own words are no news to them."""
    comment = event.comment
    note_visit(event.db, comment.author_id, comment.post_id, comment.created_at)


def includeme(config: Configurator) -> None:
    config.add_subscriber(note_own_comment, CommentCreated)
    config.add_rendered(writing.RENDERED)
    config.add_personal_data("comments", export=personal.export_comments, erase=personal.erase_comments)
