"""Members, what they sign in with, their sign-ins, and the tokens in their mails."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, EnumInteger, UtcDateTime, one_of, utc_now
from myproject.users import constants as USER


class User(Base):
    """A member. `name` is the nickname as typed; it and a verified address are unique in their canonical form, and
    the nickname also in how it looks: `name_skeleton`. That is empty where a name is older than this rule and
    breaks it.
    """

    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint(one_of("role", USER.Role), name="role"),
        sa.CheckConstraint(one_of("status", USER.Status), name="status"),
        sa.CheckConstraint(
            f"length(name) BETWEEN {USER.NAME_MIN_LENGTH} AND {USER.NAME_MAX_LENGTH}", name="name_length"
        ),
        sa.CheckConstraint(f"length(email) <= {USER.EMAIL_MAX_LENGTH}", name="email_length"),
        sa.CheckConstraint(f"length(display_name) <= {USER.DISPLAY_NAME_MAX_LENGTH}", name="display_name_length"),
        sa.CheckConstraint(f"length(bio) <= {USER.BIO_MAX_LENGTH}", name="bio_length"),
        sa.CheckConstraint(f"theme IN ({', '.join(repr(theme.value) for theme in USER.Theme)})", name="theme"),
        sa.CheckConstraint(f"length(website) <= {USER.WEBSITE_MAX_LENGTH}", name="website_length"),
        sa.CheckConstraint(one_of("approval", USER.Approval), name="approval"),
        sa.CheckConstraint(one_of("deletion", USER.Deletion), name="deletion"),
        sa.CheckConstraint("(deletion = 0) = (delete_after IS NULL)", name="delete_after"),
        sa.CheckConstraint(
            f"length(approval_reason) <= {USER.APPROVAL_REASON_MAX_LENGTH}", name="approval_reason_length"
        ),
        sa.Index("uq_users_name_canonical", "name_canonical", unique=True),
        sa.Index("uq_users_name_skeleton", "name_skeleton", unique=True),
        sa.Index("ix_users_email_canonical", "email_canonical"),
        # An address belongs to one account once it is verified; unverified it counts for nothing.
        sa.Index(
            "uq_users_email_verified",
            "email_canonical",
            unique=True,
            sqlite_where=sa.text("email_verified_at IS NOT NULL"),
            postgresql_where=sa.text("email_verified_at IS NOT NULL"),
        ),
        sa.Index("ix_users_role_id", "role", "id"),
        sa.Index("ix_users_status_id", "status", "id"),
        sa.Index("ix_users_approval_id", "approval", "id"),
        sa.Index("ix_users_delete_after", "delete_after"),
        sa.Index("ix_users_invited_by_id", "invited_by_id"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(USER.NAME_MAX_LENGTH))
    name_canonical: Mapped[str] = mapped_column(sa.String(USER.NAME_MAX_LENGTH))
    name_skeleton: Mapped[str | None] = mapped_column(sa.String(USER.NAME_SKELETON_MAX_LENGTH))
    email: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH))
    email_canonical: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH))
    email_verified_at: Mapped[datetime | None]
    password: Mapped[str | None] = mapped_column(sa.String(USER.PASSWORD_HASH_MAX_LENGTH))
    role: Mapped[USER.Role] = mapped_column(EnumInteger(USER.Role), default=USER.Role.USER)
    status: Mapped[USER.Status] = mapped_column(EnumInteger(USER.Status), default=USER.Status.NEW)
    display_name: Mapped[str] = mapped_column(sa.String(USER.DISPLAY_NAME_MAX_LENGTH), default="")
    bio: Mapped[str] = mapped_column(sa.Text, default="")
    bio_html: Mapped[str] = mapped_column(sa.Text, default="")
    bio_renderer: Mapped[int] = mapped_column(default=0)
    website: Mapped[str] = mapped_column(sa.String(USER.WEBSITE_MAX_LENGTH), default="")
    locale: Mapped[str] = mapped_column(sa.String(USER.LOCALE_MAX_LENGTH), default="")
    time_zone: Mapped[str] = mapped_column(sa.String(USER.TIME_ZONE_MAX_LENGTH), default="")
    theme: Mapped[str] = mapped_column(sa.String(10), default=USER.Theme.SYSTEM.value)
    terms_version: Mapped[str] = mapped_column(sa.String(20), default="")
    terms_accepted_at: Mapped[datetime | None]
    terms_accepted_from: Mapped[str] = mapped_column(sa.String(45), default="")
    # The name of a file in the site's storage, empty where there is none.
    avatar: Mapped[str] = mapped_column(sa.String(64), default="")
    # Since when a sign-in asks for a second factor.
    second_factor_at: Mapped[datetime | None]
    name_changed_at: Mapped[datetime | None]
    approval: Mapped[USER.Approval] = mapped_column(EnumInteger(USER.Approval), default=USER.Approval.NONE)
    # What the person wrote to be let in.
    approval_reason: Mapped[str] = mapped_column(sa.String(USER.APPROVAL_REASON_MAX_LENGTH), default="")
    invited_by_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"))
    deletion: Mapped[USER.Deletion] = mapped_column(EnumInteger(USER.Deletion), default=USER.Deletion.NONE)
    delete_after: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When somebody last signed in to it.
    signed_in_at: Mapped[datetime | None]
    # When they last looked at a page, as their sessions know it; it stays when those are over.
    last_seen_at: Mapped[datetime | None]
    # Counts every change of the row, in SQL, so that no two writers give the same number: the cache goes by
    # it.
    revision: Mapped[int] = mapped_column(default=1, onupdate=sa.text("revision + 1"))

    @property
    def title(self) -> str:
        """What people read: the display name, else the nickname."""
        return self.display_name or self.name

    @property
    def verified(self) -> bool:
        return self.email_verified_at is not None


def is_long(created_at: datetime, expires_at: datetime) -> bool:
    """Whether a session was begun with "keep me signed in"."""
    return expires_at - created_at > timedelta(hours=USER.SESSION_HOURS)


def session_ends_at(created_at: datetime, last_seen_at: datetime, expires_at: datetime) -> datetime:
    """When a session is over: at `expires_at`, or sooner where nobody uses it (OWASP ASVS 5.0: 7.3.1, 7.3.2)."""
    remembered = is_long(created_at, expires_at)
    idle = timedelta(days=USER.REMEMBERED_IDLE_DAYS) if remembered else timedelta(hours=USER.SESSION_IDLE_HOURS)
    return min(expires_at, last_seen_at + idle)


class UserSession(Base):
    """A sign-in. The cookie holds the token, the row its SHA-256. For how long it lives: `session_ends_at`."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        sa.CheckConstraint(one_of("way", USER.Way), name="way"),
        sa.Index("ix_user_sessions_expires_at", "expires_at"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH), unique=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When its owner last proved who they are: by signing in, or by their password or passkey once more.
    authenticated_at: Mapped[datetime] = mapped_column(default=utc_now)
    # How it began; PASSKEY also where one was used later.
    way: Mapped[USER.Way] = mapped_column(EnumInteger(USER.Way), default=USER.Way.PASSWORD)
    expires_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(sa.String(USER.USER_AGENT_MAX_LENGTH), default="")
    address: Mapped[str] = mapped_column(sa.String(45), default="")
    # The validator that was shown last (security/validators.py), and since when it is the one.
    validator_number: Mapped[int] = mapped_column(default=0)
    validator_mark: Mapped[str] = mapped_column(sa.String(16), default="")
    validator_since: Mapped[datetime] = mapped_column(default=utc_now)


class UserToken(Base):
    """What a mail lets its reader do, once: a link (its hash) and for verification a code to type (its hash)."""

    __tablename__ = "user_tokens"
    __table_args__ = (
        sa.CheckConstraint(one_of("purpose", USER.TokenPurpose), name="purpose"),
        sa.Index("ix_user_tokens_user_id_purpose", "user_id", "purpose"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH), unique=True)
    code_hash: Mapped[str | None] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH))
    purpose: Mapped[USER.TokenPurpose] = mapped_column(EnumInteger(USER.TokenPurpose))
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    # The address the mail went to: a token proves that one, and no other.
    email_canonical: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH))
    # The address that the account gets with this token, as it was typed; empty where it keeps the one it has.
    email: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH), default="")
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    code_expires_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship()


class SignInStep(Base):
    """Something a browser has begun: the cookie holds the token, the row its SHA-256 and what must be remembered
    meanwhile.
    """

    __tablename__ = "sign_in_steps"
    __table_args__ = (
        sa.CheckConstraint(one_of("step", USER.Step), name="step"),
        sa.Index("ix_sign_in_steps_expires_at", "expires_at"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH), unique=True)
    step: Mapped[USER.Step] = mapped_column(EnumInteger(USER.Step))
    user_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]


class SecurityLogEntry(Base):
    """A line of an account's history: sign-ins, failures, changes of what guards it."""

    __tablename__ = "security_log"
    __table_args__ = (
        sa.CheckConstraint(one_of("event", USER.SecurityEvent), name="event"),
        sa.Index("ix_security_log_user_id_id", "user_id", "id"),
        sa.Index("ix_security_log_created_at", "created_at"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    event: Mapped[USER.SecurityEvent] = mapped_column(EnumInteger(USER.SecurityEvent))
    # What it was about: the name of a passkey, the label of a provider, the old nickname.
    detail: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(USER.USER_AGENT_MAX_LENGTH), default="")
    address: Mapped[str] = mapped_column(sa.String(45), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Authenticator(Base):
    """A member's authenticator app. The secret is encrypted with a key derived from the site's."""

    __tablename__ = "authenticators"

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    secret: Mapped[str] = mapped_column(sa.String(300))
    # The time step (RFC 6238, 4.2) of the last code that was taken: none at or before it is taken again.
    last_step: Mapped[int] = mapped_column(BIG_INTEGER, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class SecondFactorReset(Base):
    """Somebody who has lost their second factor waits for it to be turned off: at `due_at`, or sooner where two
    admins agree. `hastened_by_id` is the first of them.
    """

    __tablename__ = "second_factor_resets"
    __table_args__ = (sa.Index("ix_second_factor_resets_due_at", "due_at"),)

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    due_at: Mapped[datetime]
    # When its owner was last told by mail.
    told_at: Mapped[datetime] = mapped_column(default=utc_now)
    hastened_by_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )


class RecoveryCode(Base):
    """A code for the day that the authenticator is lost; its hash, gone once it is used."""

    __tablename__ = "recovery_codes"
    __table_args__ = (sa.UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Passkey(Base):
    """A WebAuthn credential. `handle` is the member's user handle, random and the same in all of theirs."""

    __tablename__ = "passkeys"
    __table_args__ = (
        sa.CheckConstraint(f"length(name) BETWEEN 1 AND {USER.PASSKEY_NAME_MAX_LENGTH}", name="name_length"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary(USER.CREDENTIAL_ID_MAX_BYTES), unique=True)
    handle: Mapped[bytes] = mapped_column(sa.LargeBinary(64))
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sign_count: Mapped[int] = mapped_column(BIG_INTEGER, default=0)
    transports: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    name: Mapped[str] = mapped_column(sa.String(USER.PASSKEY_NAME_MAX_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime | None]


class Connection(Base):
    """An account at a third party that signs its owner in: who they are is (issuer, subject), never an address."""

    __tablename__ = "connections"
    __table_args__ = (sa.UniqueConstraint("issuer", "subject"), sa.UniqueConstraint("user_id", "provider"))

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    # The name in the settings: `oidc.NAME.*`.
    provider: Mapped[str] = mapped_column(sa.String(USER.PROVIDER_MAX_LENGTH))
    issuer: Mapped[str] = mapped_column(sa.String(USER.ISSUER_MAX_LENGTH))
    subject: Mapped[str] = mapped_column(sa.String(USER.SUBJECT_MAX_LENGTH))
    # What the provider calls them, to tell two accounts there apart.
    label: Mapped[str] = mapped_column(sa.String(USER.EMAIL_MAX_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime | None]


class FormerName(Base):
    """A nickname that its owner gave up: it leads to them, and nobody else gets it, until `parked_until`."""

    __tablename__ = "former_names"

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name_canonical: Mapped[str] = mapped_column(sa.String(USER.NAME_MAX_LENGTH), unique=True)
    name_skeleton: Mapped[str | None] = mapped_column(sa.String(USER.NAME_SKELETON_MAX_LENGTH), index=True)
    user_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    parked_until: Mapped[datetime]


class Invitation(Base):
    """A link that lets people in where registration is by invitation."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.CheckConstraint("uses_left >= 0", name="uses_left"),
        sa.CheckConstraint(f"length(note) <= {USER.INVITATION_NOTE_MAX_LENGTH}", name="note_length"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH), unique=True)
    # Who invites; None where the command line does.
    user_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    note: Mapped[str] = mapped_column(sa.String(USER.INVITATION_NOTE_MAX_LENGTH), default="")
    uses_left: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]


class UserBlock(Base):
    """Somebody of whom a member wants to hear nothing."""

    __tablename__ = "user_blocks"
    __table_args__ = (
        sa.CheckConstraint("user_id <> blocked_id", name="somebody_else"),
        sa.Index("ix_user_blocks_blocked_id", "blocked_id"),
    )

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    blocked_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class CommentBan(Base):
    """A time in which a member may not comment: up to `ends_at` or for good, but no longer than to `lifted_at`."""

    __tablename__ = "comment_bans"
    __table_args__ = (
        sa.CheckConstraint(f"length(reason) <= {USER.BAN_REASON_MAX_LENGTH}", name="reason_length"),
        sa.Index("ix_comment_bans_user_id", "user_id", "id"),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(sa.String(USER.BAN_REASON_MAX_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ends_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]


# Bans that run at the moment `now`, which statements with this are given.
RUNNING_BAN = CommentBan.lifted_at.is_(None) & (
    CommentBan.ends_at.is_(None) | (CommentBan.ends_at > sa.bindparam("now", type_=UtcDateTime()))
)
# Those that have ended by themselves at that moment.
ENDED_BAN = CommentBan.lifted_at.is_(None) & (CommentBan.ends_at <= sa.bindparam("now", type_=UtcDateTime()))


class Export(Base):
    """A member's data as a file to fetch. `file` is empty until a task has made it."""

    __tablename__ = "exports"
    __table_args__ = (sa.Index("ix_exports_expires_at", "expires_at"),)

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    file: Mapped[str] = mapped_column(sa.String(64), default="")
    size: Mapped[int] = mapped_column(BIG_INTEGER, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
