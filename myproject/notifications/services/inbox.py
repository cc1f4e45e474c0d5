"""A member's inbox: what they were told of, what of that is unread, and how it becomes read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments.models import Comment
from myproject.comments.services.visibility import PUBLISHED as COMMENT_PUBLISHED
from myproject.db import IN_DATABASE_ONLY, fetch, utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.models import IN_INBOX, UNREAD, Notification
from myproject.notifications.services.facts import FOLLOWS_POST, MUTES_POST, NAMES_POST
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.posts.models import Post, Tag, TagFollow
from myproject.posts.services.rows import AUTHOR_NAME
from myproject.posts.services.visibility import PUBLISHED as POST_PUBLISHED
from myproject.users.models import User


@dataclass(frozen=True)
class Unread:
    """What of an inbox is unread, as the cache holds it: how many, counted up to `UNREAD_MAX` and one more where
    there are more; the number of the latest; and the posts that they are about.
    """

    number: int = 0
    latest: int = 0
    posts: tuple[int, ...] = ()

    def may_be_about(self, post_id: int) -> bool:
        """Whether some of them are about a post; of more than are counted, that is not known."""
        return self.number > 0 and (post_id in self.posts or self.number > NOTE.UNREAD_MAX)


UNREAD_STATEMENT = (
    sa.select(Notification.id, Notification.post_id)
    .where(Notification.user_id == sa.bindparam("user_id"), sa.text(UNREAD))
    .order_by(Notification.id.desc())
    .limit(NOTE.UNREAD_MAX + 1)
)
LATEST_UNREAD = UNREAD_STATEMENT.subquery()
# The same as a part of the one query for what a post's page says to one reader alone.
UNREAD_PART: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'unread'"), LATEST_UNREAD.c.id, sa.null(), LATEST_UNREAD.c.post_id
)
# A part of the same query: the latest of what is not in their inbox and waits to be mailed about the post.
WAITING_PART: sa.Select[*tuple[Any, ...]] = (
    sa.select(sa.literal_column("'waiting'"), sa.func.max(Notification.id), sa.null())
    .where(
        Notification.post_id == sa.bindparam("post_id"),
        Notification.user_id == sa.bindparam("user_id"),
        Notification.mail.in_((NOTE.Mail.WAITING, NOTE.Mail.DIGEST)),
        ~Notification.in_inbox,
        Notification.read_at.is_(None),
    )
    .having(sa.func.max(Notification.id).is_not(None))
)
# What it says of a text that is not in the open any more is said without its title, but to its own author.
IS_THERE = POST_PUBLISHED & sa.or_(Notification.comment_id.is_(None), COMMENT_PUBLISHED)
FOLLOWS_ITS_TAG = sa.exists().where(
    TagFollow.user_id == Notification.user_id, TagFollow.tag_id == Notification.tag_id
)
LIST = (
    sa.select(
        Notification.id,
        Notification.kind,
        Notification.post_id,
        Notification.comment_id,
        Notification.actor_count,
        Notification.decision,
        Notification.note,
        Notification.created_at,
        Notification.read_at,
        AUTHOR_NAME.label("actor_name"),
        User.display_name.label("actor_display_name"),
        User.avatar.label("actor_avatar"),
        Post.title,
        Post.slug,
        Tag.name.label("tag"),
        sa.func.coalesce(IS_THERE, sa.false()).label("is_there"),
        sa.func.coalesce(POST_PUBLISHED, sa.false()).label("post_is_there"),
        NAMES_POST.label("names_post"),
        # What there is to stop.
        FOLLOWS_POST.label("follows_post"),
        FOLLOWS_ITS_TAG.label("follows_tag"),
        MUTES_POST.label("mutes_post"),
    )
    .outerjoin(User, User.id == Notification.actor_id)
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(Comment, Comment.id == Notification.comment_id)
    .outerjoin(Tag, Tag.id == Notification.tag_id)
    .where(
        Notification.user_id == sa.bindparam("user_id"),
        Notification.id < sa.bindparam("before_id"),
    )
    .order_by(Notification.id.desc())
    .limit(NOTE.PAGE_SIZE + 1)
)
ALL, ONLY_UNREAD = LIST.where(sa.text(IN_INBOX)), LIST.where(sa.text(UNREAD))


def key(user_id: int) -> str:
    """Under which name processes remember what of a member's inbox is unread (see `cache.remembered`)."""
    return f"unread:{user_id}"


def mark(user_id: int) -> str:
    """The tag under which the cache notes that a member's inbox has changed (see `cache.touch`)."""
    return f"notices:{user_id}"


def touch_inboxes(db: Session, user_ids: Iterable[int]) -> None:
    """Says that the inboxes of some members change with this transaction: to be called after each change."""
    touch(db, *map(mark, user_ids))


def find_unread(db: Session, user_id: int) -> Unread:
    """What of a member's inbox is unread."""
    return unread_in(fetch(db, UNREAD_STATEMENT, {"user_id": user_id}).all())


def unread_in(rows: Sequence[Any]) -> Unread:
    """The same, from the numbers of the latest that are unread, each with that of the post that it is about."""
    posts = {post_id for _number, post_id in rows if post_id is not None}
    return Unread(len(rows), max((number for number, _post_id in rows), default=0), tuple(sorted(posts)))


def list_inbox(db: Session, user_id: int, before_id: int | None = None, *, only_unread: bool = False) -> Page[Any]:
    """A page of a member's inbox, latest first; the cursor of the next page is the number of a notification, which
    it begins behind (`before_id`). Where `is_there` is false, `title` is for nobody to read, unless only the
    comment is gone (`post_is_there`), or staff decided about the member's own text (`kind` is MODERATION) and
    `names_post` is true.
    """
    statement = ONLY_UNREAD if only_unread else ALL
    rows = fetch(db, statement, {"user_id": user_id, "before_id": before_id or BEYOND_ALL}).all()
    return cut_by_number(rows, NOTE.PAGE_SIZE)


def read_one(db: Session, user_id: int, number: int) -> None:
    """Marks one notification of a member as read; one that is nobody's or somebody else's is let be."""
    mark_read(db, user_id, sa.text(UNREAD), Notification.id == number)


def read_all(db: Session, user_id: int, up_to: int) -> None:
    """Marks all of a member's as read, up to the latest that they have seen in the list."""
    mark_read(db, user_id, sa.text(UNREAD), Notification.id <= up_to)


def read_post(
    db: Session,
    user_id: int,
    post_id: int,
    up_to: int,
    comment_ids: Sequence[int] | None = None,
    *,
    itself: bool = True,
) -> None:
    """Marks what a member was told of a post as read, once they have read that, up to what was there then: of the
    comments `comment_ids`, None for all, and where they saw it `itself`, of the post. Also what is not in their
    inbox: it need not be mailed.
    """
    conditions = [Notification.post_id == post_id, Notification.id <= up_to]
    if comment_ids is not None:
        seen = Notification.comment_id.in_(comment_ids)
        conditions.append(seen | Notification.comment_id.is_(None) if itself else seen)
    mark_read(db, user_id, *conditions)


def read_comment(db: Session, user_id: int, comment_id: int, up_to: int) -> None:
    """Marks what a member was told of a comment as read, up to what was there when they saw it."""
    mark_read(db, user_id, Notification.comment_id == comment_id, Notification.id <= up_to)


def mark_read(db: Session, user_id: int, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> None:
    unread = Notification.user_id == user_id, Notification.read_at.is_(None)
    read = sa.update(Notification).where(*unread, *conditions).values(read_at=utc_now())
    if any(db.scalars(read.returning(Notification.in_inbox), execution_options=IN_DATABASE_ONLY).all()):
        touch_inboxes(db, [user_id])
