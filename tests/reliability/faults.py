"""Faults on demand, for a test's application only: its option `pyramid.includes` names this file."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.tweens import EXCVIEW


class Fault(Exception):
    """What a test asked for."""


def faults_tween_factory(handler: Callable[[Request], Response], registry: Any) -> Callable[..., Response]:
    """Raises after the view's work and before the commit, where the request says `X-Fail: late`."""

    def faults_tween(request: Request) -> Response:
        response = handler(request)
        if request.headers.get("X-Fail") == "late":
            raise Fault
        return response

    return faults_tween


def includeme(config: Configurator) -> None:
    config.add_tween("tests.reliability.faults.faults_tween_factory", under=EXCVIEW)
