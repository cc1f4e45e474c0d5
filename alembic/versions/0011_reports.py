"""reports, hidden texts, and who may not comment

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-23 03:05:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def partial(condition: str) -> dict[str, sa.TextClause]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


WAITING = partial("status = 2")
OPEN = partial("state = 1")
PUBLIC = partial("target_type IN ('posts', 'comments', 'comment_bans')")


def change_decisions(values: str) -> None:
    with op.batch_alter_table("notifications") as table:
        table.drop_constraint(op.f("ck_notifications_decision"), type_="check")
        table.create_check_constraint(op.f("ck_notifications_decision"), f"decision IN ({values})")


def upgrade() -> None:
    change_decisions("1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
    op.create_index("ix_audit_entries_public", "audit_entries", ["id"], **PUBLIC)
    # The word now stands after a post's number in an address of ours.
    op.execute("UPDATE posts SET slug = slug || '-post' WHERE slug = 'hidden'")
    with op.batch_alter_table("posts") as table:
        table.add_column(sa.Column("hidden_at", MOMENT, nullable=True))
    with op.batch_alter_table("posts") as table:
        table.drop_constraint(op.f("ck_posts_status"), type_="check")
        table.create_check_constraint(op.f("ck_posts_status"), "status IN (0, 1, 2, 3, 4)")
        table.create_check_constraint(
            op.f("ck_posts_hidden_at"), "status <> 4 OR (hidden_at IS NOT NULL AND published_at IS NOT NULL)"
        )
        table.create_index("ix_posts_waiting", ["updated_at", "id"], **WAITING)

    # SQLite makes the table anew, and does not tell of an index on an expression.
    op.drop_index("ix_comments_thread", "comments")
    with op.batch_alter_table("comments") as table:
        table.add_column(sa.Column("hidden_at", MOMENT, nullable=True))
        table.add_column(sa.Column("hidden_for", sa.SmallInteger(), nullable=True))
    with op.batch_alter_table("comments") as table:
        table.drop_constraint(op.f("ck_comments_status"), type_="check")
        table.create_check_constraint(op.f("ck_comments_status"), "status IN (1, 2, 3, 4)")
        table.create_check_constraint(
            op.f("ck_comments_hidden_at"), "status <> 4 OR (hidden_at IS NOT NULL AND hidden_for IS NOT NULL)"
        )
        table.create_check_constraint(op.f("ck_comments_hidden_for"), "hidden_for IN (1, 2)")
        table.create_index("ix_comments_waiting", ["created_at", "id"], **WAITING)
    op.create_index("ix_comments_thread", "comments", ["post_id", sa.text("substr(path, 1, 12)"), "path"])

    op.create_table(
        "comment_bans",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.CheckConstraint("length(reason) <= 300", name=op.f("ck_comment_bans_reason_length")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_comment_bans_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_bans")),
    )
    op.create_index("ix_comment_bans_user_id", "comment_bans", ["user_id", "id"])
    op.create_table(
        "moderation_cases",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("post_id", NUMBER, nullable=True),
        sa.Column("comment_id", NUMBER, nullable=True),
        sa.Column("author_id", NUMBER, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("flag_count", sa.Integer(), nullable=False),
        sa.Column("vouch_count", sa.Integer(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=True),
        sa.Column("decision", sa.SmallInteger(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by_id", NUMBER, nullable=True),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.CheckConstraint("state IN (1, 2, 3, 4)", name=op.f("ck_moderation_cases_state")),
        sa.CheckConstraint("decision IN (1, 2)", name=op.f("ck_moderation_cases_decision")),
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name=op.f("ck_moderation_cases_one_text")),
        sa.CheckConstraint("length(reason) <= 300", name=op.f("ck_moderation_cases_reason_length")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_moderation_cases_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
            name=op.f("fk_moderation_cases_comment_id_comments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_moderation_cases_author_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["users.id"],
            name=op.f("fk_moderation_cases_decided_by_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moderation_cases")),
        sa.UniqueConstraint("post_id", name=op.f("uq_moderation_cases_post_id")),
        sa.UniqueConstraint("comment_id", name=op.f("uq_moderation_cases_comment_id")),
    )
    op.create_index("ix_moderation_cases_queue", "moderation_cases", ["queued_at", "id"], **OPEN)
    op.create_index("ix_moderation_cases_author_id", "moderation_cases", ["author_id", "decision"])
    op.create_index("ix_moderation_cases_decided_by_id", "moderation_cases", ["decided_by_id"])
    op.create_table(
        "flags",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("case_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("reason IN (1, 2, 3, 4, 5, 6)", name=op.f("ck_flags_reason")),
        sa.CheckConstraint("outcome IN (0, 1, 2)", name=op.f("ck_flags_outcome")),
        sa.CheckConstraint("length(note) <= 500", name=op.f("ck_flags_note_length")),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["moderation_cases.id"],
            name=op.f("fk_flags_case_id_moderation_cases"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_flags_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
        sa.UniqueConstraint("case_id", "user_id", name=op.f("uq_flags_case_id_user_id")),
    )
    op.create_index("ix_flags_user_id", "flags", ["user_id"])
    op.create_table(
        "vouches",
        sa.Column("case_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["moderation_cases.id"],
            name=op.f("fk_vouches_case_id_moderation_cases"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_vouches_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "user_id", name=op.f("pk_vouches")),
    )
    op.create_index("ix_vouches_user_id", "vouches", ["user_id"])


def downgrade() -> None:
    for table in ("vouches", "flags", "moderation_cases", "comment_bans"):
        op.drop_table(table)
    # What staff have not looked at waits for them.
    for name in ("comments", "posts"):
        op.execute(f"UPDATE {name} SET status = 2 WHERE status = 4")  # noqa: S608 - our own words
    op.drop_index("ix_comments_thread", "comments")
    with op.batch_alter_table("comments") as table:
        table.drop_index("ix_comments_waiting", **WAITING)
        for name in ("hidden_for", "hidden_at", "status"):
            table.drop_constraint(op.f(f"ck_comments_{name}"), type_="check")
        table.create_check_constraint(op.f("ck_comments_status"), "status IN (1, 2, 3)")
    with op.batch_alter_table("comments") as table:
        table.drop_column("hidden_for")
        table.drop_column("hidden_at")
    op.create_index("ix_comments_thread", "comments", ["post_id", sa.text("substr(path, 1, 12)"), "path"])
    with op.batch_alter_table("posts") as table:
        table.drop_index("ix_posts_waiting", **WAITING)
        for name in ("hidden_at", "status"):
            table.drop_constraint(op.f(f"ck_posts_{name}"), type_="check")
        table.create_check_constraint(op.f("ck_posts_status"), "status IN (0, 1, 2, 3)")
    with op.batch_alter_table("posts") as table:
        table.drop_column("hidden_at")
    op.drop_index("ix_audit_entries_public", "audit_entries", **PUBLIC)
    op.execute("DELETE FROM notifications WHERE decision > 7")
    change_decisions("1, 2, 3, 4, 5, 6, 7")
