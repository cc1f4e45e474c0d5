"""A member's posts, to take along or to erase."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.personal_data import File, Person, json_list
from myproject.posts.models import Post, PostRevision, Tag, post_tags
from myproject.posts.services.removal import purge_removed
from myproject.posts.services.rows import TAG_NAMES
from myproject.posts.services.visibility import OF_AUTHORS


def export_posts(db: Session, person: Person) -> Iterator[File]:
    """A member's posts and drafts, as a list and each as the Markdown it was written in."""
    columns = (
        Post.id,
        Post.status,
        Post.title,
        Post.slug,
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
        sa.select(PostRevision.post_id, PostRevision.created_at, PostRevision.title, PostRevision.body)
        .join(Post, Post.id == PostRevision.post_id)
        .where(Post.author_id == person.id)
        .order_by(PostRevision.id)
    )
    earlier = db.execute(kept, execution_options={"yield_per": 20})
    yield "posts-before-changes.json", json_list(row._asdict() for row in earlier)


def erase_posts(db: Session, person: Person, removing: bool) -> None:
    """Deletes a member's posts with all that hangs on them; or only those that never were in the open, and the
    texts of removed ones.
    """
    theirs = Post.author_id == person.id
    if not removing:
        purge_removed(db, theirs)
        theirs &= Post.status.in_(OF_AUTHORS)
    theirs_tags = sa.select(post_tags.c.tag_id).join(Post, Post.id == post_tags.c.post_id).where(theirs)
    tags = db.scalars(theirs_tags).all()
    db.execute(sa.delete(Post).where(theirs))
    # A tag that no other post has was theirs too.
    unused = ~sa.exists().where(post_tags.c.tag_id == Tag.id)
    db.execute(sa.delete(Tag).where(Tag.id.in_(set(tags)), unused))
    touch(db, "site", "posts")
