"""The mails that comments cause, as data: who gets which, and what stands in it."""

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import Mail
from myproject.i18n import ENGLISH
from myproject.text import cut, excerpt, plain_text
from myproject.users import constants as USER
from myproject.users.models import User


def reply(comment: Comment) -> Mail | None:
    """The mail to whom `comment` answers: the parent's author, or the post's. None where nobody is to be
    told.
    """
    answered = comment.parent or comment.post
    reader = answered.author
    if reader.id == comment.author_id or not may_get_mail(reader):
        return None
    return Mail(
        Kind.REPLY,
        to_address=reader.email,
        to_name=reader.title,
        user_id=reader.id,
        locale=reader.locale or ENGLISH,
        key=f"reply:{comment.id}:{reader.id}",
        thread=f"post-{comment.post.id}",
        context={
            "name": reader.name,
            "author": comment.author.title,
            "what": "comment" if comment.parent else "post",
            "post_title": comment.post.title,
            "post_id": comment.post.id,
            "slug": comment.post.slug,
            "comment_id": comment.id,
            "excerpt": cut(plain_text(comment.body_html), COMMENT.MAILED_MAX_LENGTH),
            "quote": excerpt(answered.body_html, COMMENT.EXCERPT_MAX_LENGTH),
        },
    )


def answered(author: User, what: str, number: int, title: str, *, approved: bool, message: str) -> Mail | None:
    """The mail to the author of a `what` ("post" or "comment") that waited for approval, with what staff say.
    `title` is the post's.
    """
    if not may_get_mail(author):
        return None
    return Mail(
        Kind.TEXT_APPROVED if approved else Kind.TEXT_REFUSED,
        to_address=author.email,
        to_name=author.title,
        user_id=author.id,
        locale=author.locale or ENGLISH,
        context={"name": author.name, "what": what, "number": number, "title": title, "message": message},
    )


def may_get_mail(user: User) -> bool:
    """Whether optional mail may go to a member: the address is verified, the account open, and not
    about to go.
    """
    return user.verified and user.status == USER.Status.ACTIVE and user.deletion == USER.Deletion.NONE
