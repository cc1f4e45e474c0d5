"""A member's comments, to take along or to erase."""

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.rows import Parent
from myproject.db import utc_now
from myproject.emails.services import forget_mails
from myproject.personal_data import File, Person, json_list
from myproject.posts.models import Post


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
