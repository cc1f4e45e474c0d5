"""How the web server takes requests in: what it bounds is their size, their time, and each sender's share.

All of it comes before anybody is known: whatever asks for no sign-in can be asked for by everybody.
"""

import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.proxy_headers import MalformedProxyHeader, parse_proxy_headers
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, InternalServerError, RequestEntityTooLarge
from webob import Request

from myproject.security.ratelimit import client_key
from myproject.web.errors import RETRY_SECONDS
from myproject.web.ingress import REFUSED

# So much of what is too large is read, and thrown away: browsers show no answer before they have sent everything.
MOST_THROWN_AWAY = 256 * 1_048_576
# So many bodies larger than usual are taken at once, which bounds the space that they have on the disk; and so
# many of them from one network, so that nobody takes the room of all.
MOST_LARGER = 16
MOST_LARGER_OF_ONE = 4
# A request has this time to come in, and a second more for each so many bytes of it that are here: a quarter of a
# phone's slow line, 256 kbit/s, is enough.
SECONDS_TO_COME_IN = 60
LEAST_BYTES_PER_SECOND = 8_000
# What a proxy may say of the client.
TRUSTED_HEADERS = "x-forwarded-for x-forwarded-proto"


class Busy(RequestEntityTooLarge):
    """So many larger bodies come in that this one is not taken."""

    code = 503
    reason = "Service Unavailable"


class TooSlow(BadRequest):
    """A request did not come in within its time (RFC 9110, 15.5.9)."""

    code = 408
    reason = "Request Timeout"


class Refusal(ErrorTask):
    """The answer to what waitress itself refuses, too large or no HTTP: the site's page, with its headers."""

    def execute(self) -> None:
        status = self.request.error.code
        if status == InternalServerError.code:
            super().execute()
            return
        # A transfer coding that nobody knows is the sender's mistake.
        environ = refused(status if status < 500 or status == Busy.code else 400, str(self.channel.addr[0]))
        answer = Request.blank("/", environ, method="POST").get_response(self.channel.server.application)
        self.status = answer.status
        self.response_headers.extend(answer.headerlist)
        if status == Busy.code:
            self.response_headers.append(("Retry-After", str(RETRY_SECONDS)))
        self.content_length = len(answer.body)
        # What follows on this connection can't be told apart from what was refused.
        self.set_close_on_finish()
        self.write(answer.body)


def refused(status: int, address: str) -> dict[str, Any]:
    """What the site is asked, to answer what never was a request of its own."""
    return {REFUSED: status, "REMOTE_ADDR": address}


class Parser(HTTPRequestParser):
    """Reads a request. How large its body may be depends on its path; what is larger is read, but not kept."""

    adj: Any
    error: Any
    expect_continue: bool = False
    # Bytes of what is too large that are still to come.
    left = 0
    is_one_too_many = False

    def __init__(self, adj: Any, peer: str) -> None:
        """`peer` is the address at the other end of the connection."""
        super().__init__(adj)
        self.peer = peer
        self.network: str | None = None
        self.bytes_in = 0
        self.began_at = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        is_larger = self.chunked or self.content_length >= self.adj.max_request_body_size
        if is_larger and self.adj.takes_pictures(self.path):
            self.network = self.sender()
            self.is_one_too_many = not self.has_room()
            if not self.is_one_too_many:
                self.adj.larger.add(self)
                self.adj = self.adj.for_pictures

    def sender(self) -> str | None:
        """The network that the request comes from; None where the proxy that it came through does not say so."""
        if self.adj.trusted_proxy not in ("*", self.peer):
            return client_key(self.peer)
        environ = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": self.headers.get("X_FORWARDED_FOR", "")}
        try:
            parse_proxy_headers(environ, self.adj.trusted_proxy_count, {"x-forwarded-for"})
        except MalformedProxyHeader:
            # It is refused for that when it is here.
            return None
        return client_key(environ["REMOTE_ADDR"]) if environ["REMOTE_ADDR"] else None

    def has_room(self) -> bool:
        """Whether one more larger body is taken, of all and of its sender's."""
        networks = [other.network for other in self.adj.larger]
        of_one = 0 if self.network is None else networks.count(self.network)
        return len(networks) < MOST_LARGER and of_one < MOST_LARGER_OF_ONE

    def received(self, data: bytes) -> int:
        consumed = self.taken(data)
        self.bytes_in += consumed
        return consumed

    def taken(self, data: bytes) -> int:
        """Reads on, and gives how much of `data` was the request's."""
        if self.left:
            thrown_away = min(self.left, len(data))
            self.left -= thrown_away
            self.completed = not self.left
            return thrown_away
        consumed: int = super().received(data)
        if self.is_one_too_many and isinstance(self.error, RequestEntityTooLarge):
            self.error = Busy(self.error.body)
        if isinstance(self.error, RequestEntityTooLarge) and not self.chunked:
            if not self.expect_continue and self.content_length <= MOST_THROWN_AWAY:
                self.left = self.content_length
                self.completed = False
                self.adj.larger.discard(self)
            # Who waits to be told to go on is not.
            self.expect_continue = False
        return consumed

    def is_late(self, now: float) -> bool:
        """Whether it should all be here by `now`, a time of the monotonic clock."""
        return now > self.began_at + SECONDS_TO_COME_IN + self.bytes_in / LEAST_BYTES_PER_SECOND


class Channel(HTTPChannel):
    """A connection."""

    error_task_class = Refusal
    request: Parser | None

    def parser_class(self, adj: Any) -> Parser:
        return Parser(adj, str(self.addr[0]))

    def refuse_if_late(self, now: float) -> None:
        """Answers a request that does not come in, and is done with its connection."""
        with self.requests_lock:
            request = self.request
            if request is None:
                return
            if self.requests:
                # Nothing is read while the one before it is answered.
                request.began_at = now
            elif request.is_late(now):
                request.error = TooSlow("too slow")
                request.completed = True
                self.requests.append(request)
                self.request = None
                self.server.add_task(self)
