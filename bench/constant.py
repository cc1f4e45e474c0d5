"""What the site is compared with: one page of 10 KB, always the same, under waitress as that comes.
`constant.py PORT THREADS`
"""

import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

import waitress

PAGE = b"<!doctype html><title>Constant</title>".ljust(10 * 1024, b".")
HEADERS = [("Content-Type", "text/html; charset=UTF-8"), ("Content-Length", str(len(PAGE)))]


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)
    return [PAGE]


if __name__ == "__main__":
    port, threads = sys.argv[1:]
    # As production.ini has it.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    waitress.serve(app, host="127.0.0.1", port=port, threads=threads, ident=None, asyncore_use_poll=True)
