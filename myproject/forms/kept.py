"""Texts that members wrote and the site could not take: kept for a week, and offered when the form is opened
again.

Each is kept for the member and the form's address, in a transaction of its own: the one that failed is undone.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.db import insert_for, sessions_of, utc_now
from myproject.forms.models import PATH_MAX_LENGTH, KeptText, Submission
from myproject.personal_data import File, Person, json_list
from myproject.tasks import crontab
from myproject.users import constants as USER

log = logging.getLogger(__name__)

DAYS = 7
SHOWN = 50
HOURS_OF_SUBMISSIONS = 24
# Some four of the longest posts. What is larger was not typed.
MAX_BYTES = 256 * 1024
# Of all texts of a member together, as they are written down, but for the latest.
MAX_BYTES_IN_ALL = 1024 * 1024
USERS = sa.table("users", sa.column("id"), sa.column("status"))
BANS = sa.table("comment_bans", sa.column("user_id"), sa.column("ends_at"), sa.column("lifted_at"))


def keep_text(
    registry: Registry, user_id: int, path: str, fields: Mapping[str, str], *, replace: bool = True
) -> bool:
    """`write_kept` in a transaction of its own."""
    if not fits(path, fields):
        return False
    with sessions_of(registry).writing() as db:
        return write_kept(db, user_id, path, fields, replace=replace)


def write_kept(db: Session, user_id: int, path: str, fields: Mapping[str, str], *, replace: bool = True) -> bool:
    """Keeps what a member typed in the form at `path`, in place of what was kept of it before, or with `replace`
    False only where nothing was. False, and nothing is kept, where that is nothing, or too much. Where a member
    has more than `SHOWN` texts, or more than `MAX_BYTES_IN_ALL`, the oldest go.
    """
    if not fits(path, fields):
        return False
    # Of two that come at once, the second sees the first.
    db.execute(sa.select(USERS.c.id).where(USERS.c.id == user_id).with_for_update(key_share=True))
    values = {"fields": dict(fields), "created_at": utc_now()}
    statement = insert_for(db, KeptText).values(user_id=user_id, path=path, **values)
    same = ["user_id", "path"]
    if replace:
        db.execute(statement.on_conflict_do_update(index_elements=same, set_=values))
    else:
        db.execute(statement.on_conflict_do_nothing(index_elements=same))
    db.execute(sa.delete(KeptText).where(KeptText.id.in_(too_much(user_id))))
    return True


def too_much(user_id: int) -> sa.Select[tuple[int]]:
    """The numbers of a member's texts for which there is no room beside the later ones."""
    latest_first = (KeptText.created_at.desc(), KeptText.id.desc())
    size = sa.func.length(sa.cast(KeptText.fields, sa.Text))
    theirs = sa.select(
        KeptText.id,
        sa.func.row_number().over(order_by=latest_first).label("place"),
        sa.func.sum(size).over(order_by=latest_first).label("bytes"),
    ).where(KeptText.user_id == user_id)
    texts = theirs.subquery()
    over = (texts.c.place > SHOWN) | (texts.c.bytes > MAX_BYTES_IN_ALL)
    return sa.select(texts.c.id).where(texts.c.place > 1, over)


def fits(path: str, fields: Mapping[str, str]) -> bool:
    """Whether there is something to keep, and not too much."""
    size = sum(len(value.encode()) for value in fields.values())
    return any(value.strip() for value in fields.values()) and size <= MAX_BYTES and len(path) <= PATH_MAX_LENGTH


def may_return(registry: Registry, user_id: int) -> bool:
    """Whether who is not signed in now is a member who can sign in again: not shut out, and not gone."""
    theirs = sa.select(USERS.c.id).where(USERS.c.id == user_id, USERS.c.status != USER.Status.INACTIVE)
    with sessions_of(registry).reading() as db:
        return db.scalar(theirs) is not None


def find_kept(db: Session, user_id: int, path: str) -> KeptText | None:
    """What is kept of a member's text in the form at `path`."""
    return db.scalars(sa.select(KeptText).where(KeptText.user_id == user_id, KeptText.path == path)).first()


def find_all_kept(db: Session, user_id: int, paths: Collection[str]) -> dict[str, KeptText]:
    """The same of the forms at `paths`, by path."""
    found = sa.select(KeptText).where(KeptText.user_id == user_id, KeptText.path.in_(paths))
    return {kept.path: kept for kept in db.scalars(found)}


def list_kept(db: Session, user_id: int) -> Sequence[KeptText]:
    """What is kept of a member's texts, the latest first, as many as a page shows."""
    theirs = sa.select(KeptText).where(KeptText.user_id == user_id)
    return db.scalars(theirs.order_by(KeptText.created_at.desc(), KeptText.id.desc()).limit(SHOWN)).all()


def let_go_of(db: Session, user_id: int, kept_id: int) -> None:
    """Forgets one of a member's texts, by its number."""
    db.execute(sa.delete(KeptText).where(KeptText.user_id == user_id, KeptText.id == kept_id))


def let_go(db: Session, user_id: int, path: str) -> None:
    """Forgets what is kept of the form at `path`."""
    db.execute(sa.delete(KeptText).where(KeptText.user_id == user_id, KeptText.path == path))


def move_kept(db: Session, path: str, new_path: str) -> None:
    """What members typed in the form at `path` stands in that at `new_path` from now on, but for who has typed
    something there as well.
    """
    there = sa.select(KeptText.user_id).where(KeptText.path == new_path)
    moved = sa.update(KeptText).where(KeptText.path == path, KeptText.user_id.not_in(there)).values(path=new_path)
    db.execute(moved, execution_options={"synchronize_session": False})


def purge(registry: Registry) -> None:
    """Deletes kept texts after a week, and what is remembered of forms that were sent after a day. Who may not
    comment until some day has a week from then on.
    """
    now = utc_now()
    ended_at = sa.func.coalesce(BANS.c.lifted_at, BANS.c.ends_at, type_=KeptText.created_at.type)
    since = now - timedelta(days=DAYS)
    banned = sa.exists().where(BANS.c.user_id == KeptText.user_id, ended_at > since)
    with sessions_of(registry).writing() as db:
        db.execute(sa.delete(KeptText).where(KeptText.created_at < since, ~banned))
        kept_from = now - timedelta(hours=HOURS_OF_SUBMISSIONS)
        db.execute(sa.delete(Submission).where(Submission.created_at < kept_from))


def export_kept(db: Session, person: Person) -> Iterator[File]:
    """What is kept of a member's texts, as a list."""
    theirs = sa.select(KeptText.path, KeptText.fields, KeptText.created_at).where(KeptText.user_id == person.id)
    yield "kept_texts.json", json_list(row._asdict() for row in db.execute(theirs.order_by(KeptText.id)))


def erase_kept(db: Session, person: Person, removing: bool) -> None:
    """Deletes what is kept of a member's texts, and which forms they sent."""
    db.execute(sa.delete(KeptText).where(KeptText.user_id == person.id))
    db.execute(sa.delete(Submission).where(Submission.user_id == person.id))


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge, crontab(hour="3", minute="30"))
    config.add_personal_data("kept_texts", export=export_kept, erase=erase_kept)
