"""Static files: hashed addresses, precompressed, immutable, sent by WhiteNoise from memory-mapped metadata."""

import hashlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyramid.config import Configurator
from pyramid.response import FileIter, Response
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

ROOT = Path(__file__).parent.parent / "static"
PREFIX = "/static/"
HASH_LENGTH = 12


class StaticFiles:
    """The files below `static/`, each at `/static/NAME.HASH.EXT`, so that its content never changes.

    At start each is copied under that name beside its gzip and brotli forms, so that none of them can be
    older than the file they were made from.
    """

    def __init__(self, root: Path) -> None:
        # The folder lives as long as this object.
        self.folder = TemporaryDirectory(prefix="myproject-static-")
        self.addresses: dict[str, str] = {}
        compressor = Compressor(quiet=True)
        for file in sorted(root.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                compressor.compress(str(self.copy(file, file.relative_to(root))))
        self.server = WhiteNoise(
            None,
            root=self.folder.name,
            prefix=PREFIX,
            max_age=365 * 86400,
            immutable_file_test=lambda path, url: True,
            allow_all_origins=False,
        )

    def copy(self, file: Path, name: Path) -> Path:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:HASH_LENGTH]
        hashed = name.with_suffix(f".{digest}{name.suffix}")
        self.addresses[name.as_posix()] = PREFIX + hashed.as_posix()
        target = Path(self.folder.name) / hashed
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        return target

    def address(self, name: str) -> str:
        """The hashed address of a file such as `css/site.css`. Raises KeyError where there is none."""
        return self.addresses[name]


@cache
def static_files(root: Path) -> StaticFiles:
    """Those below `root`, once for all applications of a process: compressing them is most of making one."""
    return StaticFiles(root)


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
    config.registry["static"] = static_files(ROOT)
    config.add_tween(
        "myproject.web.static.static_tween_factory", under="myproject.web.ingress.ingress_tween_factory"
    )
