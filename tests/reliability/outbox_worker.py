"""Workers for a test to kill, each as `myproject worker` runs one. The argument holds ini options, as JSON.

For every line on its input it starts a worker, writes that one's process id, and waits for its end. A worker is
a process with an application of its own; only the modules, which take longest, are imported once for all.
"""

import json
import os
import sys
from importlib import import_module
from pkgutil import walk_packages

import myproject
from myproject.tasks import make_worker
from myproject.web.static import ROOT, static_files

if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    for module in walk_packages(myproject.__path__, "myproject."):
        import_module(module.name)
    static_files(ROOT)
    for _line in sys.stdin:
        worker = os.fork()
        if worker == 0:
            make_worker(myproject.main({}, **options).registry, embedded=False).run()
            os._exit(0)
        print(worker, flush=True)
        os.waitpid(worker, 0)
