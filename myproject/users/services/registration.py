"""Making accounts. Passwords come hashed: hashing is slow, and the caller does it with no transaction open."""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.db import publish, utc_now
from myproject.security.ratelimit import RateLimited
from myproject.settings_users import Registration
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User
from myproject.users.services import accounts, history, invitations, names, verification


@dataclass(frozen=True)
class UserRegistered:
    """Event: an account was made, in this transaction."""

    db: Session
    user: User


@dataclass(frozen=True)
class Admission:
    """How somebody comes in: whether an admin has to agree, what they wrote to be let in, who invited them."""

    approval: USER.Approval = USER.Approval.NONE
    reason: str = ""
    invited_by_id: int | None = None


def check_admission(db: Session, mode: Registration, invitation: str = "") -> None:
    """Raises what `admit` would raise; spends nothing."""
    if mode is Registration.CLOSED:
        raise errors.RegistrationClosed
    if mode is Registration.INVITE:
        invitations.check_invitation(db, invitation)


def admit(db: Session, mode: Registration, *, invitation: str = "", reason: str = "") -> Admission:
    """The one decision of who may register and how, for every way in; an invitation loses a use.

    `mode` is the setting `users.registration`, `invitation` the token of the link that the person followed,
    `reason` what they wrote to be let in. Raises RegistrationClosed, InvitationNeeded or InvitationOver.
    """
    check_admission(db, mode, invitation)
    if mode is Registration.INVITE:
        return Admission(invited_by_id=invitations.take_use(db, invitation))
    if mode is Registration.APPROVAL:
        return Admission(approval=USER.Approval.WAITING, reason=reason)
    return Admission()


def register(
    db: Session,
    *,
    name: str,
    email: str,
    password_hash: str | None,
    client: accounts.Client,
    admission: Admission,
    terms_version: str = "",
    verified: bool = False,
) -> User:
    """Makes a NEW account and sends its verification mail. `admission` is what `admit` decided in the same
    transaction. Raises what `names.check_name` does.

    With `verified`, somebody we believe has seen to it that the address is theirs: the account is ACTIVE at once.
    Raises then also EmailTaken.

    An address that a verified member holds changes nothing that the caller could see: the account is made all
    the same, but the mail tells the owner of the address that they have one already (OWASP ASVS 5.0: 6.3.8).
    """
    names.check_name(db, name)
    user = User(
        email=email,
        email_canonical=canonical(email)[: USER.EMAIL_MAX_LENGTH],
        password=password_hash,
        role=USER.Role.USER,
        status=USER.Status.NEW,
        terms_version=terms_version,
        terms_accepted_at=utc_now() if terms_version else None,
        terms_accepted_from=client.address,
        approval=admission.approval,
        approval_reason=admission.reason,
        invited_by_id=admission.invited_by_id,
    )
    names.give_name(db, user, name)
    if verified:
        verification.claim_address(db, user, client)
    history.note(db, user, USER.SecurityEvent.REGISTERED, client)
    # Where the address was sent too many mails, its account offers to send this one later.
    with suppress(RateLimited):
        verification.start_verification(db, user)
    publish(db, UserRegistered(db, user))
    return user


def create_verified(
    db: Session, actor: Actor, *, name: str, email: str, password_hash: str, role: USER.Role
) -> User:
    """Makes an ACTIVE account whose address counts as verified, with an audit row: for who runs the site.

    Raises EmailTaken, or what `names.check_name` does; but who helps to run the site may have a reserved name.
    """
    if canonical(name) not in USER.RESERVED_NAMES or role == USER.Role.USER:
        names.check_name(db, name)
    if accounts.find_verified(db, canonical(email)[: USER.EMAIL_MAX_LENGTH]) is not None:
        raise errors.EmailTaken
    user = User(
        email=email,
        email_canonical=canonical(email)[: USER.EMAIL_MAX_LENGTH],
        email_verified_at=utc_now(),
        password=password_hash,
        role=role,
        status=USER.Status.ACTIVE,
    )
    names.give_name(db, user, name)
    record(db, "user.create", user, actor=actor, after={"role": role.name})
    publish(db, UserRegistered(db, user))
    return user
