"""posts and comments to live in

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23 00:03:58.771571
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TOP = {"sqlite_where": sa.text("parent_id IS NULL"), "postgresql_where": sa.text("parent_id IS NULL")}
PINNED = {
    "sqlite_where": sa.text("pinned_at IS NOT NULL"),
    "postgresql_where": sa.text("pinned_at IS NOT NULL"),
}
PUBLISHED = {"sqlite_where": sa.text("status = 1"), "postgresql_where": sa.text("status = 1")}


def upgrade() -> None:
    op.create_table("kept_texts",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("path", sa.String(length=300), nullable=False),
    sa.Column("fields", sa.JSON(), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_kept_texts_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_texts")),
    sa.UniqueConstraint("user_id", "path", name=op.f("uq_kept_texts_user_id_path"))
    )
    with op.batch_alter_table("kept_texts", schema=None) as batch_op:
        batch_op.create_index("ix_kept_texts_created_at", ["created_at"], unique=False)

    op.create_table("submissions",
    sa.Column("token_hash", sa.String(length=64), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("content_hash", sa.String(length=64), nullable=False),
    sa.Column("made_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("location", sa.String(length=300), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_submissions_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_submissions"))
    )
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.create_index("ix_submissions_created_at", ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_submissions_user_id"), ["user_id"], unique=False)

    op.create_table("tag_mutes",
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("tag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_tag_mutes_tag_id_tags"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tag_mutes_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "tag_id", name=op.f("pk_tag_mutes"))
    )
    with op.batch_alter_table("tag_mutes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tag_mutes_tag_id"), ["tag_id"], unique=False)

    op.create_table("post_attention",
    sa.Column("attention", sa.SmallInteger(), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.CheckConstraint("attention IN (1, 2)", name=op.f("ck_post_attention_attention")),
    sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_attention_post_id_posts"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_post_attention_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "post_id", name=op.f("pk_post_attention"))
    )
    with op.batch_alter_table("post_attention", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_post_attention_post_id"), ["post_id"], unique=False)

    op.create_table("post_likes",
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_likes_post_id_posts"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_post_likes_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "post_id", name=op.f("pk_post_likes"))
    )
    with op.batch_alter_table("post_likes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_post_likes_post_id"), ["post_id"], unique=False)

    op.create_table("post_revisions",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("title", sa.String(length=150), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("tags", sa.JSON(), nullable=False),
    sa.Column("editor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("reason", sa.String(length=300), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("length(reason) <= 300", name=op.f("ck_post_revisions_reason_length")),
    sa.ForeignKeyConstraint(["editor_id"], ["users.id"], name=op.f("fk_post_revisions_editor_id_users"), ondelete="SET NULL"),
    sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_revisions_post_id_posts"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_post_revisions")),
    sa.UniqueConstraint("post_id", "version", name=op.f("uq_post_revisions_post_id_version"))
    )
    with op.batch_alter_table("post_revisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_post_revisions_editor_id"), ["editor_id"], unique=False)

    op.create_table("post_visits",
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("new_since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_visits_post_id_posts"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_post_visits_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "post_id", name=op.f("pk_post_visits"))
    )
    with op.batch_alter_table("post_visits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_post_visits_post_id"), ["post_id"], unique=False)

    op.create_table("comment_likes",
    sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("comment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name=op.f("fk_comment_likes_comment_id_comments"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_comment_likes_user_id_users"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "comment_id", name=op.f("pk_comment_likes"))
    )
    with op.batch_alter_table("comment_likes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_likes_comment_id"), ["comment_id"], unique=False)

    op.create_table("comment_revisions",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("comment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("editor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column("reason", sa.String(length=300), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("length(reason) <= 300", name=op.f("ck_comment_revisions_reason_length")),
    sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name=op.f("fk_comment_revisions_comment_id_comments"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["editor_id"], ["users.id"], name=op.f("fk_comment_revisions_editor_id_users"), ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_revisions")),
    sa.UniqueConstraint("comment_id", "version", name=op.f("uq_comment_revisions_comment_id_version"))
    )
    with op.batch_alter_table("comment_revisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_revisions_editor_id"), ["editor_id"], unique=False)

    with op.batch_alter_table("comments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("status", sa.SmallInteger(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("like_count", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("removed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("removal_reason", sa.String(length=300), nullable=False, server_default=""))
    # An empty one was the place of a comment that its author had taken away.
    op.execute(
        "UPDATE comments SET status = 3, removed_at = coalesce(edited_at, created_at), removed_by_id = author_id"
        " WHERE body = ''"
    )
    # Counted are those that everybody may read.
    op.execute(
        "UPDATE posts SET comment_count = (SELECT count(*) FROM comments"
        " WHERE comments.post_id = posts.id AND comments.status = 1)"
        " WHERE id IN (SELECT post_id FROM comments WHERE status = 3)"
    )
    # These words now stand after a post's number in addresses of ours.
    op.execute("UPDATE posts SET slug = slug || '-post' WHERE slug IN ('lock', 'merge', 'pin', 'restore')")
    with op.batch_alter_table("comments", schema=None) as batch_op:
        for name in ("status", "like_count", "removal_reason"):
            batch_op.alter_column(name, server_default=None)
        batch_op.create_check_constraint(op.f("ck_comments_status"), "status IN (1, 2, 3)")
        batch_op.create_check_constraint(op.f("ck_comments_like_count"), "like_count >= 0")
        batch_op.create_check_constraint(op.f("ck_comments_removed_at"), "(status = 3) = (removed_at IS NOT NULL)")
        batch_op.create_check_constraint(
            op.f("ck_comments_removal_reason_length"), "length(removal_reason) <= 300"
        )
        batch_op.create_index("ix_comments_best", ["post_id", "like_count", "id"], unique=False, **TOP)
        batch_op.create_index("ix_comments_new", ["post_id", "id"], unique=False, **TOP)
        batch_op.create_index("ix_comments_removed_at", ["removed_at"], unique=False)
        batch_op.create_index("ix_comments_removed_by_id", ["removed_by_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_comments_removed_by_id_users"), "users", ["removed_by_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index("ix_comments_thread", "comments", ["post_id", sa.text("substr(path, 1, 12)"), "path"])

    with op.batch_alter_table("post_tags", schema=None) as batch_op:
        batch_op.add_column(sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_index("ix_post_tags_tag_id")
        batch_op.create_index("ix_post_tags_list", ["tag_id", "listed_at", "post_id"], unique=False)
    op.execute(
        "UPDATE post_tags SET listed_at ="
        " (SELECT published_at FROM posts WHERE posts.id = post_tags.post_id AND posts.status = 1)"
    )

    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("like_count", sa.Integer(), nullable=False, server_default="0"))
        for name in ("pinned_at", "locked_at", "removed_at"):
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        for name in ("removed_by_id", "merged_into_id"):
            batch_op.add_column(
                sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
            )
        for name in ("lock_reason", "removal_reason"):
            batch_op.add_column(sa.Column(name, sa.String(length=300), nullable=False, server_default=""))
    with op.batch_alter_table("posts", schema=None) as batch_op:
        for name in ("like_count", "lock_reason", "removal_reason"):
            batch_op.alter_column(name, server_default=None)
        batch_op.drop_constraint(op.f("ck_posts_status"), type_="check")
        batch_op.create_check_constraint(op.f("ck_posts_status"), "status IN (0, 1, 2, 3)")
        batch_op.create_check_constraint(op.f("ck_posts_like_count"), "like_count >= 0")
        batch_op.create_check_constraint(op.f("ck_posts_removed_at"), "(status = 3) = (removed_at IS NOT NULL)")
        batch_op.create_check_constraint(op.f("ck_posts_removal_reason_length"), "length(removal_reason) <= 300")
        batch_op.create_check_constraint(op.f("ck_posts_lock_reason_length"), "length(lock_reason) <= 300")
        batch_op.create_index("ix_posts_merged_into_id", ["merged_into_id"], unique=False)
        batch_op.create_index("ix_posts_removed_at", ["removed_at"], unique=False)
        batch_op.create_index("ix_posts_removed_by_id", ["removed_by_id"], unique=False)
        batch_op.create_index("ix_posts_pinned", ["pinned_at"], unique=False, **PINNED)
        batch_op.create_index("ix_posts_top", ["like_count", "id"], unique=False, **PUBLISHED)
        batch_op.create_foreign_key(
            batch_op.f("fk_posts_merged_into_id_posts"), "posts", ["merged_into_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_posts_removed_by_id_users"), "users", ["removed_by_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.add_column(sa.Column("description", sa.String(length=300), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("synonym_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.alter_column("description", server_default=None)
        batch_op.create_check_constraint(op.f("ck_tags_description_length"), "length(description) <= 300")
        batch_op.create_check_constraint(op.f("ck_tags_synonym"), "synonym_of_id <> id")
        batch_op.create_index("ix_tags_synonym_of_id", ["synonym_of_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_tags_synonym_of_id_tags"), "tags", ["synonym_of_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tags_synonym_of_id_tags"), type_="foreignkey")
        batch_op.drop_index("ix_tags_synonym_of_id")
        for name in ("synonym", "description_length"):
            batch_op.drop_constraint(op.f(f"ck_tags_{name}"), type_="check")
        for name in ("synonym_of_id", "retired_at", "description"):
            batch_op.drop_column(name)

    # What is not in the open stays there, as a draft of its author.
    op.execute("UPDATE posts SET status = 0, removed_at = NULL WHERE status > 1")
    with op.batch_alter_table("posts", schema=None) as batch_op:
        for name in ("removed_by_id_users", "merged_into_id_posts"):
            batch_op.drop_constraint(batch_op.f(f"fk_posts_{name}"), type_="foreignkey")
        batch_op.drop_index("ix_posts_top", **PUBLISHED)
        batch_op.drop_index("ix_posts_pinned", **PINNED)
        for name in ("removed_by_id", "removed_at", "merged_into_id"):
            batch_op.drop_index(f"ix_posts_{name}")
        for name in ("like_count", "removed_at", "removal_reason_length", "lock_reason_length", "status"):
            batch_op.drop_constraint(op.f(f"ck_posts_{name}"), type_="check")
        batch_op.create_check_constraint(op.f("ck_posts_status"), "status IN (0, 1)")
        for name in (
            "merged_into_id",
            "removal_reason",
            "removed_by_id",
            "removed_at",
            "lock_reason",
            "locked_at",
            "pinned_at",
            "like_count",
        ):
            batch_op.drop_column(name)

    with op.batch_alter_table("post_tags", schema=None) as batch_op:
        batch_op.drop_index("ix_post_tags_list")
        batch_op.create_index("ix_post_tags_tag_id", ["tag_id"], unique=False)
        batch_op.drop_column("listed_at")

    # Empty is what a comment was of which only the place is left.
    op.execute("UPDATE comments SET body = '', body_html = '', body_renderer = 0 WHERE status > 1")
    op.drop_index("ix_comments_thread", "comments")
    with op.batch_alter_table("comments", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_comments_removed_by_id_users"), type_="foreignkey")
        for name in ("removed_by_id", "removed_at"):
            batch_op.drop_index(f"ix_comments_{name}")
        for name in ("new", "best"):
            batch_op.drop_index(f"ix_comments_{name}", **TOP)
        for name in ("status", "like_count", "removed_at", "removal_reason_length"):
            batch_op.drop_constraint(op.f(f"ck_comments_{name}"), type_="check")
        for name in ("removal_reason", "removed_by_id", "removed_at", "like_count", "status"):
            batch_op.drop_column(name)

    with op.batch_alter_table("comment_revisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comment_revisions_editor_id"))

    op.drop_table("comment_revisions")
    with op.batch_alter_table("comment_likes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comment_likes_comment_id"))

    op.drop_table("comment_likes")
    with op.batch_alter_table("post_visits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_post_visits_post_id"))

    op.drop_table("post_visits")
    with op.batch_alter_table("post_revisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_post_revisions_editor_id"))

    op.drop_table("post_revisions")
    with op.batch_alter_table("post_likes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_post_likes_post_id"))

    op.drop_table("post_likes")
    with op.batch_alter_table("post_attention", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_post_attention_post_id"))

    op.drop_table("post_attention")
    with op.batch_alter_table("tag_mutes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tag_mutes_tag_id"))

    op.drop_table("tag_mutes")
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_submissions_user_id"))
        batch_op.drop_index("ix_submissions_created_at")

    op.drop_table("submissions")
    with op.batch_alter_table("kept_texts", schema=None) as batch_op:
        batch_op.drop_index("ix_kept_texts_created_at")

    op.drop_table("kept_texts")
