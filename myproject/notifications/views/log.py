"""What admins see of the notifications of one member."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.emails import constants as EMAIL
from myproject.notifications import schemas
from myproject.notifications.services import fates, log
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
        "fate_titles": fate_titles,
    }


def fate_titles(row: Any) -> tuple[str, str]:
    """What became of the mail of a row of the log, and why."""
    mail, outcome = fates.fate_of(row.mail, row.outcome, row.state)
    under_way = mail in fates.IN_A_MAIL and row.state in EMAIL.UNDER_WAY
    return schemas.UNDER_WAY if under_way else schemas.MAIL_TITLES[mail], schemas.OUTCOME_TITLES[outcome]
