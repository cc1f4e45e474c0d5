"""What the page of a post says to one member alone: found in one query, and put into the shared part of the page
where that has a mark for it.

    <!--tools-->               what a member may do with the post
    <!--news-->                how many comments are new, and where they begin
    <!--new ID AUTHOR TIME-->  whether a comment is new; TIME in microseconds
    <!--like ID AUTHOR-->      the button to like it
    <!--edit KIND ID TIME AUTHOR-->  links to change a post or comment, or to report it; TIME in seconds, of its
                               publishing
    <!--hidden ID-->           a link to a comment that is hidden
    <!--changed PLACE ID AUTHOR COMMENT AUTHOR COMMENT-->  a link to what was changed since the reader
                               answered; the comments that did, with their authors
    <!--part-->                there are comments that this page does not show
    <!--rest-->                there are that stand here, in the order of the page
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from myproject.bookmarks.services import MINE as BOOKMARKED
from myproject.cache import remembered
from myproject.comments import constants as COMMENT
from myproject.comments.services.likes import MINE as LIKED_COMMENTS
from myproject.comments.services.news import find_next_of_latest
from myproject.comments.services.places import Place
from myproject.comments.services.unseen import HELD
from myproject.db import fetch, utc_now
from myproject.i18n import _, texts
from myproject.notifications.services import inbox
from myproject.pagination import EPOCH, MICROSECOND
from myproject.posts import constants as POST
from myproject.posts import tasks
from myproject.posts.services import visits
from myproject.posts.services.attention import MINE as ATTENTION
from myproject.posts.services.likes import MINE as LIKED
from myproject.posts.services.rows import PostPage
from myproject.switches import WRITING_IS_OFF
from myproject.tasks import enqueue_once
from myproject.web.fragments import place
from myproject.web.marks import Fill, Marked
from myproject.web.request import Request

VISIT_SECONDS = 60
# The first says of which types all are.
PARTS = (
    visits.SEEN,
    visits.NEW_SINCE,
    LIKED,
    ATTENTION,
    BOOKMARKED,
    LIKED_COMMENTS,
    WRITING_IS_OFF,
    HELD,
    inbox.WAITING_PART,
)
STATEMENT = sa.union_all(*PARTS)
# With what of their inbox is unread. A notification has a second number, that of its post.
NO_NUMBER = sa.cast(sa.null(), sa.BigInteger)
WITH_UNREAD = sa.union_all(*(part.add_columns(NO_NUMBER) for part in PARTS), inbox.UNREAD_PART)
EDIT_WORDS = {"edit": _("Edit"), "delete": _("Remove"), "restore": _("Restore"), "move": _("Move")}


@dataclass
class News:
    """Which comments of a page are new to a member, in its order. `links` leads from each to the next, on whatever
    page that stands; `elsewhere`, where none is on this page, to the first of all.
    """

    new: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    elsewhere: str = ""


@dataclass
class Mine:
    """A member's own with a post. `since` is from when on comments are new to them; None on a first visit.
    `read_only`: they can write nothing for now; `held`: their comments on it that wait for approval.
    """

    liked: bool = False
    bookmarked: bool = False
    attention: POST.Attention | None = None
    seen_at: datetime | None = None
    since: datetime | None = None
    read_only: bool = False
    liked_comments: set[int] = field(default_factory=set)
    held: list[int] = field(default_factory=list)
    news: News = field(default_factory=News)


def find_mine(request: Request, post: PostPage, shared: Marked, order: COMMENT.Order) -> Mine | None:
    """What the member who asks has with a post and the comments on a page of it, whose threads stand in `order`;
    their look at it is written down by a task. None for guests, and where a post is not out.
    """
    if request.identity is None or not post.is_published:
        return None
    mine = Mine()
    comment_ids = [int(number) for number, _author in shared.values("like")]
    for what, number, moment, *_post_id in ask(request, post, comment_ids):
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
            case "waiting":
                request.waiting = number
            case "held":
                mine.held.append(number)
            case "read_only":
                mine.read_only = not request.identity.is_staff
    if mine.seen_at is not None and mine.since is not None:
        mine.since = visits.news_since(mine.seen_at, mine.since)
        mine.news = find_news(request, post, shared, order, mine.since)
    if visits.is_due(mine.seen_at, post.last_activity_at):
        note_visit(request, post, mine.seen_at)
    return mine


def ask(request: Request, post: PostPage, comment_ids: list[int]) -> Sequence[Any]:
    """The rows of the query. Where this process does not remember what of the member's inbox is unread, which the
    top of the page says, they have that too: it costs no query of its own.
    """
    user_id = request.member.id
    values = {"user_id": user_id, "post_id": post.id, "comment_ids": comment_ids}
    found: list[Sequence[Any]] = []

    def find_all(db: Session) -> inbox.Unread:
        rows = fetch(db, WITH_UNREAD, values).all()
        found.append(rows)
        return inbox.unread_in([(number, about) for what, number, _moment, about in rows if what == "unread"])

    request.unread = remembered(request, inbox.key(user_id), (inbox.mark(user_id),), find_all)
    return found[0] if found else fetch(request.dbsession, STATEMENT, values).all()


def find_news(request: Request, post: PostPage, shared: Marked, order: COMMENT.Order, since: datetime) -> News:
    """What is new on a page, by its marks. Only where the page does not show all comments, and something was
    written since, the database is asked what comes next on another page; where that is too much to look through,
    the link leads to where it is looked for (`reading.go_to_news`).
    """
    own, moment = str(request.member.id), (since - EPOCH) // MICROSECOND
    news, is_cut = News(), False
    for what, values in shared.values_of("new", "rest"):
        if what == "rest":
            is_cut = True
            continue
        number, author, time = values
        if author == own or int(time) <= moment:
            continue
        if news.new:
            last = news.new[-1]
            # What comes between may be new too.
            news.links[last] = looked_for(post, order, last) if is_cut else f"#comment-{number}"
        news.new.append(number)
        is_cut = False
    is_part = shared.values_of("part", "rest")
    if is_part and post.last_activity_at > since:
        after = news.new[-1] if news.new else None
        after_id = int(after) if after else None
        found, has_all = find_next_of_latest(request.dbsession, post.id, request.member.id, since, order, after_id)
        link = f"/comments/{found}/{Place(order).query()}" if found else ""
        if not has_all:
            link = looked_for(post, order, after)
        if after is None:
            news.elsewhere = link
        elif link:
            news.links[after] = link
    return news


def looked_for(post: PostPage, order: COMMENT.Order, after: str | None) -> str:
    """The address that leads to the next new comment in an `order`, behind the comment `after` or the first."""
    fields = Place(order).fields() | ({"after": after} if after else {})
    return f"/posts/{post.id}/news/" + (f"?{urlencode(fields)}" if fields else "")


def note_visit(request: Request, post: PostPage, seen_at: datetime | None) -> None:
    """Asks a task to write the look down; once in a while, and not again at each look until it has run."""
    key = f"{request.member.id}:{post.id}:{seen_at}:{post.last_activity_at}"
    values = {"user_id": request.member.id, "post_id": post.id, "at": utc_now().isoformat()}
    enqueue_once(request.registry, key, VISIT_SECONDS, tasks.note_visit, **values)


def words(request: Request, message: str) -> str:
    """A text that has nothing to fill in, as HTML."""
    return str(escape(texts(request)[message]))


def fill_in(
    request: Request, post: PostPage, shared: Marked, mine: Mine | None, may_like: bool
) -> Callable[[str], Markup]:
    """The function that gives the shared part of a post's page for this reader, from the HTML of the tools."""

    def filled(tools: str) -> Markup:
        fills: dict[str, Fill] = {}
        if request.identity is not None:
            fills["edit"] = edit_links(request, may_report=may_like)
            look = words(request, _("Look at it"))
            fills["changed"] = changed_link(request)
            fills["hidden"] = lambda number: f'<a href="/comments/{number}/hidden/" rel="nofollow">{look}</a>'
        if mine is not None:
            fills["tools"] = lambda: tools
            fills |= marks_of_news(request, mine.news)
            if may_like:
                fills["like"] = like_button(request, mine)
        return place(request, shared.fill(fills))

    return filled


def changed_link(request: Request) -> Fill:
    """A link to what was changed since their answer, for who answered a post or a comment before."""
    own = str(request.member.id)
    changed = words(request, _("Changed since you answered"))

    def fill(place: str, number: str, *answers: str) -> str:
        mine = dict(zip(answers[::2], answers[1::2], strict=True)).get(own)
        if mine is None:
            return ""
        address = f"/{place}/{number}/history/?since={mine}"
        return f'<a class="changed-since" href="{address}" rel="nofollow">{changed}</a>'

    return fill


def edit_links(request: Request, *, may_report: bool) -> Fill:
    """Links for those who may change a post or a comment; for others, to report the comment to staff."""
    everything = request.member.is_staff
    own = str(request.member.id)
    now = utc_now().timestamp()
    minutes = {"post": request.site.posts_edit_minutes, "comment": request.site.comments_edit_minutes}
    report = words(request, _("Report"))

    def fill(kind: str, number: str, seconds: str, author_id: str) -> str:
        if not everything and author_id != own:
            if kind != "comment" or not may_report:
                return ""
            return f'<a href="/comments/{number}/report/" rel="nofollow">{report}</a>'
        if kind == "removed":
            actions = ["restore"]
        else:
            limit = minutes[kind] * 60
            in_time = everything or not limit or not int(seconds) or now - int(seconds) <= limit
            actions = (["edit"] if in_time else []) + ["delete"]
        if kind == "comment" and everything:
            actions.append("move")
        place = "posts" if kind == "post" else "comments"
        links = "\n".join(
            f'<a href="/{place}/{number}/{what}/">{words(request, EDIT_WORDS[what])}</a>' for what in actions
        )
        return f'<p class="post-tools">{links}</p>' if kind == "post" else links

    return fill


def like_button(request: Request, mine: Mine) -> Fill:
    """The button to like a comment of somebody else, or to take that back."""
    own = str(request.member.id)
    like, unlike = words(request, _("Like")), words(request, _("Take back your like"))
    liked = {str(number) for number in mine.liked_comments}

    def fill(number: str, author: str) -> str:
        if author == own:
            return ""
        start = f'<button class="button-link" form="mine" formaction="/comments/{number}/like/" name="on" value='
        return (
            f'{start}"0" data-like>{unlike}</button>'
            if number in liked
            else f'{start}"1" data-like>{like}</button>'
        )

    return fill


def marks_of_news(request: Request, news: News) -> dict[str, Fill]:
    """What says which comments are new, and leads from each to the next. On a first visit, none is."""
    badge = f'<span class="badge badge-info">{words(request, _("New"))}</span>'
    next_words = words(request, _("Next new comment"))
    new = set(news.new)

    def mark_new(number: str, author: str, time: str) -> str:
        if number not in new:
            return ""
        link = news.links.get(number)
        return f'{badge} <a href="{escape(link)}" rel="nofollow">{next_words}</a>' if link else badge

    def count() -> str:
        if news.new:
            message = _("${number} new on this page since your last visit", mapping={"number": len(news.new)})
            return f'<p class="news"><a href="#comment-{news.new[0]}">{escape(request.translate(message))}</a></p>'
        if news.elsewhere:
            there = words(request, _("Go to the first new comment"))
            return f'<p class="news"><a href="{escape(news.elsewhere)}" rel="nofollow">{there}</a></p>'
        return ""

    return {"new": mark_new, "news": count}
