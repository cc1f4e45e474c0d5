"""Processes for a test to kill. The argument is JSON: `web` and `worker`, the ini options of each, and the `port`
of the web server on the loopback interface.

For every line on its input, `web` or `worker`, it starts one and writes that one's process id; at the end of its
input it waits for them all. Each is a process with an application of its own; only the modules, which take
longest, are imported once for all.
"""

import contextlib
import json
import os
import signal
import sys
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import myproject
from myproject.server import serve
from myproject.tasks import make_worker
from myproject.web.static import ROOT, static_files


def run(role: str, given: dict[str, Any]) -> None:
    app = myproject.main({}, **given[role])
    if role == "web":
        serve(app, {}, listen=f"127.0.0.1:{given['port']}", threads=4)
    else:
        make_worker(app.registry, embedded=False).run()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    for module in walk_packages(myproject.__path__, "myproject."):
        import_module(module.name)
    static_files(ROOT)
    # The system buries the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(line.strip(), given)
            os._exit(0)
        print(process, flush=True)
    with contextlib.suppress(ChildProcessError):
        os.wait()
