"""A member's data as one file to fetch: asked for by its owner, made by a task, gone after a week."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from myproject.db import after_commit, sessions_of, utc_now
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.personal_data import File, Person, json_list, parts_of
from myproject.security.identity import Identity
from myproject.storage import random_name, storage_of
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import (
    Connection,
    Export,
    FormerName,
    Invitation,
    Passkey,
    SecondFactorReset,
    SecurityLogEntry,
    User,
    UserSession,
)
from myproject.users.services import accounts, avatars, history

# Hashes and keys are no use to their owner, and a present to who finds the file.
NOT_EXPORTED = frozenset({"password", "revision", "bio_html", "bio_renderer", "name_skeleton", "avatar"})
ROWS_AT_ONCE = 200

LISTS: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
    "sessions": (
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.expires_at,
        UserSession.way,
        UserSession.user_agent,
        UserSession.address,
    ),
    "security-history": (
        SecurityLogEntry.created_at,
        SecurityLogEntry.event,
        SecurityLogEntry.detail,
        SecurityLogEntry.user_agent,
        SecurityLogEntry.address,
    ),
    "connections": (Connection.provider, Connection.label, Connection.created_at, Connection.last_used_at),
    "passkeys": (Passkey.name, Passkey.created_at, Passkey.last_used_at),
    "second-factor-resets": (SecondFactorReset.created_at, SecondFactorReset.due_at),
    "former-names": (FormerName.name_canonical, FormerName.created_at, FormerName.parked_until),
    "invitations": (Invitation.note, Invitation.uses_left, Invitation.created_at, Invitation.expires_at),
}


def person_of(member: User | Identity) -> Person:
    email_canonical = canonical(member.email)[: USER.EMAIL_MAX_LENGTH]
    return Person(member.id, member.name, member.email, email_canonical, member.verified)


def find_export(db: Session, user_id: int) -> Export | None:
    """The member's export, made or waiting to be made; None once its time is over."""
    live = sa.select(Export).where(Export.user_id == user_id, Export.expires_at > utc_now())
    return db.scalar(live.order_by(Export.id.desc()).limit(1))


def ask_for_export(db: Session, user_id: int, client: accounts.Client) -> Export:
    """Makes a row for a task to fill (`write_export`); the export before goes. Raises ExportWaiting."""
    user = accounts.lock_user(db, user_id)
    before = find_export(db, user_id)
    if before is not None and not before.file:
        raise errors.ExportWaiting
    delete_exports(db, Export.user_id == user_id)
    export = Export(user_id=user_id, expires_at=utc_now() + timedelta(days=USER.EXPORT_DAYS))
    db.add(export)
    # The task is told the row's number.
    db.flush()
    history.note(db, user, USER.SecurityEvent.EXPORT_ASKED, client)
    return export


def delete_exports(db: Session, which: sa.ColumnElement[bool]) -> None:
    """Deletes exports, and with the commit their files."""
    files = [file for file in db.scalars(sa.delete(Export).where(which).returning(Export.file)) if file]
    registry = db.info.get("registry")
    if files and registry is not None:
        storage = storage_of(registry)

        def delete() -> None:
            for file in files:
                storage.delete(file)

        after_commit(db, delete)


def waiting_exports(db: Session, older_than: timedelta) -> list[int]:
    """The numbers of exports that wait to be made for so long that their task must be lost."""
    left = sa.select(Export.id).where(Export.file == "", Export.created_at < utc_now() - older_than)
    return list(db.scalars(left))


def used_exports(db: Session, names: Collection[str]) -> set[str]:
    """Those of these names that are an export's file."""
    return set(db.scalars(sa.select(Export.file).where(Export.file.in_(names))))


def write_export(registry: Any, export_id: int) -> None:
    """Writes the file of an export, and a mail to its owner. Takes as much memory as one row, and as long as it
    takes: no write transaction is open meanwhile. Does nothing where the row is gone or has its file.
    """
    storage, sessions = storage_of(registry), sessions_of(registry)
    name = f"{random_name()}.zip"
    with sessions.reading() as db:
        export = db.get(Export, export_id)
        if export is None or export.file:
            return
        with storage.writing(name) as file:
            write_zip(db, registry, db.get_one(User, export.user_id), file)
            size = file.tell()
    with sessions.writing() as db:
        mine = sa.update(Export).where(Export.id == export_id, Export.file == "")
        expires_at = utc_now() + timedelta(days=USER.EXPORT_DAYS)
        user_id = db.scalar(mine.values(file=name, size=size, expires_at=expires_at).returning(Export.user_id))
        if user_id is None:
            # Another worker was faster, or the account is gone.
            storage.delete(name)
            return
        user = db.get_one(User, user_id)
        if not user.verified:
            # It may be somebody else's address. The page says that the file is there.
            return
        queue_mail(
            db,
            accounts.mail_to(
                user,
                Kind.EXPORT_READY,
                {"days": USER.EXPORT_DAYS},
                key=f"export:{export_id}",
                expires_in=timedelta(days=USER.EXPORT_DAYS),
            ),
        )


def write_zip(db: Session, registry: Any, user: User, file: BinaryIO) -> None:
    person = person_of(user)
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path, pieces in files_of(db, registry, user, person):
            with archive.open(path, "w") as entry:
                for piece in pieces:
                    entry.write(piece.encode("utf-8", "replace") if isinstance(piece, str) else piece)
        if user.avatar:
            size = max(USER.AVATAR_SIZES)
            with storage_of(registry).open(avatars.file_name(user.avatar, size)) as picture:
                archive.writestr("picture.webp", picture.read())


def files_of(db: Session, registry: Any, user: User, person: Person) -> Iterator[File]:
    """Every file of an export: what this module knows, and the part of each other one."""
    columns = [column.key for column in User.__table__.columns if column.key not in NOT_EXPORTED]
    yield "profile.json", json_list([{name: getattr(user, name) for name in columns}])
    for name, listed in LISTS.items():
        model = listed[0].class_
        rows = sa.select(*listed).where(model.user_id == user.id).order_by(*sa.inspect(model).primary_key)
        yield f"{name}.json", json_list(row._asdict() for row in db.execute(rows))
    for part in parts_of(registry):
        yield from part.export(db, person)
