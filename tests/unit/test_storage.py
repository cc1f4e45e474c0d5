"""Files in the site's folder: whole or not there, for the site's own user only."""

import os
import stat
import time
from pathlib import Path

import pytest

from myproject.storage import FolderStorage, random_name


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "files")


def put(storage: FolderStorage, content: bytes, name: str = "") -> str:
    name = name or random_name()
    with storage.writing(name) as file:
        file.write(content)
    return name


def files(storage: FolderStorage) -> list[Path]:
    return [path for path in storage.folder.rglob("*") if path.is_file()]


def test_what_was_written_is_read(storage: FolderStorage) -> None:
    name = put(storage, b"some bytes")
    with storage.open(name) as file:
        assert file.read() == b"some bytes"


def test_names_are_random() -> None:
    assert len({random_name() for _ in range(100)}) == 100


def test_files_stand_in_two_levels_of_folders(storage: FolderStorage) -> None:
    name = put(storage, b"x")
    assert files(storage) == [storage.folder / name[:2] / name[2:4] / name]


def test_only_the_sites_own_user_reads_files_and_folders(storage: FolderStorage) -> None:
    put(storage, b"x")
    for path in [storage.folder, *storage.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_whose_writing_fails_is_not_there(storage: FolderStorage) -> None:
    name = random_name()
    with pytest.raises(TypeError), storage.writing(name) as file:
        file.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert files(storage) == []
    with pytest.raises(FileNotFoundError):
        storage.open(name)


def test_a_file_is_not_there_before_it_is_whole(storage: FolderStorage) -> None:
    name = random_name()
    with storage.writing(name) as file:
        file.write(b"half")
        assert list(storage.names(older_than=-60)) == []
        with pytest.raises(FileNotFoundError):
            storage.open(name)


def test_a_deleted_file_is_gone_and_may_be_deleted_again(storage: FolderStorage) -> None:
    name = put(storage, b"x")
    storage.delete(name)
    storage.delete(name)
    assert files(storage) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 31, "A" * 32, f"{'a' * 32}/../x", f"{'a' * 32}\n"])
def test_names_that_are_none_lead_nowhere(storage: FolderStorage, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open(name)
    with pytest.raises(FileNotFoundError):
        put(storage, b"x", name or "..")
    storage.delete(name)


def test_old_files_are_told_from_new_ones(storage: FolderStorage) -> None:
    old, new = put(storage, b"old"), put(storage, b"new")
    an_hour_ago = time.time() - 3600
    os.utime(storage.path(old), (an_hour_ago, an_hour_ago))
    assert list(storage.names(older_than=1800)) == [old]
    assert set(storage.names(older_than=-60)) == {old, new}
