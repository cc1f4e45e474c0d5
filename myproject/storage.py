"""Files that members bring or fetch: pictures, exports. One small interface, and a folder on disk behind it.

A file has a random name that tells nothing of what it holds, and never changes: what changes gets a new name. So a
row in the database names its file, a copy may be kept for ever, and a file that no row names may go.
"""

import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.settings import settings_of

# 128 random bits, and perhaps what tells several files of one thing, or their kinds, apart.
NAME = re.compile(r"[0-9a-f]{32}(-[0-9]{1,4})?(\.[a-z]{1,8})?")


def random_name() -> str:
    """A name that nobody can guess; a file's may have `-NUMBER` and `.EXTENSION` behind it."""
    return secrets.token_hex(16)


class Storage(Protocol):
    """Where files are kept. Names that are not of the form of `NAME` are those of no file."""

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A new file to write to. It is there, whole, when the block ends, and not at all where it raises."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The file, to read; the caller closes it. Raises FileNotFoundError."""
        ...

    def delete(self, name: str) -> None:
        """Deletes the file, if there is one."""
        ...

    def names(self, older_than: float) -> Iterator[str]:
        """The files that were written more than so many seconds ago, in any order."""
        ...


class FolderStorage:
    """Files in a folder that only the site's own user can read, two levels deep by their first letters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise FileNotFoundError(name)
        return self.folder / name[:2] / name[2:4] / name

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        path = self.path(name)
        for folder in (self.folder, path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{name}.{secrets.token_hex(4)}")
        try:
            # Opened for this process alone, and nobody has it open when it gets its name.
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                yield cast(BinaryIO, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def open(self, name: str) -> BinaryIO:
        return self.path(name).open("rb")

    def delete(self, name: str) -> None:
        try:
            self.path(name).unlink()
        except FileNotFoundError:
            return

    def names(self, older_than: float) -> Iterator[str]:
        before = time.time() - older_than
        for path in self.folder.glob("??/??/*"):
            if NAME.fullmatch(path.name) and path.stat().st_mtime < before:
                yield path.name


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last: without this a power cut may undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Those of these files, or of their first 32 characters, that a row names.
Owner = Callable[[Session, Collection[str]], set[str]]


def add_file_owner(config: Configurator, used: Owner) -> None:
    """Directive: a module whose rows name files. A file that is nobody's is deleted after a while."""
    config.registry["file_owners"].append(used)


def used_files(registry: Any, db: Session, names: Collection[str]) -> set[str]:
    """Those of these files that some module's rows name."""
    known = set().union(*(used(db, names) for used in registry["file_owners"]))
    return {name for name in names if name in known or name[:32] in known}


def storage_of(registry: Any) -> Storage:
    return cast(Storage, registry["storage"])


def includeme(config: Configurator) -> None:
    config.registry["file_owners"] = []
    config.add_directive("add_file_owner", add_file_owner)
    config.registry["storage"] = FolderStorage(settings_of(config.registry).storage_folder)
