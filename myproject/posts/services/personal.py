"""A member's posts, to take along or to erase."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, post_tags
from myproject.posts.services.rows import TAG_NAMES


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
        Post.comment_count,
        TAG_NAMES,
    )
    theirs = sa.select(*columns).where(Post.author_id == person.id).order_by(Post.id)
    rows = db.execute(theirs)
    yield "posts.json", json_list(row._asdict() | {"status": row.status.name} for row in rows)
    texts = sa.select(Post.id, Post.slug, Post.title, Post.body).where(Post.author_id == person.id)
    for row in db.execute(texts.order_by(Post.id), execution_options={"yield_per": 20}):
        yield f"posts/{row.id}-{row.slug}.md", (f"# {row.title}\n\n", row.body, "\n")


def erase_posts(db: Session, person: Person, removing: bool) -> None:
    """Deletes a member's posts with all that hangs on them, or only the drafts, which nobody else could read."""
    theirs = Post.author_id == person.id
    if not removing:
        theirs &= Post.status == POST.Status.DRAFT
    theirs_tags = sa.select(post_tags.c.tag_id).join(Post, Post.id == post_tags.c.post_id).where(theirs)
    tags = db.scalars(theirs_tags).all()
    db.execute(sa.delete(Post).where(theirs))
    # A tag that no other post has was theirs too.
    unused = ~sa.exists().where(post_tags.c.tag_id == Tag.id)
    db.execute(sa.delete(Tag).where(Tag.id.in_(set(tags)), unused))
    touch(db, "site", "posts")
