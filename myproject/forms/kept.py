"""Texts that members wrote and the site could not take: kept for a week, and offered when the form is opened
again.

Each is kept for the member, the form's address and the very form, which may be open in two tabs; in a transaction
of its own, as the one that failed is undone.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session, aliased

from myproject.db import sessions_of, utc_now
from myproject.forms.models import PATH_MAX_LENGTH, KeptText, Submission
from myproject.personal_data import File, Person, json_list
from myproject.security.tokens import hash_token
from myproject.tasks import crontab
from myproject.users import constants as USER

log = logging.getLogger(__name__)

# Of a form the key of what it was filled in with, and in an address the number of what it is to be filled in with.
FILLED_FROM = "kept"
DAYS = 7
SHOWN = 50
# Some four of the longest posts. What is larger was not typed.
MAX_BYTES = 256 * 1024
# Of all texts of a member together, as they are written down, but for the latest.
MAX_BYTES_IN_ALL = 1024 * 1024
USERS = sa.table("users", sa.column("id"), sa.column("status"))
BANS = sa.table("comment_bans", sa.column("user_id"), sa.column("ends_at"), sa.column("lifted_at"))


def form_key(token: Any, *, signed_in: bool = True) -> str:
    """What stands for the one form that carries `token` (`once.FIELD`), empty where it carries none. What is sent
    with it by somebody who is not signed in as its member stands beside what that member sent.
    """
    if not isinstance(token, str) or not token:
        return ""
    return hash_token(token if signed_in else f"{token} without a sign-in")


def keep_text(
    registry: Registry,
    user_id: int,
    path: str,
    fields: Mapping[str, str],
    form: str = "",
    filled_from: str | None = None,
) -> bool:
    """`write_kept` in a transaction of its own."""
    if not fits(path, fields):
        return False
    with sessions_of(registry).writing() as db:
        return write_kept(db, user_id, path, fields, form, filled_from)


def write_kept(
    db: Session, user_id: int, path: str, fields: Mapping[str, str], form: str = "", filled_from: str | None = None
) -> bool:
    """Keeps what a member typed in the form at `path`, in place of what was kept of that very one before, of which
    `form` is the key, or of the one that it was filled in from; beside what was kept of others that were open at
    the same time. False, and nothing is kept, where that is nothing, or too much. Where a member has more than
    `SHOWN` texts, or more than `MAX_BYTES_IN_ALL`, the oldest go.
    """
    if not fits(path, fields):
        return False
    # Of two that come at once, the second sees the first.
    db.execute(sa.select(USERS.c.id).where(USERS.c.id == user_id).with_for_update(key_share=True))
    theirs = (KeptText.user_id == user_id) & (KeptText.path == path)
    present = {kept.form: kept for kept in db.execute(sa.select(*KeptText.__table__.c).where(theirs))}
    same = (kept for kept in present.values() if said_in(kept.fields) == said_in(fields))
    before = (present[key] for key in (form, filled_from) if key is not None and key in present)
    kept = next(before, None) or next(same, None)
    values = {"form": form, "fields": dict(fields), "created_at": utc_now()}
    again = sa.update(KeptText).values(values).returning(KeptText.id)
    # What was let go at the same moment is no longer there.
    if kept is None or db.scalar(again.where(KeptText.id == kept.id)) is None:
        db.add(KeptText(user_id=user_id, path=path, **values))
    db.flush()  # it is one of those that are looked at now
    db.execute(sa.delete(KeptText).where(KeptText.id.in_(too_much(user_id))))
    return True


def is_kept(db: Session, user_id: int, path: str, fields: Mapping[str, str]) -> bool:
    """Whether just that is kept of a form at `path` already."""
    theirs = sa.select(KeptText.fields).where(KeptText.user_id == user_id, KeptText.path == path)
    return any(said_in(kept) == said_in(fields) for kept in db.scalars(theirs))


def said_in(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without what browsers and scripts do to the ends of lines."""
    return {name: value.replace("\r\n", "\n") for name, value in fields.items() if name != "version" and value}


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


def find_kept(db: Session, user_id: int, path: str, number: int | None = None) -> KeptText | None:
    """What is kept of a member's text in the form at `path`: the one of that number if it is there, else the
    latest.
    """
    found = sa.select(KeptText).where(KeptText.user_id == user_id, KeptText.path == path)
    asked_first = (KeptText.id == (number or 0)).desc()
    return db.scalars(found.order_by(asked_first, KeptText.created_at.desc(), KeptText.id.desc()).limit(1)).first()


def find_all_kept(db: Session, user_id: int, paths: Collection[str]) -> dict[str, KeptText]:
    """The latest of each of the forms at `paths`, by path."""
    found = sa.select(KeptText).where(KeptText.user_id == user_id, KeptText.path.in_(paths))
    return {kept.path: kept for kept in db.scalars(found.order_by(KeptText.created_at, KeptText.id))}


def list_kept(db: Session, user_id: int) -> Sequence[KeptText]:
    """What is kept of a member's texts, the latest first, as many as a page shows."""
    theirs = sa.select(KeptText).where(KeptText.user_id == user_id)
    return db.scalars(theirs.order_by(KeptText.created_at.desc(), KeptText.id.desc()).limit(SHOWN)).all()


def let_go_of(db: Session, user_id: int, kept_id: int) -> None:
    """Forgets one of a member's texts, by its number."""
    db.execute(sa.delete(KeptText).where(KeptText.user_id == user_id, KeptText.id == kept_id))


def let_go(db: Session, user_id: int, path: str, forms: Collection[str]) -> None:
    """Forgets what is kept of the forms at `path` that have these keys."""
    theirs = (KeptText.user_id == user_id) & (KeptText.path == path)
    db.execute(sa.delete(KeptText).where(theirs, KeptText.form.in_(forms)))


def move_kept(db: Session, path: str, new_path: str) -> None:
    """What members typed in the form at `path` stands in that at `new_path` from now on."""
    other = aliased(KeptText)
    # Of a form that was sent to both, as it was open for longer than the first stood.
    same = (other.path == new_path) & (other.user_id == KeptText.user_id) & (other.form == KeptText.form)
    moved = sa.update(KeptText).where(KeptText.path == path, ~sa.exists().where(same)).values(path=new_path)
    db.execute(moved, execution_options={"synchronize_session": False})


def purge(registry: Registry) -> None:
    """Deletes kept texts after a week, and which forms were sent. Who may not comment until some day has the texts
    for a week from then on.
    """
    now = utc_now()
    ended_at = sa.func.coalesce(BANS.c.lifted_at, BANS.c.ends_at, type_=KeptText.created_at.type)
    since = now - timedelta(days=DAYS)
    banned = sa.exists().where(BANS.c.user_id == KeptText.user_id, ended_at > since)
    with sessions_of(registry).writing() as db:
        db.execute(sa.delete(KeptText).where(KeptText.created_at < since, ~banned))
        # By then their tokens are too old to be sent again.
        db.execute(sa.delete(Submission).where(Submission.created_at < since))


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
