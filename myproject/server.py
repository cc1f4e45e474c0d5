"""The web server: waitress, the embedded worker beside it, and an end without lost requests.

`[server:main] use = egg:myproject` in an ini file runs this under `pserve`.
"""

import gc
import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

import waitress
from pyramid.router import Router
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

from myproject.settings import settings_of
from myproject.tasks import make_worker

log = logging.getLogger(__name__)

SECONDS_TO_FINISH = 20


def serve(app: Router, global_config: dict[str, str], **options: Any) -> None:
    """Runs until SIGTERM or SIGINT, then answers what it has begun, lets the worker finish its task, and
    returns.

    `options` are waitress's own. Waitress has no SIGTERM handler: left alone, a restart would drop what is in
    flight.
    """
    settings = settings_of(app.registry)
    # No version in the answers (ASVS 13.4.6); one request a time and connection is read (no pipelining to
    # smuggle in).
    options = {"ident": None, "channel_request_lookahead": 0, "max_request_body_size": 1_048_576} | options
    if settings.proxy_count:
        options |= {
            "trusted_proxy": settings.proxy_address,
            "trusted_proxy_count": settings.proxy_count,
            "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
            "clear_untrusted_proxy_headers": True,
        }
    # The map holds the server's sockets: those it listens on, its channels, and the trigger that wakes its
    # loop.
    sockets: dict[int, Any] = {}
    server = waitress.create_server(app, map=sockets, **options)
    listeners = [listener for listener in sockets.values() if isinstance(listener, BaseWSGIServer)]
    worker = make_worker(app.registry, embedded=True) if settings.tasks_embedded else None
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()
        for listener in listeners:
            listener.pull_trigger()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
    if worker is not None:
        worker.start()
    # What start-up made stays for good: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    log.info("%s is at %s", settings.site_title, settings.site_url)
    while not stopping.is_set():
        wasyncore.loop(timeout=1, map=sockets, use_poll=True, count=1)
    log.info("Stopping: no new connections, finishing the rest")
    if worker is not None:
        # It ends its task while the last answers are sent.
        worker.stop_flag.set()
    for listener in listeners:
        wasyncore.dispatcher.close(listener)
    finish(sockets, time.monotonic() + SECONDS_TO_FINISH)
    server.task_dispatcher.shutdown()
    if worker is not None:
        worker.stop(graceful=True)


def finish(sockets: dict[int, Any], deadline: float) -> None:
    """Goes on reading, answering and sending for the channels in `sockets` until none is busy, or the
    deadline.
    """
    while time.monotonic() < deadline:
        channels = [channel for channel in sockets.values() if isinstance(channel, HTTPChannel)]
        if not any(channel.requests or channel.request or channel.total_outbufs_len for channel in channels):
            return
        wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)
