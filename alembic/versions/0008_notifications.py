"""notifications, what members choose of them, and followed tags

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-23 02:58:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tag_follows",
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("tag_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_tag_follows_tag_id_tags"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tag_follows_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "tag_id", name=op.f("pk_tag_follows")),
    )
    op.create_index(op.f("ix_tag_follows_tag_id"), "tag_follows", ["tag_id"])
    op.create_table(
        "notification_choices",
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("inbox", sa.Boolean(), nullable=False),
        sa.Column("mail", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("kind IN (1, 2, 3, 4, 5, 6, 7, 8)", name=op.f("ck_notification_choices_kind")),
        sa.CheckConstraint("mail IN (0, 1, 2)", name=op.f("ck_notification_choices_mail")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_choices_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_notification_choices")),
    )
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("digest", sa.SmallInteger(), nullable=False),
        sa.Column("digest_sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("digest IN (0, 1, 7)", name=op.f("ck_notification_preferences_digest")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_preferences_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notification_preferences")),
    )
    op.create_index(
        "ix_notification_preferences_digest", "notification_preferences", ["digest", "digest_sent_at"]
    )
    op.create_table(
        "notifications",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("event", sa.String(60), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("post_id", NUMBER, nullable=True),
        sa.Column("comment_id", NUMBER, nullable=True),
        sa.Column("actor_id", NUMBER, nullable=True),
        sa.Column("actor_count", sa.Integer(), nullable=False),
        sa.Column("tag_id", NUMBER, nullable=True),
        sa.Column("decision", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("in_inbox", sa.Boolean(), nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("mail", sa.SmallInteger(), nullable=False),
        sa.Column("mail_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("email_id", NUMBER, nullable=True),
        sa.CheckConstraint("decision IN (1, 2, 3, 4, 5, 6, 7)", name=op.f("ck_notifications_decision")),
        sa.CheckConstraint("kind IN (1, 2, 3, 4, 5, 6, 7, 8)", name=op.f("ck_notifications_kind")),
        sa.CheckConstraint("length(note) <= 500", name=op.f("ck_notifications_note_length")),
        sa.CheckConstraint("mail <> 1 OR mail_at IS NOT NULL", name=op.f("ck_notifications_mail_at")),
        sa.CheckConstraint("mail IN (0, 1, 2, 3, 4, 5, 6)", name=op.f("ck_notifications_mail")),
        sa.CheckConstraint(
            "outcome IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)",
            name=op.f("ck_notifications_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_notifications_actor_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
            name=op.f("fk_notifications_comment_id_comments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["email_id"], ["emails.id"], name=op.f("fk_notifications_email_id_emails"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_notifications_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_notifications_tag_id_tags"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("user_id", "event", name=op.f("uq_notifications_user_id_event")),
    )
    add_index("inbox", "in_inbox", "user_id", "id")
    add_index("unread", "in_inbox AND read_at IS NULL", "user_id", "post_id", "id")
    add_index("mail_waits", "mail = 1", "mail_at", "id")
    add_index("for_digest", "mail = 4", "user_id", "id")
    add_index("mailed", "mail = 2", "user_id", "decided_at")
    add_index("email_id", "email_id IS NOT NULL", "email_id")
    add_index("tag_id", "tag_id IS NOT NULL", "tag_id")
    op.create_index("ix_notifications_post_id", "notifications", ["post_id", "user_id"])
    op.create_index("ix_notifications_comment_id", "notifications", ["comment_id"])


def add_index(name: str, condition: str, *columns: str) -> None:
    """An index of those notifications alone that `condition` holds for."""
    where = sa.text(condition)
    op.create_index(
        f"ix_notifications_{name}",
        "notifications",
        list(columns),
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_table("notifications")
    op.drop_table("notification_preferences")
    op.drop_table("notification_choices")
    op.drop_table("tag_follows")
