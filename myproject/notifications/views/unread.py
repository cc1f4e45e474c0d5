"""How many notifications are unread, for the top of every page; and how they are read, by reading the post."""

from pyramid.events import NewResponse

from myproject.cache import remembered
from myproject.comments.services.places import read_place
from myproject.db import utc_now
from myproject.notifications import tasks
from myproject.notifications.services import inbox
from myproject.notifications.services.inbox import Unread
from myproject.tasks import enqueue_once
from myproject.users.tasks import touch_session
from myproject.web.marks import Marked
from myproject.web.request import Request

# A task that was asked for is not asked for again within these.
SECONDS = 60
# What was counted at one visit says nothing new at another.
ONCE_SECONDS = 86_400
# The post; or who removed it, or the comment, and why.
SHOWN, GONE = 200, 410


def unread_of(request: Request) -> Unread:
    """What of the member's inbox is unread, from the cache for as long as nothing of it has changed. For members
    only: a guest has none, and costs no query.
    """
    user_id = request.member.id
    tags = (inbox.mark(user_id),)
    return remembered(request, inbox.key(user_id), tags, lambda db: inbox.find_unread(db, user_id))


def note_visit(event: NewResponse) -> None:
    """Who is shown how many are unread has been here since the latest of them came, and a digest goes only to who
    has not. It is noted at once: of the sign-in, only once in `users.constants.SESSION_TOUCH_MINUTES`.
    """
    request = event.request
    # Where the page says nothing of it, it is not asked for.
    unread: Unread | None = vars(request).get("unread")
    if unread is not None and unread.number and (identity := request.identity_if_known) is not None:
        key = f"{identity.session_id}:{unread.latest}"
        seen = {"session_id": identity.session_id, "at": utc_now().isoformat()}
        enqueue_once(request.registry, key, ONCE_SECONDS, touch_session, **seen)


def note_reading(event: NewResponse) -> None:
    """Who is shown a page of a post has read what they were told of the comments on it, and on the first page what
    they were told of the post itself, also what only waits to be mailed; who is shown that a post or a comment is
    gone, all that they were told of it. A task writes that down: looking writes nothing.
    """
    request, status = event.request, event.response.status_int
    route, member = request.matched_route, request.identity_if_known
    if route is None or member is None or route.name not in ("posts.view", "comments.view"):
        return
    number, unread = int(request.matchdict["id"]), request.unread
    latest = max(unread.latest, request.waiting)
    values = {"user_id": member.id, "up_to": latest}
    key = f"{member.id}:{number}:{latest}"
    if route.name == "comments.view":
        if status == GONE and unread.number:
            enqueue_once(request.registry, key, SECONDS, tasks.read_comment, comment_id=number, **values)
    elif not request.waiting and not unread.may_be_about(number):
        return
    elif status == GONE:
        enqueue_once(request.registry, key, SECONDS, tasks.read_post, post_id=number, **values)
    elif status == SHOWN and request.shown is not None and (place := read_place(request.GET)) is not None:
        is_first = place.from_id is None and place.thread_id is None
        on_page = {"comment_ids": comments_on(request.shown), "itself": is_first}
        key += place.query()
        enqueue_once(request.registry, key, SECONDS, tasks.read_post, post_id=number, **on_page, **values)


def comments_on(shown: Marked) -> list[int]:
    """The numbers of the comments that stand on a page of a post, by its marks (`posts.views.mine`): also of those
    of which it says no more than that they are hidden or removed.
    """
    removed = (number for kind, number, *_more in shown.values("edit") if kind == "removed")
    named = (number for what in ("new", "hidden") for number, *_more in shown.values(what))
    return sorted(map(int, (*named, *removed)))
