import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from myproject import cores
from myproject.security.passwords import NICENESS, PasswordHasher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says on which cores a thread runs")


def on_a_thread(do: Callable[[], object]) -> None:
    """Does it where this thread's own cores stay as they are. What it raises is raised here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(do).result()


def test_a_thread_stays_on_one_core_with_those_it_starts_until_it_is_to_use_all() -> None:
    def stay() -> None:
        cores.stay_on_one()
        assert len(os.sched_getaffinity(0)) == 1
        on_a_thread(started)
        cores.use_all()
        assert os.sched_getaffinity(0) == cores.ALL

    def started() -> None:
        assert len(os.sched_getaffinity(0)) == 1

    on_a_thread(stay)


def test_hashing_uses_all_cores_and_stands_back_wherever_it_was_begun() -> None:
    def begin() -> None:
        cores.stay_on_one()
        # As in a unit with `Nice=12`.
        os.nice(12)
        hasher = PasswordHasher({"new": b"x" * 32}, 4, 1)
        assert hasher.run(os.sched_getaffinity, 0) == cores.ALL
        # 19 is the end of the scale.
        expected = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        assert hasher.run(os.getpriority, os.PRIO_PROCESS, 0) == expected
        hasher.threads.shutdown()

    on_a_thread(begin)
