"""Members, their sign-ins, and the tokens in their mails."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.db import BIG_INTEGER, Base, BigId, EnumInteger, one_of, utc_now
from myproject.users import constants as USER


class User(Base):
    """A member. `name` is the nickname as typed; it and a verified address are unique in their canonical
    form.
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
        sa.Index("uq_users_name_canonical", "name_canonical", unique=True),
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
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(USER.NAME_MAX_LENGTH))
    name_canonical: Mapped[str] = mapped_column(sa.String(USER.NAME_MAX_LENGTH))
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
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
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


class UserSession(Base):
    """A sign-in. The cookie holds the token, the row its SHA-256."""

    __tablename__ = "user_sessions"
    __table_args__ = (sa.Index("ix_user_sessions_expires_at", "expires_at"),)

    id: Mapped[BigId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(USER.TOKEN_HASH_LENGTH), unique=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(sa.String(USER.USER_AGENT_MAX_LENGTH), default="")
    address: Mapped[str] = mapped_column(sa.String(45), default="")


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
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    code_expires_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship()
