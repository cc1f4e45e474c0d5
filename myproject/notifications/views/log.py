"""What admins see of the notifications of one member."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.notifications import schemas
from myproject.notifications.services import log
from myproject.notifications.views.inbox import after_of
from myproject.users.models import User
from myproject.web.request import Request


def user_of(request: Request) -> User:
    """The member that the address names. Raises HTTPNotFound."""
    user = request.dbsession.get(User, int(request.matchdict["id"]))
    if user is None:
        raise HTTPNotFound
    return user


def show_log(request: Request) -> dict[str, Any]:
    """Of what a member was told, and what was mailed, or not and why. `?after=` goes on behind a notification."""
    user = user_of(request)
    return {
        "user": user,
        "page": log.list_log(request.dbsession, user.id, after_of(request)),
        "kind_titles": schemas.KIND_TITLES,
        "mail_titles": schemas.MAIL_TITLES,
        "outcome_titles": schemas.OUTCOME_TITLES,
    }
