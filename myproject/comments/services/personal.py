"""A member's comments, to take along or to erase."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike, CommentRevision
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.purging import purge_removed
from myproject.comments.services.visibility import TITLE_FOR_AUTHOR
from myproject.db import utc_now
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.likes import take_all_back


def export_comments(db: Session, person: Person) -> Iterator[File]:
    """A member's comments as a list, and one after the other as the Markdown they were written in."""
    columns = (
        Comment.id,
        Comment.post_id,
        Comment.parent_id,
        Comment.status,
        Comment.created_at,
        Comment.edited_at,
        Comment.removed_at,
        Comment.removal_reason,
    )
    theirs = sa.select(*columns).where(Comment.author_id == person.id).order_by(Comment.id)
    rows = db.execute(theirs)
    yield "comments.json", json_list(row._asdict() | {"status": row.status.name} for row in rows)
    kept = (
        sa.select(CommentRevision.comment_id, CommentRevision.created_at, CommentRevision.body)
        .join(Comment, Comment.id == CommentRevision.comment_id)
        .where(Comment.author_id == person.id)
        .order_by(CommentRevision.id)
    )
    earlier = db.execute(kept, execution_options={"yield_per": 100})
    yield "comments-before-changes.json", json_list(row._asdict() for row in earlier)
    texts = theirs.add_columns(Comment.body, TITLE_FOR_AUTHOR).join(Post, Post.id == Comment.post_id)
    liked = sa.select(CommentLike.comment_id, CommentLike.created_at).where(CommentLike.user_id == person.id)
    likes = db.execute(liked.order_by(CommentLike.comment_id))
    yield "comments-likes.json", json_list(row._asdict() for row in likes)
    written = db.execute(texts, execution_options={"yield_per": 100})
    yield (
        "comments.md",
        (
            f"## {row.post_title or f'/posts/{row.post_id}/'}, {row.created_at:%Y-%m-%d %H:%M}\n\n{row.body}\n\n"
            for row in written
        ),
    )


def hide_in_reasons(db: Session, person: Person) -> None:
    """Hides what names a member in what staff said of their comments."""
    theirs = Comment.author_id == person.id
    for row in db.execute(
        sa.select(Comment.id, Comment.removal_reason).where(theirs, Comment.removal_reason != "")
    ).all():
        reason = person.hide(row.removal_reason)[: POST.REASON_MAX_LENGTH]
        db.execute(sa.update(Comment).where(Comment.id == row.id).values(removal_reason=reason))


def erase_comments(db: Session, person: Person, removing: bool) -> None:
    """Takes a member's likes back; where they are `removing`, deletes their comments too. Of one that was answered
    the place is left.
    """
    theirs = Comment.author_id == person.id
    posts = sa.select(Comment.post_id).where(theirs)
    liked = sa.select(CommentLike.comment_id).where(CommentLike.user_id == person.id)
    lock_posts(db, posts.union(sa.select(Comment.post_id).where(Comment.id.in_(liked))))
    touch(db, "site", "posts")
    hide_in_reasons(db, person)
    take_all_back(db, person.id, Comment, CommentLike.comment_id)
    if not removing:
        while purge_removed(db, theirs):
            pass
        return
    post_ids = db.scalars(posts.distinct()).all()
    reply = aliased(Comment)
    unanswered = ~sa.exists().where(reply.parent_id == Comment.id)
    # One that answered another of theirs goes first.
    delete = sa.delete(Comment).where(theirs, unanswered).returning(Comment.id)
    while db.scalars(delete, execution_options={"synchronize_session": False}).all():
        pass
    left = sa.select(Comment.id).where(theirs)
    db.execute(sa.delete(CommentRevision).where(CommentRevision.comment_id.in_(left)))
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
    recount(db, *post_ids)
