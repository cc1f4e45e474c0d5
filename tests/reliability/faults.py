"""Faults on demand, and a view that only tests have: `pyramid.includes` of an application names this file."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.tweens import EXCVIEW
from sqlalchemy import event
from sqlalchemy.orm import Session

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.posts.models import Post
from myproject.security.permissions import Permission
from myproject.web.request import Request


class Fault(Exception):
    """What a test asked for."""


def faults_tween_factory(handler: Callable[[Request], Response], registry: Any) -> Callable[..., Response]:
    """Raises after the view where a request says `X-Fail: late`, and with `X-Fail: commit` in its commit."""

    def fail(db: Session) -> None:
        raise Fault

    def faults_tween(request: Request) -> Response:
        response = handler(request)
        if request.headers.get("X-Fail") == "late":
            raise Fault
        if request.headers.get("X-Fail") == "commit":
            event.listen(request.dbsession, "before_commit", fail)
        return response

    return faults_tween


def count_up(request: Request) -> Response:
    """Reads a number, and writes it with one more: the classic way to lose a write."""
    post = request.dbsession.get_one(Post, int(request.matchdict["id"]), with_for_update=True)
    post.comment_count = post.comment_count + 1
    return Response("counted", status=int(request.GET.get("status", "200")))


def queue_one(request: Request) -> Response:
    """Queues one mail for each number, however often it is asked for."""
    number = request.matchdict["number"]
    address = f"member-{number}@{int(number) % 7}.example.org"
    name = f"member-{number}"
    queue_mail(
        request.dbsession, Mail(Kind.ALREADY_REGISTERED, address, name, {"name": name}, key=f"test:{number}")
    )
    return Response("queued")


def includeme(config: Configurator) -> None:
    config.add_tween("tests.reliability.faults.faults_tween_factory", under=EXCVIEW)
    config.add_route("test.mail", "/test/mail/{number:[0-9]+}/")
    config.add_view(
        queue_one,
        route_name="test.mail",
        request_method="POST",
        permission=Permission.SITE_VIEW,
        require_csrf=False,
    )
    config.add_route("test.count", "/test/{id}/count/")
    config.add_view(
        count_up,
        route_name="test.count",
        request_method="POST",
        permission=Permission.SITE_VIEW,
        require_csrf=False,
    )
