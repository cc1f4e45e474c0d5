"""A member's posts, to take along or to erase."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.posts.models import (
    Post,
    PostAttention,
    PostLike,
    PostRevision,
    PostVisit,
    Tag,
    TagFollow,
    TagMute,
    post_tags,
)
from myproject.posts.services.likes import take_all_back
from myproject.posts.services.removal import purge_removed
from myproject.posts.services.rows import TAG_NAMES
from myproject.posts.services.tags import list_marked
from myproject.posts.services.tops import fill_tops
from myproject.posts.services.visibility import NEVER_OPEN


def export_posts(db: Session, person: Person) -> Iterator[File]:
    """A member's posts and drafts, as a list and each as the Markdown it was written in."""
    columns = (
        Post.id,
        Post.status,
        Post.title,
        Post.slug,
        Post.link_url,
        Post.created_at,
        Post.published_at,
        Post.edited_at,
        Post.removed_at,
        Post.removal_reason,
        Post.comment_count,
        TAG_NAMES,
    )
    theirs = sa.select(*columns).where(Post.author_id == person.id).order_by(Post.id)
    rows = db.execute(theirs)
    yield "posts.json", json_list(row._asdict() | {"status": row.status.name} for row in rows)
    texts = sa.select(Post.id, Post.slug, Post.title, Post.body).where(Post.author_id == person.id)
    for row in db.execute(texts.order_by(Post.id), execution_options={"yield_per": 20}):
        yield f"posts/{row.id}-{row.slug}.md", (f"# {row.title}\n\n", row.body, "\n")
    kept = (
        sa.select(
            PostRevision.post_id,
            PostRevision.created_at,
            PostRevision.title,
            PostRevision.body,
            PostRevision.link_url,
        )
        .join(Post, Post.id == PostRevision.post_id)
        .where(Post.author_id == person.id)
        .order_by(PostRevision.id)
    )
    yield from export_marks(db, person)
    earlier = db.execute(kept, execution_options={"yield_per": 20})
    yield "posts-before-changes.json", json_list(row._asdict() for row in earlier)


def export_marks(db: Session, person: Person) -> Iterator[File]:
    """What a member likes, follows or mutes, and when they saw which post."""
    for name, table in (("likes", PostLike), ("attention", PostAttention), ("visits", PostVisit)):
        columns = [column for column in table.__table__.c if column.name != "user_id"]
        theirs = db.execute(sa.select(*columns).where(table.user_id == person.id).order_by(table.post_id))
        yield f"posts-{name}.json", json_list(row._asdict() for row in theirs)
    for file, marks in (("muted-tags.json", TagMute), ("followed-tags.json", TagFollow)):
        yield file, json_list({"tag": name} for name in list_marked(db, marks, person.id))


def erase_marks(db: Session, person: Person) -> None:
    """Takes a member's likes back, and forgets what they follow, mute and have seen."""
    fill_tops(db, take_all_back(db, person.id, Post, PostLike.post_id))
    for table in (PostAttention, PostVisit, TagFollow, TagMute):
        db.execute(sa.delete(table).where(table.user_id == person.id))


def hide_in_reasons(db: Session, person: Person) -> None:
    """Hides what names a member in what staff said of their posts."""
    theirs = Post.author_id == person.id
    reasoned = sa.select(Post.id, Post.removal_reason, Post.lock_reason).where(
        theirs, (Post.removal_reason != "") | (Post.lock_reason != "")
    )
    for row in db.execute(reasoned).all():
        removal, lock = (person.hide(text)[: POST.REASON_MAX_LENGTH] for text in row[1:])
        hidden = sa.update(Post).where(Post.id == row.id).values(removal_reason=removal, lock_reason=lock)
        db.execute(hidden)


def erase_posts(db: Session, person: Person, removing: bool) -> None:
    """Deletes a member's posts with all that hangs on them; or only those that never were in the open, and the
    texts of removed ones.
    """
    erase_marks(db, person)
    theirs = Post.author_id == person.id
    hide_in_reasons(db, person)
    if not removing:
        while purge_removed(db, theirs):
            pass
        theirs &= Post.status.in_(NEVER_OPEN)
    theirs_tags = sa.select(post_tags.c.tag_id).join(Post, Post.id == post_tags.c.post_id).where(theirs)
    tags = db.scalars(theirs_tags).all()
    db.execute(sa.delete(Post).where(theirs))
    # A tag that no other post has was theirs too.
    unused = ~sa.exists().where(post_tags.c.tag_id == Tag.id)
    uncurated = (Tag.description == "") & Tag.retired_at.is_(None) & Tag.synonym_of_id.is_(None)
    db.execute(sa.delete(Tag).where(Tag.id.in_(set(tags)), unused, uncurated))
    touch(db, "site", "posts")
