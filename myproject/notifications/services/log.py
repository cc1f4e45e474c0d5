"""The log for admins: of what one member was told, what was mailed or not, and why."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.emails.models import Email
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.notifications.services.fates import MAIL_STATE
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.posts.models import Post

LOG = (
    sa.select(
        Notification.id,
        Notification.kind,
        Notification.post_id,
        Notification.comment_id,
        Notification.created_at,
        Notification.in_inbox,
        Notification.read_at,
        Notification.mail,
        Notification.outcome,
        Notification.email_id,
        MAIL_STATE,
        Post.title,
    )
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(Email, Email.id == Notification.email_id)
    .where(Notification.user_id == sa.bindparam("user_id"), Notification.id < sa.bindparam("before_id"))
    .order_by(Notification.id.desc())
    .limit(NOTE.PAGE_SIZE + 1)
)


def list_log(db: Session, user_id: int, before_id: int | None = None) -> Page[Any]:
    """A page of what was decided about a member, latest first; the cursor of the next page is the number of a
    notification, which it begins behind (`before_id`).
    """
    rows = fetch(db, LOG, {"user_id": user_id, "before_id": before_id or BEYOND_ALL}).all()
    return cut_by_number(rows, NOTE.PAGE_SIZE)
