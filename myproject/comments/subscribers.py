"""What happens when a comment is written, and what comments hold of a person."""

from pyramid.config import Configurator

from myproject.comments import mails
from myproject.comments.services import personal, writing
from myproject.comments.services.approval import CommentAnswered
from myproject.comments.services.removal import forget_mails_of_post
from myproject.comments.services.writing import CommentCreated
from myproject.emails.services.outbox import queue_mail
from myproject.posts.services.approval import PostAnswered
from myproject.posts.services.attention import has_muted
from myproject.posts.services.removal import PostRemoved
from myproject.posts.services.visits import note_visit


def mail_reply(event: CommentCreated) -> None:
    """Tells whom the comment answers, by a mail in the same transaction, unless they have muted the post."""
    mail = mails.reply(event.comment)
    if mail is None or mail.user_id is None or has_muted(event.db, mail.user_id, event.comment.post_id):
        return
    queue_mail(event.db, mail)


def note_own_comment(event: CommentCreated) -> None:
    """Who writes a comment has seen the post until then: their own words are no news to them."""
    comment = event.comment
    note_visit(event.db, comment.author_id, comment.post_id, comment.created_at)


def mail_answer_to_post(event: PostAnswered) -> None:
    """Tells the author of a post that waited what staff have decided."""
    post = event.post
    mail = mails.answered(post.author, "post", post.id, post.title, approved=event.approved, message=event.reason)
    if mail is not None:
        queue_mail(event.db, mail)


def mail_answer_to_comment(event: CommentAnswered) -> None:
    """The same for a comment."""
    comment = event.comment
    mail = mails.answered(
        comment.author, "comment", comment.id, comment.post.title, approved=event.approved, message=event.reason
    )
    if mail is not None:
        queue_mail(event.db, mail)


def forget_mails(event: PostRemoved) -> None:
    """Drops the mails about the comments of a post that is gone."""
    forget_mails_of_post(event.db, event.post.id)


def includeme(config: Configurator) -> None:
    config.add_subscriber(forget_mails, PostRemoved)
    config.add_subscriber(mail_answer_to_post, PostAnswered)
    config.add_subscriber(mail_answer_to_comment, CommentAnswered)
    config.add_subscriber(mail_reply, CommentCreated)
    config.add_subscriber(note_own_comment, CommentCreated)
    config.add_rendered(writing.RENDERED)
    config.add_personal_data("comments", export=personal.export_comments, erase=personal.erase_comments)
