"""Writes down whom an event concerns: one row for each of them, in the transaction of what happened."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike
from myproject.db import BIG_INTEGER, IN_DATABASE_ONLY, EnumInteger, clock, insert_for, publish, utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.notifications.services.deciding import decide
from myproject.notifications.services.facts import facts_in, mentioned_in, with_facts
from myproject.notifications.services.inbox import touch_inboxes
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostAttention, PostLike, TagFollow, post_tags
from myproject.settings import settings_of
from myproject.users.models import FormerName, User, UserBlock


@dataclass(frozen=True)
class MailWaits:
    """Event: there is more to be mailed, in this transaction."""

    db: Session


@dataclass(frozen=True)
class Happened:
    """What members are told of. `key` names it: of the same one, nobody is told twice."""

    key: str
    post_id: int | None
    comment_id: int | None = None
    actor_id: int | None = None
    actor_count: int = 1
    decision: NOTE.Decision | None = None
    note: str = ""


Statement = sa.Select[*tuple[Any, ...]]
KIND = EnumInteger(NOTE.Kind)


def as_kind(kind: NOTE.Kind) -> sa.ColumnElement[int]:
    return sa.literal_column(str(int(kind)), sa.SmallInteger).label("kind")


NO_TAG = sa.cast(sa.null(), BIG_INTEGER).label("tag_id")
# Who is concerned, as what, by which tag.
ANSWERED = [
    sa.select(User.id, as_kind(kind), NO_TAG).where(User.id == sa.bindparam(name))
    for name, kind in (("parent_author_id", NOTE.Kind.COMMENT_REPLY), ("post_author_id", NOTE.Kind.POST_REPLY))
]
NAMES: sa.BindParameter[Any] = sa.bindparam("names", expanding=True)
# By their nickname, or by one that they gave up after the text was rendered.
MENTIONED = [
    sa.select(User.id, as_kind(NOTE.Kind.MENTION), NO_TAG).where(User.name_canonical.in_(NAMES)),
    sa.select(FormerName.user_id, as_kind(NOTE.Kind.MENTION), NO_TAG).where(FormerName.name_canonical.in_(NAMES)),
]
FOLLOWERS = sa.select(PostAttention.user_id, as_kind(NOTE.Kind.FOLLOWED_POST), NO_TAG).where(
    PostAttention.post_id == sa.bindparam("post_id"), PostAttention.attention == POST.Attention.FOLLOW
)
TAG_FOLLOWERS = (
    sa.select(TagFollow.user_id, as_kind(NOTE.Kind.FOLLOWED_TAG), TagFollow.tag_id)
    .join(post_tags, post_tags.c.tag_id == TagFollow.tag_id)
    .where(post_tags.c.post_id == sa.bindparam("post_id"))
)
ONE = sa.select(User.id, sa.bindparam("kind", type_=sa.SmallInteger).label("kind"), NO_TAG).where(
    User.id == sa.bindparam("user_id")
)


def known_of(*parts: Statement) -> Statement:
    """What is known of all whom an event concerns, each once: as the first of the kinds that fit them."""
    found = sa.union_all(*parts).subquery("found")
    user_id, kind, tag_id = found.columns
    who = (
        sa.select(user_id.label("user_id"), sa.func.min(kind).label("kind"), sa.func.min(tag_id).label("tag_id"))
        .group_by(user_id)
        .subquery("who")
    )
    post_id = sa.bindparam("post_id", type_=sa.BigInteger)
    kind_of_who = sa.type_coerce(who.c.kind, KIND)
    actor_id = sa.bindparam("actor_id", type_=sa.BigInteger)
    known = with_facts(who, who.c.user_id, kind_of_who, post_id, actor_id, of_one_post=True)
    return known.add_columns((who.c.user_id == actor_id).label("own"), who.c.tag_id)


BY_COMMENT = known_of(*ANSWERED, *MENTIONED, FOLLOWERS)
BY_POST = known_of(*MENTIONED, TAG_FOLLOWERS)
BY_EDIT = known_of(*MENTIONED)
OF_ONE = known_of(ONE)

NOBODY = 0
# Of so many at once is each asked for by number.
BATCH = 5_000


def tell(db: Session, happened: Happened, statement: Statement, **values: Any) -> None:
    """Tells those of an event whom one of the statements above selects, with its `values`."""
    known = {"post_id": happened.post_id, "actor_id": happened.actor_id or NOBODY}
    # Members of whom the same is known are told the same: asked once, however many they are.
    alike: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in db.execute(statement, known | values):
        alike[row[1:]].append(row)
    told: list[int] = []
    mail_waits = False
    for rows in alike.values():
        decided = decide(facts_in(rows[0], own=bool(rows[0].own)))
        if decided.outcome is NOTE.Outcome.OWN:
            continue
        same = {
            "kind": rows[0].kind,
            "tag_id": rows[0].tag_id,
            "in_inbox": decided.in_inbox,
            "mail": decided.mail,
            "outcome": decided.outcome,
        }
        for start in range(0, len(rows), BATCH):
            ids = [row.user_id for row in rows[start : start + BATCH]]
            told += insert(db, happened, ids, same)
        mail_waits = mail_waits or decided.mail is NOTE.Mail.WAITING
    if told:
        touch_inboxes(db, told)
    if told and mail_waits:
        publish(db, MailWaits(db))


def insert(db: Session, happened: Happened, user_ids: Collection[int], same: dict[str, Any]) -> list[int]:
    """Writes the same row for each of the members who have none of this event; gives who they are."""
    now = utc_now()
    values = same | {
        "event": happened.key,
        "post_id": happened.post_id,
        "comment_id": happened.comment_id,
        "actor_id": happened.actor_id,
        "actor_count": happened.actor_count,
        "decision": happened.decision,
        "note": happened.note[: NOTE.NOTE_MAX_LENGTH],
        "created_at": now,
        "decided_at": now,
    }
    columns = Notification.__table__.c
    selected: dict[str, Any] = {name: sa.literal(value, columns[name].type) for name, value in values.items()}
    selected |= {"user_id": User.id, "mail_at": clock(window_of(db) * 60)}
    # Written out: thousands of parameters take the database longer than thousands of numbers.
    ids: sa.BindParameter[Any] = sa.bindparam("ids", user_ids, expanding=True, literal_execute=True)
    # Of a former member, nothing is kept.
    rows = sa.select(*selected.values()).where(User.id.in_(ids), User.email != "")
    statement = insert_for(db, Notification).from_select(list(selected), rows).on_conflict_do_nothing()
    return list(db.scalars(statement.returning(Notification.user_id)))


def window_of(db: Session) -> int:
    """Minutes for which mail waits."""
    return settings_of(db.info["registry"]).notifications_window


def tell_of_comment(db: Session, comment: Comment) -> None:
    """A comment stands in the open: whom it answers or mentions is told, and who follows its post."""
    parent = comment.parent
    tell(
        db,
        happened_to_comment(comment),
        BY_COMMENT,
        parent_author_id=parent.author_id if parent else NOBODY,
        post_author_id=NOBODY if parent else comment.post.author_id,
        names=mentioned_in(comment.body_html),
    )


def tell_of_post(db: Session, post: Post) -> None:
    """A post stands in the open: whom it mentions is told, and who follows one of its tags."""
    tell(db, happened_to_post(post), BY_POST, names=mentioned_in(post.body_html))


def tell_of_edit(db: Session, text: Post | Comment) -> None:
    """A text has changed, or is shown again: whom it mentions is told, unless they have been told of it before.
    Nobody is, where it is hidden.
    """
    if isinstance(text, Post):
        happened, is_open = happened_to_post(text), text.status is POST.Status.PUBLISHED
    else:
        happened, is_open = happened_to_comment(text), text.status is COMMENT.Status.PUBLISHED
    names = mentioned_in(text.body_html)
    if names and is_open:
        tell(db, happened, BY_EDIT, names=names)


def happened_to_post(post: Post) -> Happened:
    return Happened(f"post:{post.id}", post.id, actor_id=post.author_id)


def happened_to_comment(comment: Comment) -> Happened:
    return Happened(f"comment:{comment.id}", comment.post_id, comment.id, comment.author_id)


def tell_one(db: Session, user_id: int, kind: NOTE.Kind, happened: Happened) -> None:
    """Tells one member of an event."""
    tell(db, happened, OF_ONE, user_id=user_id, kind=int(kind))


def tell_of_likes(db: Session, like: type[PostLike] | type[CommentLike], text_id: int) -> None:
    """Tells the author of a text how many liked it today, by the days of UTC: one row a day. Likes that are taken
    back leave it, and the last of them takes it away. Those of members whom the author has blocked do not count;
    where there are no others, the row is of these.
    """
    text: type[Post] | type[Comment] = Post if like is PostLike else Comment
    author_id, post_id = db.execute(
        sa.select(text.author_id, Post.id if text is Post else Comment.post_id).where(text.id == text_id)
    ).one()
    day = utc_now().date()
    which = PostLike.post_id if like is PostLike else CommentLike.comment_id
    today = (which == text_id) & (like.created_at >= datetime.combine(day, time(), UTC))
    blocked = sa.exists().where(UserBlock.user_id == author_id, UserBlock.blocked_id == like.user_id)
    # However many there are, one row: who was the latest, and how many.
    number = sa.func.count().over(partition_by=blocked)
    liked = sa.select(like.user_id, number.label("number"), blocked.label("blocked")).where(today)
    latest = db.execute(liked.order_by(blocked, like.created_at.desc()).limit(1)).first()
    key = f"like:{'post' if text is Post else 'comment'}:{text_id}:{day}"
    row = (Notification.user_id == author_id) & (Notification.event == key)
    if latest is None:
        db.execute(sa.delete(Notification).where(row), execution_options=IN_DATABASE_ONLY)
        touch_inboxes(db, [author_id])
        return
    values = {"actor_id": latest.user_id, "actor_count": latest.number}
    # What only blocked members liked, and somebody else does now, is decided anew; or the other way round.
    as_blocked = Notification.outcome == NOTE.Outcome.BLOCKED
    is_same = as_blocked if latest.blocked else ~as_blocked
    changed = sa.update(Notification).where(row, is_same).values(values).returning(Notification.id)
    if db.scalars(changed, execution_options=IN_DATABASE_ONLY).first() is None:
        db.execute(sa.delete(Notification).where(row, ~is_same), execution_options=IN_DATABASE_ONLY)
        comment_id = None if text is Post else text_id
        tell_one(db, author_id, NOTE.Kind.LIKE, Happened(key, post_id, comment_id, **values))
    else:
        touch_inboxes(db, [author_id])
