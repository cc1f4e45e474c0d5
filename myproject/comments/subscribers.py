"""What happens when a comment is written, and what comments hold of a person."""

from pyramid.config import Configurator

from myproject.comments import mails
from myproject.comments.services import personal
from myproject.comments.services.writing import CommentCreated
from myproject.emails.services import queue_mail


def mail_reply(event: CommentCreated) -> None:
    """Tells whom the comment answers, by a mail in the same transaction."""
    mail = mails.reply(event.comment)
    if mail is not None:
        queue_mail(event.db, mail)


def includeme(config: Configurator) -> None:
    config.add_subscriber(mail_reply, CommentCreated)
    config.add_personal_data("comments", export=personal.export_comments, erase=personal.erase_comments)
