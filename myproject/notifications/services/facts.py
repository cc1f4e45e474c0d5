"""What is known of members and events, read set-wise: as `deciding.decide` asks for it."""

import re
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.markdown.references import MENTION_CLASS
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification, NotificationChoice, NotificationPreferences
from myproject.notifications.services.choices import DEFAULTS
from myproject.notifications.services.deciding import Facts
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostAttention, PostVisit, Tag, TagFollow, TagMute, post_tags
from myproject.users import constants as USER
from myproject.users.models import FormerName, User, UserBlock

# The link that the renderer makes of `@name`, of which a text has no more than it allows.
MENTION = re.compile(rf'<a href="/@([^"/]+)/" class="{MENTION_CLASS}"')


Actor = aliased(User)
Parent = aliased(Comment)

CLOSED = sa.or_(
    User.status == USER.Status.INACTIVE,
    User.deletion != USER.Deletion.NONE,
    User.approval.not_in(USER.ADMITTED),
)
REMOVED = sa.or_(Post.status == POST.Status.REMOVED, Comment.status == COMMENT.Status.REMOVED)
HIDDEN = sa.or_(Post.status != POST.Status.PUBLISHED, Comment.status != COMMENT.Status.PUBLISHED)


def mentioned_in(body_html: str) -> set[str]:
    """The canonical names of the members that a rendered text mentions."""
    return {unquote(name) for name in MENTION.findall(body_html)}


def with_facts(
    source: Any, user_id: Any, kind: Any, post_id: Any, actor_id: Any, *, of_one_post: bool
) -> sa.Select[*tuple[Any, ...]]:
    """Selects from `source`, which has a member, a kind, a post and an actor a row, what is known of the four.
    With `of_one_post` the last two are the same in all rows.
    """
    muters = sa.select(PostAttention.user_id).where(
        PostAttention.post_id == post_id, PostAttention.attention == POST.Attention.MUTE
    )
    tag_muters = (
        sa.select(TagMute.user_id)
        .join(post_tags, post_tags.c.tag_id == TagMute.tag_id)
        .where(post_tags.c.post_id == post_id)
    )
    blockers = sa.select(UserBlock.user_id).where(UserBlock.blocked_id == actor_id)

    def is_among(members: sa.Select[int], member: Any) -> sa.ColumnElement[bool]:
        # Who mutes one post is asked once for thousands of members; of many posts, each member is looked up.
        return user_id.in_(members) if of_one_post else members.where(member == user_id).exists()

    return (
        sa.select(
            user_id.label("user_id"),
            kind.label("kind"),
            NotificationChoice.inbox,
            NotificationChoice.mail.label("way"),
            CLOSED.label("closed"),
            User.email_verified_at.is_not(None).label("verified"),
            is_among(blockers, UserBlock.user_id).label("blocked"),
            is_among(muters, PostAttention.user_id).label("muted"),
            is_among(tag_muters, TagMute.user_id).label("tag_muted"),
            (NotificationPreferences.digest != NOTE.Digest.OFF).label("has_digest"),
        )
        .select_from(source)
        .join(User, User.id == user_id)
        .outerjoin(NotificationChoice, (NotificationChoice.user_id == user_id) & (NotificationChoice.kind == kind))
        .outerjoin(NotificationPreferences, NotificationPreferences.user_id == user_id)
    )


def facts_in(row: Any, **more: Any) -> Facts:
    """The facts of a row that `with_facts` selected."""
    default = DEFAULTS[row.kind]
    return Facts(
        kind=row.kind,
        inbox=default.inbox if row.inbox is None else row.inbox,
        way=default.mail if row.way is None else row.way,
        closed=bool(row.closed),
        verified=row.verified,
        blocked=row.blocked,
        muted=row.muted,
        tag_muted=row.tag_muted,
        has_digest=bool(row.has_digest),
        **more,
    )


FOLLOWS_POST, MUTES_POST = (
    sa.exists().where(
        PostAttention.user_id == Notification.user_id,
        PostAttention.post_id == Notification.post_id,
        PostAttention.attention == attention,
    )
    for attention in (POST.Attention.FOLLOW, POST.Attention.MUTE)
)
FOLLOWS_TAG = sa.exists().where(
    post_tags.c.post_id == Notification.post_id,
    TagFollow.tag_id == post_tags.c.tag_id,
    TagFollow.user_id == Notification.user_id,
)
# Of what is not in the open any more, only its author reads the title.
NAMES_POST = sa.func.coalesce(
    sa.or_(Post.status == POST.Status.PUBLISHED, Post.author_id == Notification.user_id), sa.false()
)
TEXT = sa.case((Notification.comment_id.is_(None), Post.body_html), else_=Comment.body_html)
FOLLOWS = {NOTE.Kind.FOLLOWED_POST: FOLLOWS_POST, NOTE.Kind.FOLLOWED_TAG: FOLLOWS_TAG}

# A text that names its reader as they were called then still names them.
FORMER_NAMES = (
    sa.select(sa.func.aggregate_strings(FormerName.name_canonical, "/"))
    .where(FormerName.user_id == Notification.user_id)
    .scalar_subquery()
)

# What is known of notifications that are there, and what a mail about them says, but for the texts.
OF_NOTIFICATIONS = (
    with_facts(
        Notification,
        Notification.user_id,
        Notification.kind,
        Notification.post_id,
        Notification.actor_id,
        of_one_post=False,
    )
    .add_columns(
        Notification.id,
        Notification.post_id,
        Notification.comment_id,
        Notification.decision,
        Notification.note,
        Notification.created_at,
        REMOVED.label("removed"),
        HIDDEN.label("hidden"),
        sa.case(FOLLOWS, value=Notification.kind, else_=sa.true()).label("follows"),
        sa.or_(
            Notification.read_at.is_not(None),
            # Of a discussion of several pages, a visit says nothing of what stands on the others.
            (PostVisit.seen_at >= Notification.created_at) & (Post.comment_count <= COMMENT.THREAD_SIZE),
        ).label("read"),
        sa.or_(
            sa.func.coalesce(User.last_seen_at > Notification.created_at, sa.false()),
            sa.func.coalesce(PostVisit.seen_at >= Notification.created_at, sa.false()),
        ).label("visited"),
        User.name,
        User.name_canonical,
        User.display_name,
        User.email,
        User.locale,
        User.time_zone,
        NotificationPreferences.without_texts,
        Actor.name.label("actor_name"),
        Actor.display_name.label("actor_display_name"),
        Post.title,
        Post.slug,
        NAMES_POST.label("names_post"),
        FOLLOWS_POST.label("follows_post"),
        sa.case((Notification.kind == NOTE.Kind.MENTION, TEXT)).label("naming_html"),
        sa.case((Notification.kind == NOTE.Kind.MENTION, FORMER_NAMES)).label("former_names"),
        Tag.name.label("tag"),
    )
    .outerjoin(Actor, Actor.id == Notification.actor_id)
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(Comment, Comment.id == Notification.comment_id)
    .outerjoin(Tag, Tag.id == Notification.tag_id)
    .outerjoin(
        PostVisit, (PostVisit.user_id == Notification.user_id) & (PostVisit.post_id == Notification.post_id)
    )
    .order_by(Notification.id)
)


# With what was written, and what of the reader's it answers.
WITH_TEXTS = OF_NOTIFICATIONS.add_columns(
    TEXT.label("html"),
    sa.case(
        (Notification.kind == NOTE.Kind.COMMENT_REPLY, Parent.body_html),
        (Notification.kind == NOTE.Kind.POST_REPLY, Post.body_html),
    ).label("answered_html"),
).outerjoin(Parent, Parent.id == Comment.parent_id)


def facts_of_notification(row: Any, **more: Any) -> Facts:
    """The facts of a row of `OF_NOTIFICATIONS`."""
    names = {row.name_canonical, *(row.former_names or "").split("/")}
    named = row.kind is not NOTE.Kind.MENTION or not names.isdisjoint(mentioned_in(row.naming_html or ""))
    return facts_in(
        row,
        removed=bool(row.removed),
        hidden=bool(row.hidden),
        follows=row.follows,
        read=bool(row.read),
        visited=row.visited,
        named=named,
        **more,
    )
