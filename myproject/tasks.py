"""Background work: the Huey instance, how modules add tasks, and how code asks for one.

A task is a function `f(registry, **arguments)` with JSON arguments, known by a name. The queue is only a
messenger: what must not be lost is a row in the database, and a periodic task looks for rows that were left.
`enqueue` therefore waits for the commit, and a queue that is away delays work but loses none.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from huey import RedisHuey, SqliteHuey, crontab
from huey.api import Huey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.cache import Cache
from myproject.db import after_commit, is_retryable, sessions_of
from myproject.errors import InputError
from myproject.i18n import _
from myproject.settings import Settings, settings_of

log = logging.getLogger(__name__)

LONGEST_POLL_SECONDS = 0.5
TRIES = 3
TaskFunction = Callable[..., None]

__all__ = ["crontab", "enqueue", "in_batches", "includeme", "make_worker"]


class JsonSerializer(Serializer):
    """Messages as JSON objects, so that who can write to the queue can name tasks but not run code (no
    pickle).
    """

    def _serialize(self, data: Any) -> bytes:
        fields = data._asdict() if isinstance(data, Message) else {"value": data}
        return json.dumps(fields, default=datetime.isoformat).encode()

    def _deserialize(self, data: bytes) -> Any:
        fields = json.loads(data)
        if "name" not in fields:
            return fields["value"]
        for name in ("eta", "expires_resolved"):
            if fields.get(name):
                fields[name] = datetime.fromisoformat(fields[name])
        fields["args"] = tuple(fields["args"] or ())
        return Message(**fields)


def make_huey(settings: Settings) -> Huey:
    common = {"results": False, "utc": True, "serializer": JsonSerializer()}
    if settings.redis_url:
        # The consumer blocks on the queue for a second at a time, so its sockets may wait longer than that.
        pool = redis.ConnectionPool.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=1)
        return RedisHuey("site", connection_pool=pool, blocking=True, read_timeout=1, **common)
    settings.tasks_file.parent.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("site", filename=str(settings.tasks_file), **common)


class EmbeddedConsumer(Consumer):
    """A consumer for threads inside another program, which keeps its own signal handlers."""

    def _set_signal_handlers(self) -> None:
        pass


def make_worker(registry: Registry, *, embedded: bool) -> Consumer:
    """A worker for the site's queue: `start()` and `stop(graceful=True)` in threads, or `run()` until
    SIGTERM.
    """
    consumer = EmbeddedConsumer if embedded else Consumer
    return consumer(
        registry["huey"],
        workers=1 if embedded else 2,
        max_delay=LONGEST_POLL_SECONDS,
        # Huey's default would kill running work on SIGTERM.
        graceful_signal="TERM",
    )


def task_name(function: TaskFunction) -> str:
    return f"{function.__module__}.{function.__name__}"


def run_task(registry: Registry, function: TaskFunction, **arguments: Any) -> None:
    """Runs a task, up to `TRIES` times where the database says that trying again may help, as a request is."""
    for tries_left in reversed(range(TRIES)):
        try:
            function(registry, **arguments)
        except Exception as error:
            if not tries_left or not is_retryable(error):
                raise
            log.info("tasks: trying %s again: %s", task_name(function), error)
        else:
            return


def in_batches(registry: Registry, work: Callable[[Session], int]) -> None:
    """Calls `work(db)`, which says how much it found to do, until that is nothing: each time in a transaction of
    its own, so that no other writer waits for long.
    """
    found = 1
    while found:
        with sessions_of(registry).writing() as db:
            found = work(db)


def add_task(config: Configurator, function: TaskFunction) -> None:
    """Directive: makes `function(registry, **arguments)` something that `enqueue` can ask for."""

    def register() -> None:
        registry = config.registry

        def run(**arguments: Any) -> None:
            run_task(registry, function, **arguments)

        registry["tasks"][task_name(function)] = registry["huey"].task(name=task_name(function))(run)

    config.action(("task", task_name(function)), register)


def add_periodic_task(config: Configurator, function: TaskFunction, when: Any) -> None:
    """Directive: has a worker run `function(registry)` at the times of `when`, a `crontab(...)` in UTC. `add_task`
    may have been told of it as well.
    """
    name = f"{task_name(function)}:periodic"

    def register() -> None:
        registry = config.registry
        registry["huey"].periodic_task(when, name=name)(lambda: run_task(registry, function))

    config.action(("task", name), register)


def enqueue(db: Session, function: TaskFunction, **arguments: Any) -> None:
    """Asks for `function(registry, **arguments)` to run soon after the session's transaction commits. What has no
    arguments is asked for once, however many rows of the transaction ask for it.
    """
    registry = db.info.get("registry")
    if registry is not None:
        name = task_name(function)
        after_commit(db, lambda: registry["tasks"][name](**arguments), None if arguments else name)


class QueueAway(InputError):
    message = _("The site can't take this at the moment. Nothing is lost: try again in a minute.")


def enqueue_surely(registry: Registry, function: TaskFunction, **arguments: Any) -> None:
    """Asks for a task that nothing would make up for. Raises QueueAway."""
    try:
        registry["tasks"][task_name(function)](**arguments)
    except Exception as error:
        log.exception("tasks: can't enqueue %s", task_name(function))
        raise QueueAway from error


def enqueue_now(registry: Registry, function: TaskFunction, **arguments: Any) -> None:
    """Asks for a task from outside a transaction; where the queue is away, says so in the log and goes on."""
    try:
        registry["tasks"][task_name(function)](**arguments)
    except Exception:
        log.exception("tasks: can't enqueue %s", task_name(function))


def enqueue_once(registry: Registry, key: str, seconds: int, function: TaskFunction, **arguments: Any) -> None:
    """`enqueue_now`, unless the task was asked for with the same `key` in the last `seconds`. For what is noted of
    those who only look: a page writes nothing, and is opened again before a busy worker has written.
    """
    cache: Cache = registry["cache"]
    asked = f"asked:{task_name(function)}:{key}"
    if cache.get(asked, seconds) is None:
        cache.set(asked, True)
        enqueue_now(registry, function, **arguments)


def enqueue_if_idle(registry: Registry, function: TaskFunction, *, seconds: float = 0) -> None:
    """Asks for a task in so many seconds, unless it waits in the queue (or, for later, in the schedule) already:
    for a task that finds its work itself, and that must not be asked for faster than it can come.
    """
    huey, name = registry["huey"], task_name(function)
    try:
        waiting = huey.pending() + (huey.scheduled() if seconds else [])
        if any(task.name == name for task in waiting):
            return
        task = registry["tasks"][name]
        task.schedule(delay=seconds) if seconds else task()
    except Exception:
        log.exception("tasks: can't enqueue %s", name)


def includeme(config: Configurator) -> None:
    config.registry["huey"] = make_huey(settings_of(config.registry))
    config.registry["tasks"] = {}
    config.add_directive("add_task", add_task)
    config.add_directive("add_periodic_task", add_periodic_task)
