"""What the page of a post says to one member alone: found in one query, and put into the shared part of the page
where that has a mark for it.

    <!--tools-->               what a member may do with the post
    <!--news-->                how many comments are new, and where they begin
    <!--new ID AUTHOR TIME-->  whether a comment is new; TIME in microseconds
    <!--like ID AUTHOR-->      the button to like it
    <!--part-->                there are comments that this page does not show
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from markupsafe import Markup, escape
from pyramid.renderers import render

from myproject.bookmarks.services import MINE as BOOKMARKED
from myproject.comments.services.likes import MINE as LIKED_COMMENTS
from myproject.db import fetch, utc_now
from myproject.i18n import _
from myproject.pagination import EPOCH
from myproject.posts import constants as POST
from myproject.posts import tasks
from myproject.posts.services import visits
from myproject.posts.services.attention import MINE as ATTENTION
from myproject.posts.services.likes import MINE as LIKED
from myproject.posts.services.rows import PostPage
from myproject.tasks import enqueue_now
from myproject.web.request import Request

MARK = re.compile(r"<!--(?:(tools|news|part)|(new|like) ([0-9]+) ([0-9]+)(?: ([0-9]+))?)-->")
LIKE_MARK = re.compile(r"<!--like ([0-9]+) ")
VISIT_SECONDS = 60
# The first says of which types all are.
STATEMENT = sa.union_all(visits.SEEN, visits.NEW_SINCE, LIKED, ATTENTION, BOOKMARKED, LIKED_COMMENTS)


@dataclass
class Mine:
    """A member's own with a post. `since` is from when on comments are new to them; None on a first visit."""

    liked: bool = False
    bookmarked: bool = False
    attention: POST.Attention | None = None
    seen_at: datetime | None = None
    since: datetime | None = None
    liked_comments: set[int] = field(default_factory=set)


def find_mine(request: Request, post_id: int, comment_ids: list[int]) -> Mine:
    """What the member who asks has with a post and some of its comments."""
    mine = Mine()
    values = {"user_id": request.member.id, "post_id": post_id, "comment_ids": comment_ids}
    for what, number, moment in fetch(request.dbsession, STATEMENT, values):
        match what:
            case "seen":
                mine.seen_at = moment
            case "new_since":
                mine.since = moment
            case "like":
                mine.liked = True
            case "attention":
                mine.attention = POST.Attention(number)
            case "bookmark":
                mine.bookmarked = True
            case "comment_like":
                mine.liked_comments.add(number)
    if mine.seen_at is not None and mine.since is not None:
        mine.since = visits.news_since(mine.seen_at, mine.since)
    return mine


def fill_marks(request: Request, post: PostPage, shared: Markup, may_like: bool, place: dict[str, str]) -> Markup:
    """The shared part of a post's page for this reader; their look at it is written down by a task. `place` is
    what leads back to this page of comments.
    """
    text = str(shared)
    if request.identity is None or not post.is_published:
        return Markup(MARK.sub("", text))  # noqa: S704 - what our own template made
    mine = find_mine(request, post.id, [int(number) for number in LIKE_MARK.findall(text)])
    if visits.is_due(mine.seen_at, post.last_activity_at):
        note_visit(request, post, mine.seen_at)
    return Markup(MARK.sub(Filling(request, post, mine, text, may_like, place).fill, text))  # noqa: S704


def note_visit(request: Request, post: PostPage, seen_at: datetime | None) -> None:
    """Asks a task to write the look down; once in a while, and not again at each look until it has run."""
    cache = request.registry["cache"]
    key = f"visit:{request.member.id}:{post.id}:{seen_at}:{post.last_activity_at}"
    if cache.get(key, VISIT_SECONDS) is None:
        cache.set(key, True)
        values = {"user_id": request.member.id, "post_id": post.id, "at": utc_now().isoformat()}
        enqueue_now(request.registry, tasks.note_visit, **values)


class Filling:
    """What stands in the place of each mark."""

    def __init__(
        self, request: Request, post: PostPage, mine: Mine, text: str, may_like: bool, place: dict[str, str]
    ) -> None:
        self.request, self.post, self.mine, self.may_like, self.place = request, post, mine, may_like, place
        self.own = request.member.id
        self.is_part = "<!--part-->" in text
        # On a first visit nothing is new, and the page need not be gone through for it.
        marks = [mark.groups() for mark in MARK.finditer(text)] if mine.since is not None else []
        self.new = [int(number) for _word, what, number, author, time in marks if self.is_new(what, author, time)]
        self.following = dict(zip(self.new, self.new[1:], strict=False))

        def words(message: str) -> str:
            return str(escape(request.translate(message)))

        self.words = {
            "new": words(_("New")),
            "next": words(_("Next new comment")),
            "like": words(_("Like")),
            "unlike": words(_("Take back your like")),
        }

    def is_new(self, what: str | None, author: str | None, time: str | None) -> bool:
        """Whether a mark says of a comment of somebody else that it is new."""
        since = self.mine.since
        if what != "new" or since is None or time is None or author == str(self.own):
            return False
        return EPOCH + timedelta(microseconds=int(time)) > since

    def fill(self, mark: re.Match[str]) -> str:
        word, what, number, author, _time = mark.groups()
        if word == "tools":
            values = {"post": self.post, "mine": self.mine, "may_like": self.may_like, "place": self.place}
            return render("myproject:templates/posts/tools.html", values, request=self.request)
        if word == "news":
            return self.news()
        if what == "new":
            return self.mark_new(int(number))
        if what == "like" and self.may_like and author != str(self.own):
            return self.like(int(number))
        return ""

    def news(self) -> str:
        """How many of the comments on the page are new, or that there are some on others."""
        since = self.mine.since
        elsewhere = self.is_part and since is not None and self.post.last_activity_at > since
        if self.new:
            message = self.request.translate(
                _("${number} new on this page since your last visit", mapping={"number": len(self.new)})
            )
            return f'<p class="news"><a href="#comment-{self.new[0]}">{escape(message)}</a></p>'
        if elsewhere:
            message = self.request.translate(_("Go to the first new comment"))
            return (
                f'<p class="news"><a href="/posts/{self.post.id}/news/" rel="nofollow">{escape(message)}</a></p>'
            )
        return ""

    def mark_new(self, number: int) -> str:
        if number not in self.new:
            return ""
        badge = f'<span class="badge badge-info">{self.words["new"]}</span>'
        if number in self.following:
            return f'{badge} <a href="#comment-{self.following[number]}">{self.words["next"]}</a>'
        if self.is_part:
            address = f"/posts/{self.post.id}/news/?after={number}"
            return f'{badge} <a href="{address}" rel="nofollow">{self.words["next"]}</a>'
        return badge

    def like(self, number: int) -> str:
        liked = number in self.mine.liked_comments
        words = self.words["unlike" if liked else "like"]
        return (
            f'<button class="button-link" form="mine" formaction="/comments/{number}/like/" name="on" '
            f'value="{0 if liked else 1}" data-like>{words}</button>'
        )
