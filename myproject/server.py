"""The web server: waitress, the embedded worker beside it, and an end without lost requests.

`[server:main] use = egg:myproject` in an ini file runs this under `pserve`.
"""

import copy
import gc
import logging
import signal
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import waitress
from pyramid.registry import Registry
from pyramid.router import Router
from waitress import wasyncore
from waitress.proxy_headers import MalformedProxyHeader, parse_proxy_headers
from waitress.server import BaseWSGIServer
from waitress.task import ThreadedTaskDispatcher
from webob import Request

from myproject import cores
from myproject.forms.pictures import picture_paths
from myproject.receiving import TRUSTED_HEADERS, Channel, refused
from myproject.settings import settings_of
from myproject.tasks import make_worker

log = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SECONDS_TO_FINISH = 20
BODY_BYTES = 1_048_576
# How much more than one picture is read where a form has one: a larger one is refused beside its field.
TIMES_A_PICTURE = 3
# An answer's head and body go out in one call: each gives the interpreter's lock away and waits to have it back.
SEND_BYTES = 18_000
SECONDS_TO_GATHER = 0.001
# How often it is looked for requests that come in too slowly.
SECONDS_BETWEEN_LOOKS = 5
# Where passwords are sent to. Each costs a hash, which is slow on purpose.
DEAR_PATHS = "/users/"
# Of those, as many may wait as people send who mean well; of more, so many begin in a second. It is more than can
# be hashed, and so few that refusing them leaves the time to others.
DEAR_WAITING = 8
DEAR_PER_SECOND = 25
# How long a thread that computes keeps others from it. Python's own 5 ms are longer than most pages take: a page
# that is read and written in some steps would wait so long at each of them.
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True)
class Started:
    """Event: the site is about to answer its first request."""

    registry: Registry


def refusing_forged_proxies(application: WsgiApp, trusted_proxy: str, count: int) -> WsgiApp:
    """`application` is waitress's, which reads what a proxy says of the client. What it can't read it would answer
    without the site's headers: here, the site's page does.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if trusted_proxy in ("*", environ["REMOTE_ADDR"]):
            try:
                # It changes what it is given.
                parse_proxy_headers(environ.copy(), count, set(TRUSTED_HEADERS.split()))
            except MalformedProxyHeader:
                environ = Request.blank("/", refused(400, environ["REMOTE_ADDR"]), method="POST").environ
        return application(environ, start_response)

    return answer


class DearTask:
    """A task of the dear lane: its thread leaves the lane when it is done."""

    def __init__(self, task: Any, lanes: "Lanes") -> None:
        self.task = task
        self.lanes = lanes

    def service(self) -> None:
        try:
            self.task.service()
        finally:
            self.lanes.leave()

    def cancel(self) -> None:
        self.task.cancel()


class Lanes:
    """The queue of waitress in two lanes: forms with passwords are worked on by half of the threads, and where
    others wait too, by turns with them; where many wait, at a pace. So a flood of sign-ins keeps nobody from
    reading (ASVS 5.0, 15.2.2).

    It is called with the lock held, as waitress calls its own; but for `leave`.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.lock = lock
        # How many of the dear ones at once; how many there are; and when the next of many may begin.
        self.at_once = 1
        self.running = 0
        self.next_at = 0.0
        self.common: deque[Any] = deque()
        self.dear: deque[Any] = deque()
        self.dear_is_next = False

    def __len__(self) -> int:
        return len(self.common) + len(self.dear)

    def __bool__(self) -> bool:
        """Whether there is something to do for a thread that has nothing to do."""
        return bool(self.common) or self.seconds_until_room() == 0

    def seconds_until_room(self) -> float | None:
        """When the next of the dear ones may begin, 0 for now; None where none waits, or for one to end."""
        if not self.dear or self.running >= self.at_once:
            return None
        return max(0.0, self.next_at - time.monotonic()) if len(self.dear) > DEAR_WAITING else 0

    def append(self, task: Any) -> None:
        request = task.requests[0]
        # What is no HTTP has neither.
        command, path = getattr(request, "command", ""), getattr(request, "path", "")
        is_dear = command == "POST" and path.startswith(DEAR_PATHS)
        (self.dear if is_dear else self.common).append(task)

    def popleft(self) -> Any:
        if (self.dear_is_next or not self.common) and self.seconds_until_room() == 0:
            self.dear_is_next = False
            self.running += 1
            self.next_at = time.monotonic() + 1 / DEAR_PER_SECOND
            return DearTask(self.dear.popleft(), self)
        self.dear_is_next = True
        return self.common.popleft()

    def leave(self) -> None:
        # The thread that leaves looks for more itself: nobody has to be woken.
        with self.lock:
            self.running -= 1


class Server:
    """Waitress with its sockets in a map of their own, run by a loop that ends when it is told to.

    Waitress has no SIGTERM handler: left alone, a restart would drop what is in flight.
    """

    def __init__(self, app: Callable[..., Any], **options: Any) -> None:
        """`options` are waitress's own, and two beside them: `takes_pictures` says of a path whether what is sent
        there may be as large as `picture_body_size`, in bytes.
        """
        takes_pictures = options.pop("takes_pictures", lambda path: False)
        picture_body_size = options.pop("picture_body_size", 0)
        # No version in the answers (ASVS 13.4.6); one request a time and connection is read (no pipelining to
        # smuggle in).
        options = {"ident": None, "channel_request_lookahead": 0, "send_bytes": SEND_BYTES} | options
        # Those it listens on, its channels, and the trigger that wakes the loop.
        self.sockets: dict[int, Any] = {}
        self.dispatcher = ThreadedTaskDispatcher()
        self.dispatcher.queue = self.lanes = Lanes(self.dispatcher.lock)
        with warnings.catch_warnings():
            # `send_bytes` is to go some day; the version is pinned, and the option makes half of the speed.
            warnings.simplefilter("ignore", DeprecationWarning)
            server = waitress.create_server(app, map=self.sockets, _dispatcher=self.dispatcher, **options)
        self.threads: int = server.adj.threads
        self.lanes.at_once = max(1, self.threads // 2)
        self.dispatcher.set_thread_count(self.threads)
        self.listeners = [each for each in self.sockets.values() if isinstance(each, BaseWSGIServer)]
        for listener in self.listeners:
            listener.channel_class = Channel
            listener.adj.takes_pictures = takes_pictures
            listener.adj.larger = weakref.WeakSet()
            listener.adj.for_pictures = copy.copy(listener.adj)
            listener.adj.for_pictures.max_request_body_size = max(
                picture_body_size, listener.adj.max_request_body_size
            )
            if server.adj.trusted_proxy:
                listener.application = refusing_forged_proxies(
                    listener.application, server.adj.trusted_proxy, server.adj.trusted_proxy_count
                )
        self.stopping = threading.Event()
        self.next_look = 0.0

    def stop(self, *_: object) -> None:
        """Ends `run`, from a signal handler or another thread."""
        self.stopping.set()
        for listener in self.listeners:
            listener.pull_trigger()

    def turn(self, timeout: float) -> None:
        """Waits for sockets to be ready, and reads and writes once.

        Looking at them takes time that grows with their number. While more requests wait than there are threads,
        that time is better spent on answers, so that what happens is gathered for a moment.
        """
        if len(self.lanes.common) > self.threads:
            time.sleep(SECONDS_TO_GATHER)
        with self.lanes.lock:
            wait = self.lanes.seconds_until_room()
            if wait == 0:
                # The threads know of no clock: one that has nothing to do looks again.
                self.dispatcher.queue_cv.notify()
        wasyncore.loop(timeout=min(timeout, wait) if wait else timeout, map=self.sockets, use_poll=True, count=1)
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + SECONDS_BETWEEN_LOOKS
            for channel in self.channels():
                channel.refuse_if_late(now)

    def channels(self) -> list[Channel]:
        return [channel for channel in self.sockets.values() if isinstance(channel, Channel)]

    def run(self) -> None:
        """Answers until `stop`."""
        while not self.stopping.is_set():
            self.turn(1)

    def close(self) -> None:
        """Takes no more connections, and finishes what has begun."""
        for listener in self.listeners:
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + SECONDS_TO_FINISH
        while self.is_busy() and time.monotonic() < deadline:
            self.turn(0.1)
        self.dispatcher.shutdown()

    def is_busy(self) -> bool:
        return any(channel.requests or channel.request or channel.total_outbufs_len for channel in self.channels())


def serve(app: Router, global_config: dict[str, str], **options: Any) -> None:
    """Runs until SIGTERM or SIGINT, then answers what it has begun, lets the worker finish its task, and
    returns.

    `options` are waitress's own.
    """
    settings = settings_of(app.registry)
    options = {
        "max_request_body_size": BODY_BYTES,
        "takes_pictures": picture_paths(app.registry),
        "picture_body_size": TIMES_A_PICTURE * settings.pictures_max_megabytes * 1_000_000 + BODY_BYTES,
    } | options
    if settings.proxy_count:
        options |= {
            "trusted_proxy": settings.proxy_address,
            "trusted_proxy_count": settings.proxy_count,
            "trusted_proxy_headers": TRUSTED_HEADERS,
            "clear_untrusted_proxy_headers": True,
        }
    # Of several processes, whoever starts them says where each is to run.
    is_alone = not settings.redis_url
    if is_alone:
        cores.stay_on_one()
    server = Server(app, **options)
    worker = make_worker(app.registry, embedded=True) if settings.tasks_embedded else None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, server.stop)
        signal.signal(signal.SIGINT, server.stop)
    if worker is not None:
        cores.use_all()
        worker.start()
    if is_alone:
        cores.stay_on_one()
    # What start-up made stays for good: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
    log.info("%s is at %s", settings.site_title, settings.site_url)
    app.registry.notify(Started(app.registry))
    server.run()
    log.info("Stopping: no new connections, finishing the rest")
    if worker is not None:
        # It ends its task while the last answers are sent.
        worker.stop_flag.set()
    server.close()
    if worker is not None:
        worker.stop(graceful=True)
