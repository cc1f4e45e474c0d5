"""What is done with comments. Markdown comes rendered: the caller does that with no transaction open."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.db import fetch, publish, utc_now
from myproject.emails.services import forget_mails
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services import AUTHOR_COLUMNS, viewer_of, visible
from myproject.security.identity import Identity
from myproject.text import RENDERER_VERSION
from myproject.users import constants as USER
from myproject.users.models import User


@dataclass(frozen=True)
class CommentCreated:
    """Event: a comment was written, in this transaction."""

    db: Session
    comment: Comment


@dataclass(slots=True)
class CommentRow:
    """A comment as a page shows it. `level` counts from 1 and never jumps by more than one from row to row.

    `reply_to` names whom it answers where that is not the comment it stands under, and is empty where that member
    is gone. Of a `removed` comment only the place is left, for the sake of its replies. `closes` is how many lists
    end after it, `opens` whether one begins.
    """

    id: int
    post_id: int
    author_id: int
    parent_id: int | None
    path: str
    body_html: str
    created_at: datetime
    edited_at: datetime | None
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    removed: bool
    reply_to: str | None = None
    level: int = 1
    opens: bool = False
    closes: int = 0


@dataclass(frozen=True)
class Thread:
    """A page of a post's comments in the order of the tree; `next_id` is the comment that the next page
    starts with.
    """

    comments: Sequence[CommentRow]
    start_id: int | None
    next_id: int | None


Parent = aliased(Comment)
ParentAuthor = aliased(User)

COLUMNS = (
    Comment.id,
    Comment.post_id,
    Comment.author_id,
    Comment.parent_id,
    Comment.path,
    Comment.body_html,
    Comment.created_at,
    Comment.edited_at,
    *AUTHOR_COLUMNS,
    (Comment.status == COMMENT.Status.REMOVED).label("removed"),
    # Empty where that member is gone.
    sa.case((ParentAuthor.name.startswith(USER.FORMER_MEMBER), ""), else_=ParentAuthor.name),
)
ROWS = (
    sa.select(*COLUMNS)
    .join(User, User.id == Comment.author_id)
    .outerjoin(Parent, Parent.id == Comment.parent_id)
    .outerjoin(ParentAuthor, ParentAuthor.id == Parent.author_id)
)
THREAD = (
    ROWS.where(Comment.post_id == sa.bindparam("post_id"), Comment.path >= sa.bindparam("start"))
    .order_by(Comment.path)
    .limit(COMMENT.PAGE_SIZE + 1)
)


def list_comments(db: Session, post_id: int, start_id: int | None = None) -> Thread:
    """The comments of a post from `start_id` on (from the first without one), a page of them, as a tree.

    The caller has checked that the post may be seen. A page that starts in the middle of a thread shows its
    first comment at the first level.
    """
    start = ""
    if start_id is not None:
        statement = sa.select(Comment.path).where(Comment.id == start_id, Comment.post_id == post_id)
        start = db.scalar(statement) or ""
    rows = [CommentRow(*row) for row in fetch(db, THREAD, {"post_id": post_id, "start": start})]
    next_id = rows[COMMENT.PAGE_SIZE].id if len(rows) > COMMENT.PAGE_SIZE else None
    rows = rows[: COMMENT.PAGE_SIZE]
    lay_out(rows)
    return Thread(rows, start_id if start else None, next_id)


def lay_out(rows: Sequence[CommentRow]) -> None:
    """Sets levels, openings and closings, so that a template can nest lists without recursion."""
    previous: CommentRow | None = None
    for row in rows:
        depth = len(row.path) // COMMENT.SEGMENT
        row.level = min(depth, previous.level + 1 if previous else 1)
        # Nesting says whom a comment answers, but at the last level and at the top of a page.
        stands_under = int(row.path[-2 * COMMENT.SEGMENT : -COMMENT.SEGMENT] or 0)
        if row.parent_id is None or (row.parent_id == stands_under and previous is not None):
            row.reply_to = None
        if previous is not None:
            previous.opens = row.level > previous.level
            previous.closes = max(0, previous.level - row.level)
        previous = row
    if previous is not None:
        previous.closes = previous.level - 1


def find_comment(db: Session, comment_id: int, identity: Identity | None) -> CommentRow | None:
    """The comment where `identity` may see its post, else None."""
    statement = ROWS.join(Post, Post.id == Comment.post_id).where(
        Comment.id == comment_id, visible(viewer_of(identity))
    )
    row = fetch(db, statement).first()
    return None if row is None else CommentRow(*row)


def page_start(db: Session, comment: CommentRow) -> int | None:
    """The comment with which the page that shows `comment` starts; None where that is the post's first page.

    Comments on a page of their thread stay at the address they had: the page starts at the thread's top, or
    where that is too far above, at the comment itself.
    """

    def are_above(path: str) -> bool:
        """Whether a whole page or more stands from `path` up to the comment."""
        above = (
            sa.select(Comment.id)
            .where(Comment.post_id == comment.post_id, Comment.path >= path, Comment.path < comment.path)
            .limit(COMMENT.PAGE_SIZE)
        )
        return len(db.scalars(above).all()) == COMMENT.PAGE_SIZE

    top = comment.path[: COMMENT.SEGMENT]
    if not are_above(""):
        return None
    return comment.id if are_above(top) else int(top)


def create_comment(
    db: Session, post_id: int, author_id: int, body: str, body_html: str, parent_id: int | None = None
) -> Comment | None:
    """Writes a comment on a published post, or a reply to `parent_id`; None where the post or parent is not
    there.
    """
    now = utc_now()
    # Counted in SQL. The update comes first: it locks the post's row, so that nothing of it changes
    # meanwhile.
    counted = db.execute(
        sa.update(Post)
        .where(Post.id == post_id, Post.status == POST.Status.PUBLISHED)
        .values(comment_count=Post.comment_count + 1, last_activity_at=now)
        .returning(Post.id)
    ).first()
    parent = db.get(Comment, parent_id) if parent_id is not None else None
    if counted is None or (parent_id is not None and (parent is None or parent.post_id != post_id)):
        return None
    comment = Comment(
        post_id=post_id,
        author_id=author_id,
        parent_id=parent_id,
        # Unique until the number is known.
        path=f"-{author_id}-{now.timestamp()}"[: COMMENT.SEGMENT * COMMENT.LEVELS],
        body=body,
        body_html=body_html,
        body_renderer=RENDERER_VERSION,
        created_at=now,
    )
    db.add(comment)
    # The path is made from the row's number.
    db.flush()
    comment.path = path_of(comment.id, parent.path if parent else "")
    # Subscribers may look the tree up.
    db.flush()
    touch(db, "posts", f"post:{post_id}")
    publish(db, CommentCreated(db, comment))
    return comment


def path_of(comment_id: int, parent_path: str = "") -> str:
    """The path of a comment below the one at `parent_path`; deeper than the last level it stands beside that."""
    return f"{parent_path[: (COMMENT.LEVELS - 1) * COMMENT.SEGMENT]}{comment_id:0{COMMENT.SEGMENT}d}"


def edit_comment(db: Session, comment_id: int, version: int, body: str, body_html: str) -> Comment:
    """Changes a comment that its author opened at `version`. Raises EditConflict where it has changed since."""
    comment = db.get_one(Comment, comment_id, with_for_update=True, populate_existing=True)
    if comment.version != version:
        raise errors.EditConflict(comment.version, comment.body)
    comment.body, comment.body_html, comment.body_renderer = body, body_html, RENDERER_VERSION
    comment.version += 1
    comment.edited_at = utc_now()
    touch(db, f"post:{comment.post_id}")
    return comment


def export_comments(db: Session, person: Person) -> Iterator[File]:
    """A member's comments as a list, and one after the other as the Markdown they were written in."""
    columns = (Comment.id, Comment.post_id, Comment.parent_id, Comment.created_at, Comment.edited_at)
    theirs = sa.select(*columns).where(Comment.author_id == person.id).order_by(Comment.id)
    yield "comments.json", json_list(row._asdict() for row in db.execute(theirs))
    texts = theirs.add_columns(Comment.body, Post.title).join(Post, Post.id == Comment.post_id)
    rows = db.execute(texts, execution_options={"yield_per": 100})
    yield "comments.md", (f"## {row.title}, {row.created_at:%Y-%m-%d %H:%M}\n\n{row.body}\n\n" for row in rows)


def erase_comments(db: Session, person: Person, removing: bool) -> None:
    """Takes a member's name out of the mails about their comments; where they are `removing`, the comments too. Of
    one that was answered the place is left.
    """
    theirs = Comment.author_id == person.id
    under_theirs = Post.author_id == person.id
    forget_mails(db, mail_keys(db, theirs | under_theirs if removing else theirs))
    touch(db, "site", "posts")
    if not removing:
        return
    posts = sa.select(Comment.post_id).where(theirs)
    # As whoever comments does: the post's row first, so that nobody answers meanwhile.
    db.execute(sa.select(Post.id).where(Post.id.in_(posts)).order_by(Post.id).with_for_update())
    reply = aliased(Comment)
    unanswered = ~sa.exists().where(reply.parent_id == Comment.id)
    gone: Counter[int] = Counter()
    # One that answered another of theirs goes first.
    delete = sa.delete(Comment).where(theirs, unanswered).returning(Comment.post_id)
    while deleted := db.scalars(delete, execution_options={"synchronize_session": False}).all():
        gone.update(deleted)
    for post_id, number in gone.items():
        counted = sa.update(Post).where(Post.id == post_id)
        db.execute(counted.values(comment_count=Post.comment_count - number))
    empty = {
        "status": COMMENT.Status.REMOVED,
        "removed_at": utc_now(),
        "removed_by_id": person.id,
        "body": "",
        "body_html": "",
        "body_renderer": 0,
        "edited_at": None,
        "version": Comment.version + 1,
    }
    db.execute(sa.update(Comment).where(theirs).values(empty))


def mail_keys(db: Session, which: sa.ColumnElement[bool]) -> Iterator[str]:
    """The keys of the mails that comments have caused, as `mails.reply` makes them."""
    reader_id = sa.func.coalesce(Parent.author_id, Post.author_id)
    rows = sa.select(Comment.id, reader_id).join(Post, Post.id == Comment.post_id)
    for comment_id, user_id in db.execute(rows.outerjoin(Parent, Parent.id == Comment.parent_id).where(which)):
        yield f"reply:{comment_id}:{user_id}"
