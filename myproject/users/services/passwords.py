"""Lost, reset and changed passwords. They come hashed: hashing is slow, and the caller does it with no
transaction open."""

from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.db import utc_now
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.security.ratelimit import RateLimited
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User
from myproject.users.services import accounts, connections, history, sign_ins, tokens, verification
from myproject.users.services.mailed_links import mail_link

UNVERIFIED_ACCOUNTS_PER_RESET = 3


def ask_for_reset(
    db: Session, email: str, client: accounts.Client | None = None, *, sparing: bool = False
) -> None:
    """Sends a link that sets a new password. Says nothing of whether the address is known (OWASP ASVS 5.0:
    6.3.8).

    It goes to the stored address. One that nobody has verified may stand in several accounts: each gets its
    own mail, and to use one verifies the address. Who has asked, where that is a `client`, stands in the history
    of the account that has verified it: in one that only says that the address is its own, it would tell that
    nobody else has.

    With `sparing`, as it was asked for often, nothing goes to who has a link that is good still.
    """
    wanted = canonical(email)
    owner = accounts.find_verified(db, wanted)
    users = (
        [owner]
        if owner
        else list(
            db.scalars(
                sa.select(User)
                .where(User.email_canonical == wanted)
                .order_by(User.id.desc())
                .limit(UNVERIFIED_ACCOUNTS_PER_RESET)
            )
        )
    )
    for user in users:
        if sparing and tokens.has_token(db, user.id, USER.TokenPurpose.RESET_PASSWORD):
            continue
        if accounts.can_sign_in(user):
            # Nobody is told that there are too many; the link before is good still.
            with suppress(RateLimited):
                send_reset(db, user)
            if client is not None and user.verified:
                history.note(db, user, USER.SecurityEvent.PASSWORD_RESET_ASKED, client)


def start_reset(db: Session, actor: Actor, user_id: int, reason: str) -> User:
    """An admin has a link mailed to a member that sets a new password, with a row in the audit; nobody else sees
    it, and until its reader uses it nothing changes (OWASP ASVS 5.0: 6.4.6). Raises AccountInactive, EmailTaken
    where another account has verified the address, or TooManyMails.
    """
    user = accounts.lock_user(db, user_id)
    if not accounts.can_sign_in(user):
        raise errors.AccountInactive
    if not user.verified and accounts.find_verified(db, user.email_canonical) is not None:
        raise errors.EmailTaken
    try:
        send_reset(db, user)
    except RateLimited as error:
        raise errors.TooManyMails(error.retry_after) from None
    record(db, "user.password_reset", user, actor=actor, reason=reason)
    # Who did it is in the audit.
    history.note(db, user, USER.SecurityEvent.PASSWORD_RESET_STARTED, accounts.Client("", ""))
    return user


def send_reset(db: Session, user: User) -> None:
    """Mails a link that sets a new password; older ones end. Raises RateLimited for an address that is not
    verified: how often others can ask for one that is, `ratelimit.lost_password_account` says.
    """
    context, life = {"minutes": USER.RESET_MINUTES}, timedelta(minutes=USER.RESET_MINUTES)
    mail_link(db, user, USER.TokenPurpose.RESET_PASSWORD, Kind.RESET_PASSWORD, context, life)


def reset_password(db: Session, token: str, password_hash: str, client: accounts.Client) -> User:
    """Sets the password by a mailed link, verifies the address it went to, and ends all sessions. Signs
    nobody in.

    Raises LinkInvalid, or EmailTaken where another account has verified the address meanwhile.
    """
    row = tokens.take_token(db, token, USER.TokenPurpose.RESET_PASSWORD)
    if not accounts.lock_user(db, row.user_id).verified:
        # Whoever registered with this address had not shown that it is theirs; its owner takes the account over.
        connections.disconnect_all(db, row.user_id)
    user = verification.mark_verified(db, row, client)
    if not accounts.can_sign_in(user):
        raise errors.LinkInvalid
    set_password(db, user, password_hash, client)
    history.note(db, user, USER.SecurityEvent.PASSWORD_RESET, client)
    return user


def change_password(
    db: Session, credentials: sign_ins.Credentials, password_hash: str, client: accounts.Client
) -> User:
    """Sets a new password for an account whose old one has just been checked, and ends all sessions."""
    user = accounts.lock_user(db, credentials.id)
    if user.password != credentials.password:
        raise errors.WrongPassword
    set_password(db, user, password_hash, client)
    history.note(db, user, USER.SecurityEvent.PASSWORD_CHANGED, client)
    return user


def set_password(db: Session, user: User, password_hash: str, client: accounts.Client) -> None:
    """Sets the password; every session ends, and every pending link to reset it, to change the address, or to turn
    the second factor off. A mail tells the owner, where the address was verified: else it would go to whomever
    somebody named.
    """
    user.password = password_hash
    sign_ins.end_sessions(db, user.id)
    tokens.end_tokens(
        db,
        user.id,
        USER.TokenPurpose.RESET_PASSWORD,
        USER.TokenPurpose.CHANGE_EMAIL,
        USER.TokenPurpose.RESET_SECOND_FACTOR,
    )
    if not user.verified:
        return
    context = {
        "when": utc_now().isoformat(timespec="seconds"),
        "zone": user.time_zone,
        "browser": client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
        "address": client.address,
    }
    queue_mail(db, accounts.mail_to(user, Kind.PASSWORD_CHANGED, context))
