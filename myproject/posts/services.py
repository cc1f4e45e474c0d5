"""What is done with posts. Markdown comes rendered (`render`): that is slow, and the caller does it with no
transaction open.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.db import fetch, utc_now
from myproject.db import publish as tell
from myproject.pagination import Page, before, cut
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post, Tag, post_tags
from myproject.security.identity import Identity
from myproject.text import RENDERER_VERSION, excerpt, render_markdown, slugify
from myproject.users import constants as USER
from myproject.users.models import User


@dataclass(frozen=True)
class PostPublished:
    """Event: a post came into the open, in this transaction."""

    db: Session
    post: Post


@dataclass(frozen=True)
class Text:
    """A post's words and what they were rendered to."""

    title: str
    body: str
    body_html: str
    excerpt: str
    tags: tuple[str, ...] = ()


class Tagged:
    """A row whose tags the database has joined with commas, in any order."""

    __slots__ = ()
    tag_names: str | None

    @property
    def tags(self) -> list[str]:
        return sorted(self.tag_names.split(",")) if self.tag_names else []


@dataclass(slots=True)
class PostRow(Tagged):
    """A post as a list shows it."""

    id: int
    title: str
    slug: str
    excerpt: str
    comment_count: int
    published_at: datetime | None
    last_activity_at: datetime
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    tag_names: str | None


@dataclass(slots=True)
class PostPage(Tagged):
    """A post as its page shows it."""

    id: int
    author_id: int
    status: POST.Status
    title: str
    slug: str
    body_html: str
    excerpt: str
    comment_count: int
    published_at: datetime | None
    edited_at: datetime | None
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    tag_names: str | None

    @property
    def is_draft(self) -> bool:
        return self.status == POST.Status.DRAFT


# None where the member is gone.
AUTHOR_NAME = sa.case((~User.name.startswith(USER.FORMER_MEMBER), User.name))
AUTHOR_COLUMNS = (
    AUTHOR_NAME.label("author_name"),
    User.display_name.label("author_display_name"),
    User.role.label("author_role"),
    User.avatar.label("author_avatar"),
)
TAG_NAMES = (
    sa.select(sa.func.aggregate_strings(Tag.name, ","))
    .join(post_tags, post_tags.c.tag_id == Tag.id)
    .where(post_tags.c.post_id == Post.id)
    .correlate(Post)
    .scalar_subquery()
    .label("tag_names")
)
LIST_COLUMNS = (
    Post.id,
    Post.title,
    Post.slug,
    Post.excerpt,
    Post.comment_count,
    Post.published_at,
    Post.last_activity_at,
    *AUTHOR_COLUMNS,
    TAG_NAMES,
)
PAGE_COLUMNS = (
    Post.id,
    Post.author_id,
    Post.status,
    Post.title,
    Post.slug,
    Post.body_html,
    Post.excerpt,
    Post.comment_count,
    Post.published_at,
    Post.edited_at,
    *AUTHOR_COLUMNS,
    TAG_NAMES,
)
NOBODY = 0
# Written out, not bound: both databases must see that the partial indexes of the lists fit.
PUBLISHED = Post.status == sa.literal_column(str(int(POST.Status.PUBLISHED)))


def visible(viewer_id: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    """The one condition of which posts somebody may see: what is published, and their own drafts."""
    return PUBLISHED | (Post.author_id == viewer_id)


POST_STATEMENT = (
    sa.select(*PAGE_COLUMNS)
    .join(User, User.id == Post.author_id)
    .where(Post.id == sa.bindparam("post_id"), visible(sa.bindparam("viewer_id")))
)
SORT_COLUMNS = {POST.Sort.NEW: Post.published_at, POST.Sort.ACTIVE: Post.last_activity_at}


def viewer_of(identity: Identity | None) -> int:
    """The number of who looks, for `visible`."""
    return NOBODY if identity is None else identity.id


def list_posts(
    db: Session,
    sort: POST.Sort,
    cursor: str | None = None,
    *,
    author_id: int | None = None,
) -> Page[PostRow]:
    """A page of published posts, latest first by `sort`. Raises BadCursor."""
    moment = SORT_COLUMNS[sort]
    statement = (
        sa.select(*LIST_COLUMNS)
        .join(User, User.id == Post.author_id)
        .where(PUBLISHED, before(cursor, moment, Post.id))
        .order_by(moment.desc(), Post.id.desc())
        .limit(POST.PAGE_SIZE + 1)
    )
    if author_id is not None:
        statement = statement.where(Post.author_id == author_id)
    rows = [PostRow(*row) for row in fetch(db, statement)]
    return cut(rows, POST.PAGE_SIZE, moment.key)


def find_post(db: Session, post_id: int, identity: Identity | None) -> PostPage | None:
    """The post where `identity` may see it, else None."""
    row = fetch(db, POST_STATEMENT, {"post_id": post_id, "viewer_id": viewer_of(identity)}).first()
    return None if row is None else PostPage(**row._mapping)


def list_drafts(db: Session, author_id: int) -> Sequence[Any]:
    """A member's drafts as (id, title, updated_at), latest first."""
    return db.execute(
        sa.select(Post.id, Post.title, Post.updated_at)
        .where(Post.author_id == author_id, Post.status == POST.Status.DRAFT)
        .order_by(Post.updated_at.desc())
        .limit(POST.DRAFTS_MAX)
    ).all()


def render(title: str, body: str, tags: Iterable[str]) -> Text:
    """Renders a post's Markdown; what the preview shows and the page will."""
    body_html = render_markdown(body)
    return Text(title, body, body_html, excerpt(body_html, POST.EXCERPT_MAX_LENGTH), tuple(tags))


def create_post(db: Session, author_id: int, text: Text, *, publish: bool) -> Post:
    """Makes a post, as a draft or published. Raises TooManyDrafts."""
    if not publish and len(list_drafts(db, author_id)) >= POST.DRAFTS_MAX:
        raise errors.TooManyDrafts
    post = Post(author_id=author_id, status=POST.Status.DRAFT)
    apply(db, post, text)
    db.add(post)
    if publish:
        publish_post(db, post)
    # The address of the new post is made from its number.
    db.flush()
    return post


def edit_post(db: Session, post_id: int, version: int, text: Text, *, publish: bool = False) -> Post:
    """Changes a post that the author opened at `version`. Raises EditConflict where it has changed since."""
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.version != version:
        raise errors.EditConflict(post.version, post.body)
    was_published = post.status == POST.Status.PUBLISHED
    apply(db, post, text)
    post.version += 1
    post.updated_at = utc_now()
    if was_published:
        post.edited_at = post.updated_at
        relist(db, post)
        touch(db, "posts", f"post:{post.id}")
    elif publish:
        publish_post(db, post)
    return post


def apply(db: Session, post: Post, text: Text) -> None:
    post.title, post.body, post.body_html, post.excerpt = text.title, text.body, text.body_html, text.excerpt
    post.body_renderer = RENDERER_VERSION
    slug = slugify(text.title)[: POST.SLUG_MAX_LENGTH]
    post.slug = f"{slug}-post"[: POST.SLUG_MAX_LENGTH] if slug in POST.RESERVED_SLUGS else slug
    post.tags = find_or_make_tags(db, text.tags)


def publish_post(db: Session, post: Post) -> None:
    post.status = POST.Status.PUBLISHED
    post.published_at = post.last_activity_at = utc_now()
    # Subscribers write rows that point to the post.
    db.add(post)
    db.flush()
    relist(db, post)
    touch(db, "posts", f"post:{post.id}", f"user:{post.author_id}")
    tell(db, PostPublished(db, post))


def relist(db: Session, post: Post) -> None:
    """Puts a post into the lists of its tags, or takes it out of them, as its status says. To be called after
    every change of its status or tags.
    """
    # The tags are rows only once the post has been written.
    db.flush()
    listed_at = post.published_at if post.status == POST.Status.PUBLISHED else None
    db.execute(sa.update(post_tags).where(post_tags.c.post_id == post.id).values(listed_at=listed_at))


def find_or_make_tags(db: Session, names: Sequence[str]) -> list[Tag]:
    """The tags of these names; new ones are made, also where two posts bring the same new tag at once."""
    if not names:
        return []
    # The post is not whole yet: it must not be written by the queries here.
    with db.no_autoflush:
        found = {tag.name: tag for tag in db.scalars(sa.select(Tag).where(Tag.name.in_(names)))}
        # In one order for all: two posts that bring the same new tags would wait for each other for ever.
        for name in sorted(set(names) - set(found)):
            found[name] = make_tag(db, name)
    return [found[name] for name in names]


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


def make_tag(db: Session, name: str) -> Tag:
    try:
        with db.begin_nested():
            tag = Tag(name=name)
            db.add(tag)
        return tag
    except IntegrityError:
        return db.scalars(sa.select(Tag).where(Tag.name == name)).one()
