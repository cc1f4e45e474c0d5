"""what members sign in with

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 21:27:00.953917
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("authenticators",
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column("secret", sa.String(length=300), nullable=False),
    sa.Column("last_step", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_authenticators_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", name=op.f("pk_authenticators"))
    )
    op.create_table("connections",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("provider", sa.String(length=40), nullable=False),
    sa.Column("issuer", sa.String(length=300), nullable=False),
    sa.Column("subject", sa.String(length=255), nullable=False),
    sa.Column("label", sa.String(length=254), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_connections_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
    sa.UniqueConstraint("issuer", "subject", name=op.f("uq_connections_issuer_subject")),
    sa.UniqueConstraint("user_id", "provider", name=op.f("uq_connections_user_id_provider"))
    )
    op.create_table("exports",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("file", sa.String(length=64), nullable=False),
    sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exports_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_exports"))
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index("ix_exports_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_exports_user_id"), ["user_id"], unique=False)

    op.create_table("former_names",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("name_canonical", sa.String(length=30), nullable=False),
    sa.Column("name_skeleton", sa.String(length=120), nullable=True),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("parked_until", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_former_names_user_id_users"), ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_former_names")),
    sa.UniqueConstraint("name_canonical", name=op.f("uq_former_names_name_canonical"))
    )
    with op.batch_alter_table("former_names", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_names_name_skeleton"), ["name_skeleton"], unique=False)
        batch_op.create_index(batch_op.f("ix_former_names_user_id"), ["user_id"], unique=False)

    op.create_table("invitations",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("token_hash", sa.String(length=64), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("note", sa.String(length=200), nullable=False),
    sa.Column("uses_left", sa.Integer(), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("length(note) <= 200", name=op.f("ck_invitations_note_length")),
    sa.CheckConstraint("uses_left >= 0", name=op.f("ck_invitations_uses_left")),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invitations_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash"))
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitations_user_id"), ["user_id"], unique=False)

    op.create_table("passkeys",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
    sa.Column("handle", sa.LargeBinary(length=64), nullable=False),
    sa.Column("public_key", sa.LargeBinary(), nullable=False),
    sa.Column("sign_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("transports", sa.JSON(), nullable=False),
    sa.Column("name", sa.String(length=60), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("ck_passkeys_name_length")),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_passkeys_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
    sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id"))
    )
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkeys_user_id"), ["user_id"], unique=False)

    op.create_table("recovery_codes",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("code_hash", sa.String(length=64), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq_recovery_codes_user_id_code_hash"))
    )
    op.create_table("security_log",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("event", sa.SmallInteger(), nullable=False),
    sa.Column("detail", sa.String(length=254), nullable=False),
    sa.Column("user_agent", sa.String(length=200), nullable=False),
    sa.Column("address", sa.String(length=45), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("event IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25)", name=op.f("ck_security_log_event")),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_security_log_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_security_log"))
    )
    with op.batch_alter_table("security_log", schema=None) as batch_op:
        batch_op.create_index("ix_security_log_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_security_log_user_id_id", ["user_id", "id"], unique=False)

    op.create_table("sign_in_steps",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("token_hash", sa.String(length=64), nullable=False),
    sa.Column("step", sa.SmallInteger(), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("data", sa.JSON(), nullable=False),
    sa.Column("tries", sa.Integer(), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("step IN (1, 2, 3, 4, 5, 6)", name=op.f("ck_sign_in_steps_step")),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_steps_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_steps")),
    sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_steps_token_hash"))
    )
    with op.batch_alter_table("sign_in_steps", schema=None) as batch_op:
        batch_op.create_index("ix_sign_in_steps_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sign_in_steps_user_id"), ["user_id"], unique=False)

    # Rows that are there need a value for what is new; the models give it to later ones.
    op.create_table("switches",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("name", sa.String(length=30), nullable=False),
    sa.Column("is_on", sa.Boolean(), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_switches")),
    sa.UniqueConstraint("name", name=op.f("uq_switches_name"))
    )
    with op.batch_alter_table("user_sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00")
        )
        batch_op.add_column(sa.Column("way", sa.SmallInteger(), nullable=False, server_default="1"))
    with op.batch_alter_table("user_sessions", schema=None) as batch_op:
        batch_op.alter_column("authenticated_at", server_default=None)
        batch_op.alter_column("way", server_default=None)
        batch_op.create_check_constraint(op.f("ck_user_sessions_way"), "way IN (1, 2, 3, 4)")

    with op.batch_alter_table("user_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=254), nullable=False, server_default=""))
    with op.batch_alter_table("user_tokens", schema=None) as batch_op:
        batch_op.alter_column("email", server_default=None)
        batch_op.drop_constraint(op.f("ck_user_tokens_purpose"), type_="check")
        batch_op.create_check_constraint(op.f("ck_user_tokens_purpose"), "purpose IN (1, 2, 3, 4, 5)")

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name_skeleton", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("avatar", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("name_changed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("approval", sa.SmallInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("approval_reason", sa.String(length=500), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("invited_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("deletion", sa.SmallInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("delete_after", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("users", schema=None) as batch_op:
        for name in ("avatar", "approval", "approval_reason", "deletion"):
            batch_op.alter_column(name, server_default=None)
        batch_op.create_check_constraint(op.f("ck_users_approval"), "approval IN (0, 1, 2, 3)")
        batch_op.create_check_constraint(op.f("ck_users_deletion"), "deletion IN (0, 1, 2)")
        batch_op.create_check_constraint(op.f("ck_users_delete_after"), "(deletion = 0) = (delete_after IS NULL)")
        batch_op.create_check_constraint(op.f("ck_users_approval_reason_length"), "length(approval_reason) <= 500")
        batch_op.create_index("ix_users_approval_id", ["approval", "id"], unique=False)
        batch_op.create_index("ix_users_delete_after", ["delete_after"], unique=False)
        batch_op.create_index("ix_users_invited_by_id", ["invited_by_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_users_invited_by_id_users"), "users", ["invited_by_id"], ["id"], ondelete="SET NULL"
        )
    fill_skeletons()
    op.create_index("uq_users_name_skeleton", "users", ["name_skeleton"], unique=True)


def fill_skeletons() -> None:
    """What names in plain letters look like. Of two that look the same the older member's counts; names in other
    letters, whose skeletons take Unicode's tables, stay without: they can be had in another spelling, as before.
    """
    users = sa.table("users", sa.column("id", sa.BigInteger), sa.column("name"), sa.column("name_skeleton"))
    looks = str.maketrans({"0": "O", "1": "l", "I": "l", "m": "rn"})
    taken = set()
    for number, name in op.get_bind().execute(sa.select(users.c.id, users.c.name).order_by(users.c.id)).all():
        skeleton = name.translate(looks).casefold()
        if name.isascii() and skeleton not in taken:
            taken.add(skeleton)
            op.execute(users.update().where(users.c.id == number).values(name_skeleton=skeleton))


def downgrade() -> None:
    op.drop_table("switches")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index("uq_users_name_skeleton")
        batch_op.drop_constraint(batch_op.f("fk_users_invited_by_id_users"), type_="foreignkey")
        batch_op.drop_index("ix_users_invited_by_id")
        batch_op.drop_index("ix_users_delete_after")
        batch_op.drop_index("ix_users_approval_id")
        for name in ("approval", "deletion", "delete_after", "approval_reason_length"):
            batch_op.drop_constraint(op.f(f"ck_users_{name}"), type_="check")
        batch_op.drop_column("delete_after")
        batch_op.drop_column("deletion")
        batch_op.drop_column("invited_by_id")
        batch_op.drop_column("approval_reason")
        batch_op.drop_column("approval")
        batch_op.drop_column("name_changed_at")
        batch_op.drop_column("second_factor_at")
        batch_op.drop_column("avatar")
        batch_op.drop_column("name_skeleton")

    op.execute("DELETE FROM user_tokens WHERE purpose > 2")
    with op.batch_alter_table("user_tokens", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_user_tokens_purpose"), type_="check")
        batch_op.create_check_constraint(op.f("ck_user_tokens_purpose"), "purpose IN (1, 2)")
        batch_op.drop_column("email")

    with op.batch_alter_table("user_sessions", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_user_sessions_way"), type_="check")
        batch_op.drop_column("way")
        batch_op.drop_column("authenticated_at")

    with op.batch_alter_table("sign_in_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_steps_user_id"))
        batch_op.drop_index("ix_sign_in_steps_expires_at")

    op.drop_table("sign_in_steps")
    with op.batch_alter_table("security_log", schema=None) as batch_op:
        batch_op.drop_index("ix_security_log_user_id_id")
        batch_op.drop_index("ix_security_log_created_at")

    op.drop_table("security_log")
    op.drop_table("recovery_codes")
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_passkeys_user_id"))

    op.drop_table("passkeys")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitations_user_id"))

    op.drop_table("invitations")
    with op.batch_alter_table("former_names", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_former_names_user_id"))
        batch_op.drop_index(batch_op.f("ix_former_names_name_skeleton"))

    op.drop_table("former_names")
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exports_user_id"))
        batch_op.drop_index("ix_exports_expires_at")

    op.drop_table("exports")
    op.drop_table("connections")
    op.drop_table("authenticators")
