"""What search engines are told of a post: a DiscussionForumPosting of schema.org as JSON-LD 1.1."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from myproject.comments.services.rows import CommentRow
from myproject.feeds import constants as FEED
from myproject.posts.services.rows import PostPage
from myproject.text import excerpt

# What would end the script it stands in, or begin a comment there, written as JSON can also write it.
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def person(name: str | None, display_name: str, site_url: str) -> dict[str, str]:
    if name is None:
        return {"@type": "Person", "name": "Former member"}
    return {"@type": "Person", "name": display_name or name, "url": f"{site_url}/@{quote(name.lower())}/"}


def posting(post: PostPage, comments: Sequence[CommentRow], address: str, site_url: str) -> dict[str, Any]:
    """A post with the first of the comments that its page shows. `address` is the post's, absolute."""
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "DiscussionForumPosting",
        "@id": address,
        "url": address,
        "mainEntityOfPage": address,
        "headline": post.title,
        "text": post.excerpt,
        "author": person(post.author_name, post.author_display_name, site_url),
        "commentCount": post.comment_count,
    }
    if post.published_at is not None:
        data["datePublished"] = post.published_at.isoformat(timespec="seconds")
    if post.edited_at is not None:
        data["dateModified"] = post.edited_at.isoformat(timespec="seconds")
    if post.link_url:
        data["sharedContent"] = {"@type": "WebPage", "url": post.link_url}
    if post.tags:
        data["keywords"] = post.tags
    shown = [comment for comment in comments if comment.published][: FEED.LINKED_COMMENTS_MAX]
    if shown:
        data["comment"] = [
            {
                "@type": "Comment",
                "@id": f"{site_url}/comments/{comment.id}/",
                "url": f"{site_url}/comments/{comment.id}/",
                "text": excerpt(comment.body_html, FEED.LINKED_TEXT_MAX_LENGTH),
                "dateCreated": comment.created_at.isoformat(timespec="seconds"),
                "author": person(comment.author_name, comment.author_display_name, site_url),
            }
            for comment in shown
        ]
    return data


def as_script(data: dict[str, Any]) -> Markup:
    """The data as the text of a `<script type="application/ld+json">`: nothing in it can end that."""
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(ESCAPES))  # noqa: S704
