"""On which processor cores threads run.

Python runs one thread of a process at a time, and hands over whenever one asks the database. With its threads on
several cores, each time another core has to be woken, and finds nothing of the work at hand: pages that were asked
for at once took up to twice the processor time of one alone (`bench/README.md`). What Python's lock does not hold,
such as hashing, has use for all cores.
"""

import os
import sys

# What the operating system gives to this process.
ALL = os.sched_getaffinity(0) if sys.platform == "linux" else set()


def stay_on_one() -> None:
    """Keeps this thread, and those that it starts, on one core: the last, for most systems serve their devices on
    the first. Where that can't be said, does nothing.
    """
    if ALL:
        os.sched_setaffinity(0, {max(ALL)})


def use_all() -> None:
    """Lets this thread, and those that it starts, run on every core again."""
    if ALL:
        os.sched_setaffinity(0, ALL)
