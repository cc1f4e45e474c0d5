"""Leaving: a member asks, has some days to think better of it, and then nothing of them is left.

Their row stays, empty, so that no other member ever gets its number; whoever wrote what they leave behind is "a
former member". Nicknames and the audit keep a trace (`traces`), which tells nothing to who does not know the text.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry, hide_in_entries
from myproject.cache import touch
from myproject.db import Base, after_commit, utc_now
from myproject.emails.constants import Kind
from myproject.emails.models import Email
from myproject.personal_data import Person, parts_of
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Export, FormerName, SecurityLogEntry, User, UserToken
from myproject.users.services import accounts, avatars, export, history, roles, sign_ins, tokens, traces
from myproject.users.services.mailed_links import mail_link

log = logging.getLogger(__name__)

DAYS_TO_THINK = timedelta(days=USER.DELETION_DAYS)
# A text shorter than this stands in too many others to be taken for a name.
SHORTEST_NAMING = 3


def ask_for_deletion(db: Session, user_id: int, deletion: USER.Deletion, client: accounts.Client) -> User:
    """Shuts the account for everybody, and notes when it goes; its owner may still sign in, to keep it. Raises
    LastAdmin.
    """
    user = roles.lock_with_admins(db, user_id)
    if user.role == USER.Role.ADMIN:
        roles.check_not_last_admin(db, user)
    user.deletion, user.delete_after = deletion, utc_now() + DAYS_TO_THINK
    history.note(db, user, USER.SecurityEvent.DELETION_ASKED, client)
    sign_ins.end_sessions(db, user.id)
    tokens.end_tokens(db, user.id, USER.TokenPurpose.RESET_PASSWORD)
    if user.verified:
        context, life = {"when": user.delete_after.isoformat(), "zone": user.time_zone}, DAYS_TO_THINK
        mail_link(db, user, USER.TokenPurpose.KEEP_ACCOUNT, Kind.DELETION_ASKED, context, life)
    # Pages show the profile, or lead there.
    touch(db, "site")
    return user


def keep_account(db: Session, user_id: int, client: accounts.Client) -> User:
    """Takes back what `ask_for_deletion` did. Does nothing for an account that stays anyway."""
    user = accounts.lock_user(db, user_id)
    keep(db, user, client)
    return user


def keep(db: Session, user: User, client: accounts.Client) -> None:
    """`keep_account` for a member who is locked already."""
    if user.deletion != USER.Deletion.NONE:
        user.deletion, user.delete_after = USER.Deletion.NONE, None
        tokens.end_tokens(db, user.id, USER.TokenPurpose.KEEP_ACCOUNT)
        history.note(db, user, USER.SecurityEvent.DELETION_UNDONE, client)
        touch(db, "site")


def keep_by_token(db: Session, token: str, client: accounts.Client) -> User:
    """`keep_account` by the mailed link, which is spent. Raises LinkInvalid."""
    row = tokens.take_token(db, token, USER.TokenPurpose.KEEP_ACCOUNT)
    return keep_account(db, row.user_id, client)


def list_due(db: Session) -> list[int]:
    """The numbers of members whose days to think better of it are over."""
    return list(db.scalars(sa.select(User.id).where(User.delete_after <= utc_now()).order_by(User.id)))


def erase(db: Session, user_id: int) -> bool:
    """Erases a member who is due, in this transaction; files and cached pages go with the commit. False where
    they are not due (any more), or are the last admin now.
    """
    roles.lock_with_admins(db, user_id)
    # They write nothing more meanwhile.
    user = accounts.lock_user(db, user_id)
    if user.delete_after is None or user.delete_after > utc_now():
        return False
    try:
        if user.role == USER.Role.ADMIN:
            roles.check_not_last_admin(db, user)
    except errors.LastAdmin:
        log.warning("deletion: member %s is the last admin now, and stays", user_id)
        return False
    registry = db.info["registry"]
    addresses = addresses_of(db, user)
    trace = traces.trace_of(registry, user.name_canonical)
    naming = naming_pattern([*names_of(db, user), *addresses])
    person = replace(
        export.person_of(user), hide=partial(naming.sub, trace), addresses=without_claimed(db, user, addresses)
    )
    removing = user.deletion == USER.Deletion.REMOVE_POSTS
    for part in reversed(parts_of(registry)):
        part.erase(db, person, removing)
    hide_in_audit(db, person, trace)
    park_names(db, registry, user)
    avatars.delete_after_commit(db, user.avatar)
    export.delete_exports(db, Export.user_id == user.id)
    empty(user)
    db.flush()
    erase_rows_of(db, user.id)
    touch(db, "site")
    # What was kept stands in the cache until its time is over, if nobody asks for it.
    after_commit(db, registry["cache"].clear)
    return True


def empty(user: User) -> None:
    """Leaves nothing of the person in their row. `test_deletion` looks at every column."""
    name = f"{USER.FORMER_MEMBER}{user.id}"
    user.name = user.name_canonical = user.name_skeleton = name
    user.email = user.email_canonical = ""
    user.email_verified_at = user.password = user.second_factor_at = user.name_changed_at = None
    user.role, user.status = USER.Role.USER, USER.Status.INACTIVE
    user.display_name = user.bio = user.bio_html = user.website = user.avatar = ""
    user.time_zone = user.locale = user.terms_version = user.terms_accepted_from = user.approval_reason = ""
    user.theme = USER.Theme.SYSTEM.value
    user.terms_accepted_at = user.invited_by_id = user.delete_after = None
    user.signed_in_at = user.last_seen_at = None
    user.approval, user.deletion = USER.Approval.NONE, USER.Deletion.NONE


def erase_rows_of(db: Session, user_id: int) -> None:
    """Does to all tables what their foreign keys say should happen when the member's row goes."""
    for table in reversed(Base.metadata.sorted_tables):
        for key in table.foreign_keys:
            if key.column is User.__table__.c.id and key.ondelete == "CASCADE":
                db.execute(sa.delete(table).where(key.parent == user_id))
            elif key.column is User.__table__.c.id and key.ondelete == "SET NULL":
                db.execute(sa.update(table).where(key.parent == user_id).values({key.parent.name: None}))


def park_names(db: Session, registry: Any, user: User) -> None:
    """Keeps the nickname, and those before it, from everybody else for a time, without knowing them."""
    parked_until = utc_now() + timedelta(days=USER.FORMER_NAME_DAYS)
    current = FormerName(
        name_canonical=user.name_canonical, name_skeleton=user.name_skeleton, parked_until=parked_until
    )
    for former in [*db.scalars(sa.select(FormerName).where(FormerName.user_id == user.id)), current]:
        former.name_canonical = traces.trace_of(registry, former.name_canonical)
        if former.name_skeleton is not None:
            former.name_skeleton = traces.trace_of(registry, former.name_skeleton)
        former.user_id = None
        db.add(former)


def hide_in_audit(db: Session, person: Person, trace: str) -> None:
    """Puts a trace in the place of what names the person in the audit, and forgets where they acted from. What
    was done, when and to which number stays.
    """
    acted = AuditEntry.actor_id == person.id
    hide_in_entries(db, acted | (AuditEntry.about_id == person.id), person.hide)
    for entry in db.scalars(sa.select(AuditEntry).where(acted)):
        entry.actor_name, entry.address = trace, ""


def names_of(db: Session, user: User) -> list[str]:
    """All that a member is and was called by here."""
    former = db.scalars(sa.select(FormerName.name_canonical).where(FormerName.user_id == user.id))
    return [user.name, user.name_canonical, user.display_name, *former]


def addresses_of(db: Session, user: User) -> set[str]:
    """All addresses that a member has or had, or typed as their own, as far as anything knows of them still."""
    of_addresses = SecurityLogEntry.event.in_(USER.ADDRESS_EVENTS)
    known = (
        sa.select(SecurityLogEntry.detail).where(SecurityLogEntry.user_id == user.id, of_addresses),
        sa.select(UserToken.email).where(UserToken.user_id == user.id),
        sa.select(Email.to_address).where(Email.user_id == user.id),
    )
    return {user.email, user.email_canonical, *db.scalars(sa.union(*known))} - {""}


def without_claimed(db: Session, user: User, addresses: Iterable[str]) -> frozenset[str]:
    """Those of some addresses that no other account says are its own."""
    written = {address: canonical(address) for address in addresses}
    claimed = sa.select(User.email_canonical).where(
        User.email_canonical.in_(set(written.values())), User.id != user.id
    )
    others = set(db.scalars(claimed))
    return frozenset(address for address in written if written[address] not in others)


def naming_pattern(texts: Iterable[str]) -> re.Pattern[str]:
    """What finds any of the texts, in any case, the longest first."""
    found = sorted({text for text in texts if len(text) >= SHORTEST_NAMING}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found)), re.IGNORECASE)
