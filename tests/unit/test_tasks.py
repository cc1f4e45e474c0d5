"""What a task is known by."""

from datetime import UTC, datetime
from pathlib import Path

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject import tasks
from myproject.settings import Settings


def count(registry: Registry) -> None:
    registry["counted"] += 1


def test_one_function_may_come_by_itself_and_be_asked_for(tmp_path: Path) -> None:
    config = Configurator()
    registry = config.registry
    registry["settings"] = Settings.with_defaults(tasks_file=tmp_path / "tasks.sqlite")
    registry["counted"] = 0
    config.include(tasks)
    config.add_task(count)
    config.add_periodic_task(count, tasks.crontab())
    config.commit()
    huey = registry["huey"]
    tasks.enqueue_now(registry, count)
    for task in huey.read_periodic(datetime.now(UTC)):
        huey.enqueue(task)
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    assert registry["counted"] == 2
