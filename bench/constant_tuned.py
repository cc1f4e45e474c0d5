"""The constant page under the site's own server and its settings. `constant_tuned.py PORT THREADS`"""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.constant import app
from myproject.server import Server

if __name__ == "__main__":
    port, threads = sys.argv[1:]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    Server(app, listen=f"127.0.0.1:{port}", threads=threads).run()
