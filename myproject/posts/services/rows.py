"""Posts as lists and pages read them: columns, not entities."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from myproject.pagination import EPOCH, MICROSECOND
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, post_tags
from myproject.posts.services.links import host_of
from myproject.posts.services.visibility import REMOVED_BY_AUTHOR
from myproject.users import constants as USER
from myproject.users.models import User


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
    like_count: int
    published_at: datetime | None
    last_activity_at: datetime
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    tag_names: str | None
    # On top of the page, whenever it was published.
    pinned: bool = False

    @property
    def last_activity(self) -> int:
        """When something was last written, in microseconds, as a mark in a list says it."""
        return (self.last_activity_at - EPOCH) // MICROSECOND


@dataclass(slots=True, frozen=True)
class PostPage(Tagged):
    """A post as its page shows it."""

    id: int
    author_id: int
    status: POST.Status
    title: str
    slug: str
    body_html: str
    excerpt: str
    link_url: str
    comment_count: int
    like_count: int
    published_at: datetime | None
    last_activity_at: datetime
    edited_at: datetime | None
    pinned_at: datetime | None
    locked_at: datetime | None
    lock_reason: str
    removal_reason: str
    removed_by_author: bool
    merged_into_id: int | None
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    version: int
    tag_names: str | None

    @property
    def link_host(self) -> str:
        return host_of(self.link_url)

    @property
    def is_draft(self) -> bool:
        return self.status == POST.Status.DRAFT

    @property
    def is_waiting(self) -> bool:
        return self.status == POST.Status.WAITING

    @property
    def is_published(self) -> bool:
        return self.status == POST.Status.PUBLISHED

    @property
    def is_hidden(self) -> bool:
        return self.status == POST.Status.HIDDEN

    @property
    def is_removed(self) -> bool:
        return self.status == POST.Status.REMOVED


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
    Post.like_count,
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
    Post.link_url,
    Post.comment_count,
    Post.like_count,
    Post.published_at,
    Post.last_activity_at,
    Post.edited_at,
    Post.pinned_at,
    Post.locked_at,
    Post.lock_reason,
    Post.removal_reason,
    REMOVED_BY_AUTHOR.label("removed_by_author"),
    Post.merged_into_id,
    *AUTHOR_COLUMNS,
    Post.version,
    TAG_NAMES,
)
