"""A post as it was written, for programs."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.feeds.services.xml import absolute, moment
from myproject.posts.models import Post
from myproject.posts.services.rows import PostPage

SOURCE = sa.select(Post.title, Post.link_url, Post.body, Post.body_html).where(Post.id == sa.bindparam("post_id"))


@dataclass(frozen=True)
class Source:
    """The words of a post, all of the same version. `body` is Markdown."""

    title: str
    link_url: str
    body: str
    body_html: str

    @property
    def markdown(self) -> str:
        """The whole as one text, its title as a heading."""
        link = f"<{self.link_url}>\n\n" if self.link_url else ""
        return f"# {self.title}\n\n{link}{self.body.rstrip()}\n"


def source_of(db: Session, post_id: int) -> Source:
    return Source(*fetch(db, SOURCE, {"post_id": post_id}).one())


def described(post: PostPage, source: Source, address: str, site_url: str) -> dict[str, Any]:
    """A post as JSON can say it: times by RFC 3339 in UTC or None, addresses absolute, and no author where that
    member is gone. `address` is the post's, absolute.
    """
    author = None
    if post.author_name is not None:
        author = {
            "name": post.author_name,
            "display_name": post.author_display_name or post.author_name,
            "url": f"{site_url}/@{quote(post.author_name.lower())}/",
        }
    return {
        "id": post.id,
        "url": address,
        "title": source.title,
        "link_url": source.link_url or None,
        "author": author,
        "tags": post.tags,
        "published_at": moment(post.published_at) if post.published_at else None,
        "edited_at": moment(post.edited_at) if post.edited_at else None,
        "comment_count": post.comment_count,
        "body_markdown": source.body,
        "body_html": absolute(source.body_html, site_url, address),
    }
