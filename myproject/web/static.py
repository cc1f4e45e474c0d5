"""Static files: hashed addresses, precompressed, immutable, sent by WhiteNoise from memory-mapped metadata."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.response import FileIter, Response
from whitenoise import WhiteNoise

ROOT = Path(__file__).parent.parent / "static"
PREFIX = "/static/"
HASH_LENGTH = 12
COMPRESSED = (".gz", ".br")


class StaticFiles:
    """The files below `static/`, each at `/static/NAME.HASH.EXT`, so that its content never changes."""

    def __init__(self, root: Path) -> None:
        self.server = WhiteNoise(
            None, max_age=365 * 86400, immutable_file_test=lambda path, url: True, allow_all_origins=False
        )
        self.addresses: dict[str, str] = {}
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.suffix not in COMPRESSED and not file.name.startswith("."):
                self.add(file, file.relative_to(root).as_posix())

    def add(self, file: Path, name: str) -> None:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:HASH_LENGTH]
        stem, _, suffix = name.rpartition(".")
        self.addresses[name] = f"{PREFIX}{stem}.{digest}.{suffix}"
        self.server.add_file_to_dictionary(self.addresses[name], str(file))

    def address(self, name: str) -> str:
        """The hashed address of a file such as `css/site.css`. Raises KeyError where there is none."""
        return self.addresses[name]


def static_tween_factory(handler: Callable[[Any], Response], registry: Any) -> Callable[[Any], Response]:
    files: StaticFiles = registry["static"]

    def static_tween(request: Any) -> Response:
        if not request.path_info.startswith(PREFIX) or request.method not in ("GET", "HEAD"):
            return handler(request)
        found = files.server.files.get(request.path_info)
        if found is None:
            return handler(request)
        answer = found.get_response(request.method, request.environ)
        response = Response(status=f"{answer.status.value} {answer.status.phrase}", headerlist=answer.headers)
        if answer.file is not None:
            response.app_iter = FileIter(answer.file)
        return response

    return static_tween


def includeme(config: Configurator) -> None:
    config.registry["static"] = StaticFiles(ROOT)
    config.add_tween(
        "myproject.web.static.static_tween_factory", under="myproject.web.ingress.ingress_tween_factory"
    )
