"""What happens when a comment is written."""

from pyramid.config import Configurator

from myproject.comments import mails
from myproject.comments.services import CommentCreated
from myproject.emails.services import queue_mail


def mail_reply(event: CommentCreated) -> None:
    """Tells whom the comment answers, by a mail in the same transaction."""
    mail = mails.reply(event.comment)
    if mail is not None:
        queue_mail(event.db, mail)


def includeme(config: Configurator) -> None:
    config.add_subscriber(mail_reply, CommentCreated)
