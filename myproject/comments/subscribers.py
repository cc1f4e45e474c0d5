"""What happens when a comment is written, and what comments hold of a person."""

from pyramid.config import Configurator

from myproject.comments.services import personal, writing
from myproject.comments.services.moving import CommentsMoved
from myproject.comments.services.writing import CommentCreated
from myproject.forms.kept import move_kept
from myproject.posts.models import Post
from myproject.posts.services.visits import note_visit
from myproject.web.templating import path


def note_own_comment(event: CommentCreated) -> None:
    """Who writes a comment has seen the post until then: their own words are no news to them."""
    comment = event.comment
    note_visit(event.db, comment.author_id, comment.post_id, comment.created_at)


def take_kept_along(event: CommentsMoved) -> None:
    """What members have begun to write to a post that is merged into another stands in that one's form."""
    into_id = None if event.comment else event.db.get_one(Post, event.post_id).merged_into_id
    if into_id is not None:
        registry = event.db.info["registry"]
        paths = (path(registry, "comments.create", {"id": number}) for number in (event.post_id, into_id))
        move_kept(event.db, *paths)


def includeme(config: Configurator) -> None:
    config.add_subscriber(note_own_comment, CommentCreated)
    config.add_subscriber(take_kept_along, CommentsMoved)
    config.add_rendered(writing.RENDERED)
    config.add_personal_data("comments", export=personal.export_comments, erase=personal.erase_comments)
