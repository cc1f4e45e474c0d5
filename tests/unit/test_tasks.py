"""What a task is known by, and how often it is tried."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from huey.api import Huey
from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid_retry import mark_error_retryable

from myproject import tasks
from myproject.settings import Settings


def count(registry: Registry) -> None:
    registry["counted"] += 1


def stumble(registry: Registry, times: int, busy: bool) -> None:
    """Fails so often before it counts, as a database does that is `busy`, or for good."""
    registry["tries"] += 1
    if registry["tries"] <= times:
        error = RuntimeError("for a test")
        if busy:
            mark_error_retryable(error)
        raise error
    count(registry)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    config = Configurator()
    config.registry["settings"] = Settings.with_defaults(tasks_file=tmp_path / "tasks.sqlite")
    config.registry["counted"] = config.registry["tries"] = 0
    config.include(tasks)
    config.add_task(count)
    config.add_task(stumble)
    config.add_periodic_task(count, tasks.crontab())
    config.commit()
    return config.registry


def work_off(huey: Huey) -> None:
    while (task := huey.dequeue()) is not None:
        huey.execute(task)


def test_one_function_may_come_by_itself_and_be_asked_for(registry: Registry) -> None:
    huey = registry["huey"]
    tasks.enqueue_now(registry, count)
    for task in huey.read_periodic(datetime.now(UTC)):
        huey.enqueue(task)
    work_off(huey)
    assert registry["counted"] == 2


@pytest.mark.parametrize(
    ("times", "busy", "tries", "counted"),
    [(2, True, 3, 1), (3, True, 3, 0), (1, False, 1, 0)],
    ids=["passing", "lasting", "another error"],
)
def test_a_task_is_tried_again_where_the_database_says_that_it_may_help(
    registry: Registry, times: int, busy: bool, tries: int, counted: int
) -> None:
    tasks.enqueue_now(registry, stumble, times=times, busy=busy)
    work_off(registry["huey"])
    assert (registry["tries"], registry["counted"]) == (tries, counted)
