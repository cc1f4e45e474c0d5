"""How many notifications are unread, for the top of every page; and how they are read, by reading the post."""

from pyramid.events import NewResponse

from myproject.cache import remembered
from myproject.notifications import tasks
from myproject.notifications.services import inbox
from myproject.notifications.services.inbox import Unread
from myproject.tasks import enqueue_once
from myproject.web.request import Request

# A task that was asked for is not asked for again within these.
SECONDS = 60
# The post, or who removed it and why.
SHOWN = (200, 410)


def unread_of(request: Request) -> Unread:
    """What of the member's inbox is unread, from the cache for as long as nothing of it has changed. For members
    only: a guest has none, and costs no query.
    """
    user_id = request.member.id
    tags = (inbox.mark(user_id),)
    return remembered(request, f"unread:{user_id}", tags, lambda db: inbox.find_unread(db, user_id))


def note_reading(event: NewResponse) -> None:
    """Who is shown a post has read what they were told of it. A task writes that down: looking writes nothing."""
    request = event.request
    route, member = request.matched_route, request.identity_if_known
    if route is None or route.name != "posts.view" or member is None or event.response.status_int not in SHOWN:
        return
    post_id, unread = int(request.matchdict["id"]), request.unread
    if not unread.may_be_about(post_id):
        return
    key = f"{member.id}:{post_id}:{unread.latest}"
    values = {"user_id": member.id, "post_id": post_id, "up_to": unread.latest}
    enqueue_once(request.registry, key, SECONDS, tasks.read_post, **values)
