"""Flash messages: one line with a level, shown once on the next page. Kept in a signed cookie, only while
there is one.
"""

from typing import Any, Literal

from itsdangerous import BadData
from pyramid.config import Configurator

from myproject.security.cookies import cookies_of
from myproject.security.keys import keys_of

Level = Literal["success", "info", "warning", "error"]
LONGEST_LIFE_SECONDS = 3600


def flash(request: Any, message: str, level: Level = "success") -> None:
    """Shows `message` (a translation string or text) on the next page, in this request or the next."""
    queue = _queue(request)
    queue.append([level, request.translate(message)])
    cookies_of(request.registry).set(request, "flash", _signer(request).dumps(queue))


def take_flashes(request: Any) -> list[tuple[Level, str]]:
    """The waiting messages, as (level, text); they are shown now, so they wait no longer."""
    queue = _queue(request)
    if queue:
        cookies_of(request.registry).delete(request, "flash")
    request._flashes = []
    return [(level, text) for level, text in queue]


def _queue(request: Any) -> list[list[Any]]:
    if not hasattr(request, "_flashes"):
        cookie = cookies_of(request.registry).get(request, "flash")
        try:
            request._flashes = _signer(request).loads(cookie, LONGEST_LIFE_SECONDS) if cookie else []
        except BadData:
            request._flashes = []
    return request._flashes


def _signer(request: Any) -> Any:
    return keys_of(request.registry).signer("flash")


def includeme(config: Configurator) -> None:
    config.add_request_method(flash, "flash")
    config.add_request_method(take_flashes, "take_flashes")
