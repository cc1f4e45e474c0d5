"""A worker for a test to kill, as `myproject worker` runs one. Its argument holds ini options, as JSON."""

import json
import sys

from myproject import main
from myproject.tasks import make_worker

if __name__ == "__main__":
    make_worker(main({}, **json.loads(sys.argv[1])).registry, embedded=False).run()
