"""Migrations go up, down and up again on both databases, and lead to what the models say."""

import ast
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.script
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from myproject.admin.models import Checkup
from myproject.audit import COMMAND_LINE, AuditEntry
from myproject.bookmarks.models import Bookmark
from myproject.comments.models import CommentLike, CommentRevision
from myproject.comments.services.writing import create_comment
from myproject.db import Base, Sessions, make_engine, utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.models import BounceReceipt, MailRoute, Suppression
from myproject.forms.models import KeptText, Submission
from myproject.images import constants as IMAGE
from myproject.images.models import Image, ImageUse
from myproject.models import MODELS
from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case, Flag, Vouch
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification, NotificationChoice, NotificationPreferences
from myproject.posts import constants as POST
from myproject.posts.models import PostAttention, PostLike, PostRevision, PostVisit, TagFollow, TagMute, TopPost
from myproject.posts.services import writing
from myproject.search.services.indexing import index_post
from myproject.security.windows import LimitWindow
from myproject.settings import Settings
from myproject.switches import Switch
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users.models import (
    Authenticator,
    CommentBan,
    Connection,
    Export,
    FormerName,
    Invitation,
    Passkey,
    RecoveryCode,
    SecondFactorReset,
    SecurityLogEntry,
    SignInStep,
    UserBlock,
)
from myproject.users.services import accounts, lookalikes, registration, sign_ins
from tests.conftest import REPOSITORY

VERSIONS = sorted((REPOSITORY / "alembic" / "versions").glob("*.py"))


@pytest.fixture
def make_database(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], sa.Engine]]:
    """`make_database(name)` gives the engine of a database with nothing in it."""
    engines: dict[str, sa.Engine] = {}
    server = "" if backend == "sqlite" else request.getfixturevalue("postgresql_server").url

    def administer(statement: str) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement.encode())

    def make(name: str) -> sa.Engine:
        if server:
            administer(f"CREATE DATABASE {name}")
            url = f"{server.rpartition('/')[0]}/{name}"
        else:
            url = f"sqlite:///{tmp_path / name}"
        engines[name] = make_engine(Settings.with_defaults(sqlalchemy_url=url))
        return engines[name]

    yield make
    for name, engine in engines.items():
        engine.dispose()
        if server:
            administer(f"DROP DATABASE {name}")


@pytest.fixture
def engine(make_database: Callable[[str], sa.Engine]) -> sa.Engine:
    return make_database("migrated")


@pytest.fixture
def migrated(engine: sa.Engine, backend: str, request: pytest.FixtureRequest) -> None:
    """Brings `engine` to the newest schema: SQLite by a copy, since to migrate it takes a second."""
    if backend == "sqlite":
        assert engine.url.database
        shutil.copyfile(request.getfixturevalue("sqlite_database").template, engine.url.database)
    else:
        upgrade(engine)


def config_of(engine: sa.Engine) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(REPOSITORY / "alembic"))
    config.set_main_option("sqlalchemy.url", engine.url.render_as_string(hide_password=False))
    return config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    alembic.command.upgrade(config_of(engine), revision)


def downgrade(engine: sa.Engine, revision: str) -> None:
    alembic.command.downgrade(config_of(engine), revision)


def schema_of(engine: sa.Engine) -> dict[str, Any]:
    """All that the database says of its tables, in an order that does not depend on how they were made."""
    inspector = sa.inspect(engine)
    tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
    counted = set(tables)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            made = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '% AUTOINCREMENT%'"
            counted = set(connection.scalars(sa.text(made)))
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            },
            "primary key": inspector.get_pk_constraint(name),
            "indexes": by_name(inspector.get_indexes(name)),
            "unique": by_name(inspector.get_unique_constraints(name)),
            "foreign keys": by_name(inspector.get_foreign_keys(name)),
            "checks": by_name(inspector.get_check_constraints(name)),
            "numbers come again": name not in counted,
        }
        for name in tables
    }


def by_name(rows: list[Any]) -> list[str]:
    return sorted(str(plain(row)) for row in rows)


def plain(value: Any) -> Any:
    """What was reflected, with SQL as text: two expressions that read the same are not equal."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    return str(value) if isinstance(value, sa.TextClause) else value


def fill(engine: sa.Engine) -> None:
    """At least one row in every table."""
    with Sessions(engine).writing() as db:
        actor = COMMAND_LINE
        ada = registration.create_verified(
            db, actor, name="ada", email="ada@example.org", password_hash="", role=USER.Role.ADMIN
        )
        eve = registration.register(
            db,
            name="eve",
            email="eve@example.org",
            password_hash="",
            client=accounts.Client("127.0.0.1", "a browser"),
            admission=registration.Admission(),
        )
        sign_ins.begin_session(db, eve, accounts.Client("127.0.0.1", "a browser"))
        text = writing.render("A title", "Some *text*", ("tag", "other"))
        post = writing.create_post(db, ada.id, text, publish=True)
        comment = create_comment(db, post.id, eve.id, "First", "<p>First</p>")
        assert comment is not None
        assert create_comment(db, post.id, ada.id, "Second", "<p>Second</p>", comment.id) is not None
        index_post(db.connection(), post)
        now = utc_now()
        db.add_all(
            [
                Authenticator(user_id=eve.id, secret="encrypted"),
                RecoveryCode(user_id=eve.id, code_hash="0" * 64),
                SecondFactorReset(user_id=eve.id, due_at=now),
                Passkey(user_id=eve.id, credential_id=b"1", handle=b"2", public_key=b"3", name="Phone"),
                Connection(user_id=eve.id, provider="forge", issuer="https://forge.example", subject="1"),
                FormerName(user_id=eve.id, name_canonical="evie", parked_until=now),
                Invitation(user_id=ada.id, token_hash="0" * 64, uses_left=1, expires_at=now),
                Export(user_id=eve.id, expires_at=now),
                SecurityLogEntry(user_id=eve.id, event=USER.SecurityEvent.SIGNED_IN),
                SignInStep(user_id=eve.id, step=USER.Step.SECOND_FACTOR, token_hash="0" * 64, expires_at=now),
                Switch(name="captcha", is_on=False),
                Checkup(),
                LimitWindow(key="login_account/0", tries=[1.0], ends_at=now),
                MailRoute(domain="example.org", opens_at=now),
                KeptText(user_id=eve.id, path="/posts/new/", fields={"body": "Some text"}),
                Submission(user_id=eve.id, token_hash="0" * 64, content_hash="1" * 64, location="/posts/1/"),
                TagMute(user_id=eve.id, tag_id=post.tags[0].id),
                TagFollow(user_id=ada.id, tag_id=post.tags[0].id),
                Notification(user_id=ada.id, event="like:post:1", kind=NOTE.Kind.LIKE, post_id=post.id),
                NotificationChoice(user_id=ada.id, kind=NOTE.Kind.LIKE, inbox=True, mail=NOTE.Way.NEVER),
                NotificationPreferences(user_id=ada.id),
                PostRevision(post_id=post.id, version=1, title="A title", body="Another text"),
                PostLike(user_id=eve.id, post_id=post.id),
                Bookmark(user_id=eve.id, post_id=post.id),
                TopPost(post_id=post.id, span=POST.Span.DAY, like_count=1, published_at=now),
                PostVisit(user_id=eve.id, post_id=post.id),
                PostAttention(user_id=eve.id, post_id=post.id, attention=POST.Attention.FOLLOW),
                Image(id=1, user_id=eve.id, name="0" * IMAGE.NAME_LENGTH, width=1, height=1),
                ImageUse(image_id=1, post_id=post.id),
                CommentRevision(comment_id=comment.id, version=1, body="Another text"),
                CommentLike(user_id=ada.id, comment_id=comment.id),
                CommentBan(user_id=eve.id, reason="for a test"),
                UserBlock(user_id=ada.id, blocked_id=eve.id),
                Case(id=1, post_id=post.id, author_id=ada.id, state=MODERATION.State.OPEN),
                Flag(case_id=1, user_id=eve.id, reason=MODERATION.Reason.SPAM, version=1, counts=True),
                Vouch(case_id=1, user_id=eve.id),
                Suppression(address="eve@example.org", reason=EMAIL.Reason.HARD),
                BounceReceipt(key="message:0"),
            ]
        )


def counts(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


# So many go one by one: older ones did when they were new, and nobody changes them. Both databases go down to
# nothing and up again below.
NEWEST = 8


@pytest.mark.one_database
def test_each_new_migration_goes_up_down_and_up_again(engine):
    script = alembic.script.ScriptDirectory.from_config(config_of(engine))
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    upgrade(engine, revisions[-NEWEST - 1])
    for revision in revisions[-NEWEST:]:
        upgrade(engine, revision)
        before = schema_of(engine)
        downgrade(engine, "-1")
        upgrade(engine, revision)

        assert schema_of(engine) == before


@pytest.mark.usefixtures("migrated")
def test_a_site_with_rows_goes_down_to_nothing_and_up_again(engine):
    before = schema_of(engine)
    fill(engine)
    assert all(counts(engine).values()), counts(engine)

    downgrade(engine, "base")
    assert schema_of(engine) == {}

    upgrade(engine)
    assert schema_of(engine) == before
    assert not any(counts(engine).values())
    fill(engine)


@pytest.mark.usefixtures("migrated")
def test_a_post_stays_in_the_lists_of_its_tags_and_a_draft_out_of_them(engine):
    with Sessions(engine).writing() as db:
        actor, role = COMMAND_LINE, USER.Role.ADMIN
        ada = registration.create_verified(
            db, actor, name="ada", email="ada@example.org", password_hash="", role=role
        )
        for publish in (True, False):
            writing.create_post(db, ada.id, writing.render("A title", "Some text", ("tag",)), publish=publish)
    places = sa.text("SELECT post_id, listed_at IS NOT NULL FROM post_tags ORDER BY post_id")
    with engine.connect() as connection:
        before = connection.execute(places).all()
    downgrade(engine, "0002")
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(places).all() == before == [(1, True), (2, False)]


@pytest.mark.usefixtures("migrated")
def test_the_place_of_an_erased_comment_is_that_of_a_removed_one(engine):
    fill(engine)
    with engine.begin() as connection:
        gone = "UPDATE comments SET status = 3, removed_at = created_at WHERE id = 1"
        connection.execute(sa.text(gone))
    downgrade(engine, "0002")
    bodies = sa.text("SELECT body FROM comments ORDER BY id")
    with engine.connect() as connection:
        assert connection.scalars(bodies).all() == ["", "Second"]
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.scalars(sa.text("SELECT status FROM comments ORDER BY id")).all() == [3, 1]


@pytest.mark.usefixtures("migrated")
def test_a_comment_that_staff_refused_long_ago_never_was_in_the_open(engine):
    fill(engine)
    with Sessions(engine).writing() as db:
        for _number in (3, 4, 5):
            assert create_comment(db, 1, 2, "Another", "<p>Another</p>") is not None
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE comments SET status = 3, removed_at = created_at"))
        staff = sa.insert(AuditEntry).values(target_type="comments", actor_name="ada")
        once, again = ("remove", "WAITING"), ("restore", "REMOVED")
        histories = {
            1: [("remove", "PUBLISHED")],
            2: [once],
            3: [once, again, ("remove", "PUBLISHED")],
            # Its author took it back, of which the audit is silent.
            4: [once, again],
            5: [("remove", "PUBLISHED"), again, once],
        }
        for number, done in histories.items():
            for action, status in done:
                values = {"target_id": number, "action": f"comment.{action}", "before": {"status": status}}
                connection.execute(staff, values)
    downgrade(engine, "0024")
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.scalars(sa.text("SELECT id FROM comments WHERE refused_at = removed_at")).all()
    assert sorted(found) == [2, 5]


@pytest.mark.usefixtures("migrated")
def test_of_forms_that_were_open_twice_the_latest_text_is_kept_where_a_migration_goes_down(engine):
    fill(engine)
    later = (
        "INSERT INTO kept_texts (user_id, path, form, fields, created_at)"
        " SELECT user_id, path, 'x', '{}', :later FROM kept_texts WHERE path = '/posts/new/'"
    )
    with engine.begin() as connection:
        connection.execute(sa.text(later), {"later": utc_now() + timedelta(hours=1)})
    downgrade(engine, "0029")
    with engine.connect() as connection:
        assert connection.scalars(sa.text("SELECT CAST(fields AS TEXT) FROM kept_texts")).all() == ["{}"]
    upgrade(engine)


@pytest.mark.usefixtures("migrated")
def test_what_was_changed_while_it_was_hidden_is_withheld_with_what_was_changed_before(engine):
    fill(engine)
    moments = [utc_now() + timedelta(hours=hours) for hours in range(4)]
    with Sessions(engine).writing() as db:
        db.execute(sa.delete(PostRevision))
        db.execute(sa.delete(CommentRevision))
        for version, moment in enumerate(moments, 1):
            words = {"version": version, "body": "Another text", "created_at": moment}
            db.add(PostRevision(post_id=1, title="A title", **words))
            for comment_id in (1, 2):
                db.add(CommentRevision(comment_id=comment_id, **words))
        db.execute(sa.update(Case).values(changed_at=moments[1]))
        db.add(Case(id=2, comment_id=1, author_id=2, state=MODERATION.State.OPEN, changed_at=moments[2]))
        db.add(Case(id=3, comment_id=2, author_id=2, state=MODERATION.State.OPEN))
    downgrade(engine, "0031")
    upgrade(engine)
    withheld = "SELECT {0}_id, version FROM {0}_revisions WHERE withheld_at = created_at ORDER BY version"
    with engine.connect() as connection:
        assert connection.execute(sa.text(withheld.format("post"))).all() == [(1, 1), (1, 2)]
        assert connection.execute(sa.text(withheld.format("comment"))).all() == [(1, 1), (1, 2), (1, 3)]


@pytest.mark.usefixtures("migrated")
def test_rows_keep_their_numbers_and_what_hangs_on_them_where_tables_are_made_anew(engine):
    fill(engine)
    before = counts(engine)
    for change in (lambda: downgrade(engine, "0025"), lambda: upgrade(engine)):
        change()
        assert counts(engine) == before
        with engine.connect() as connection:
            numbers = "SELECT posts.id, path FROM posts JOIN comments ON post_id = posts.id ORDER BY path"
            assert connection.execute(sa.text(numbers)).all() == [
                (1, f"{1:012d}"),
                (1, f"{1:012d}{2:012d}"),
            ]
            if engine.dialect.name == "sqlite":
                assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
                # It raises where the words are not those of the entries.
                connection.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('integrity-check')"))
                found = "SELECT post_id FROM search_entries WHERE id IN"
                title = "SELECT rowid FROM search_index WHERE search_index MATCH 'title'"
                assert connection.scalars(sa.text(f"{found} ({title})")).all() == [1]


@pytest.mark.usefixtures("migrated")
def test_a_number_of_what_is_gone_never_comes_again(engine):
    fill(engine)
    downgrade(engine, "0025")
    gone = (
        "INSERT INTO audit_entries (created_at, actor_name, action, target_type, target_id, reason, before, after"
    )
    with engine.begin() as connection:
        for action, table in (("post.remove", "posts"), ("ban.set", "comment_bans")):
            values = f"'2026-01-01', 'ada', '{action}', '{table}', 7, '', '{{}}', '{{}}', '', ''"
            connection.execute(sa.text(f"{gone}, address, request_id) VALUES ({values})"))
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 7)"))
    upgrade(engine)
    text = writing.render("A title", "Some *text*", ())
    for number in (8, 9):
        with Sessions(engine).writing() as db:
            assert writing.create_post(db, 1, text, publish=True).id == number
            comment = create_comment(db, number, 1, "Again", "<p>Again</p>")
            assert comment is not None
            assert comment.id == number - 5
            ban = CommentBan(user_id=2, reason="for a test")
            db.add(ban)
            db.flush()
            assert ban.id == number
        with Sessions(engine).writing() as db:
            db.execute(sa.text(f"DELETE FROM posts WHERE id = {number}"))
            db.execute(sa.text("DELETE FROM comment_bans"))


LATER = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "later", "{head}", None, None


def upgrade():
    for table in ("posts", "comment_bans"):
        anew = {{"recreate": "always", "table_kwargs": {{"sqlite_autoincrement": True}}}}
        with op.batch_alter_table(table, **anew):
            pass
"""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("migrated")
def test_a_number_does_not_come_again_where_a_later_migration_makes_its_table_anew(engine, tmp_path):
    fill(engine)
    text = writing.render("A title", "Some *text*", ())
    with Sessions(engine).writing() as db:
        assert writing.create_post(db, 1, text, publish=True).id == 2
    with Sessions(engine).writing() as db:
        # The newest of some, and all there are.
        db.execute(sa.text("DELETE FROM posts WHERE id = 2"))
        db.execute(sa.text("DELETE FROM comment_bans"))
    config = config_of(engine)
    head = alembic.script.ScriptDirectory.from_config(config).get_current_head()
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "later.py").write_text(LATER.format(head=head))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{REPOSITORY / 'alembic' / 'versions'}\n{tmp_path / 'versions'}")
    alembic.command.upgrade(config, "head")
    with Sessions(engine).writing() as db:
        assert writing.create_post(db, 1, text, publish=True).id == 3
        ban = CommentBan(user_id=2, reason="for a test")
        db.add(ban)
        db.flush()
        assert ban.id == 2


def skeleton_before(name: str) -> str:
    """How a name looked before 0027, where its letters are Latin ones."""
    pictures = {"I": "l", "1": "l", "\u0131": "i", "\u0268": "i\u0335", "\u0328": "\u0345", "\u0322": "\u0345"}
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)).replace("\u034f", "")
    return unicodedata.normalize("NFD", "".join(pictures.get(letter, letter) for letter in text).casefold())


LETTERS = "iIjlLaAkos\u0131\u0237\u0268\u012f\u0130\u1ecb"
MARKS = "\u0301\u0307\u0322\u0323\u0328\u0335\u0345"


@pytest.fixture(scope="module")
def undotted() -> Callable[[str, str], str]:
    """What 0027 makes of the look of a name."""
    script = alembic.script.ScriptDirectory(str(REPOSITORY / "alembic"))
    look: Callable[[str, str], str] = script.get_revision("0027").module.undotted
    return look


# No nickname begins with a mark.
@given(st.tuples(st.sampled_from(LETTERS), st.text(LETTERS + MARKS, max_size=USER.NAME_MAX_LENGTH)).map("".join))
@settings(deadline=None)
def test_names_look_after_a_migration_as_the_code_sees_them(
    undotted: Callable[[str, str], str], name: str
) -> None:
    before = skeleton_before(name)
    assert undotted(before, name) == lookalikes.skeleton(name)
    # Of names that were given up only this spelling stands there.
    assert undotted(before, canonical(name)) == lookalikes.skeleton(name)


@pytest.mark.usefixtures("migrated")
def test_names_look_as_they_do_without_dots_that_nobody_sees(engine):
    names = {
        "iris": "iris",
        # The one before looks the same.
        "i\u0307ris": None,
        "j\u0307on": "jon",
        "\u0130nci": "inci",
        "\u010bem": "c\u0307em",
        # A mark below stands between the letter and its dot.
        "\u1ecb\u0307da": "i\u0323da",
        "I\u0323\u0307vy": "i\u0323vy",
        # An l has no dot of its own, nor has a dotted one the first of two.
        "\u0130l\u0307": "il\u0307",
        "i\u0307\u0307a": "i\u0307a",
        "r\u0105b": "ra\u0328b",
        "\u012f\u0307r": "i\u0328r",
        "\u0237\u0307osu\u00e9": "josue\u0301",
    }
    looks = "SELECT name_skeleton FROM {} ORDER BY id"
    with Sessions(engine).writing() as db:
        for number, name in enumerate(names):
            user = registration.create_verified(
                db,
                COMMAND_LINE,
                name=f"member-{number}",
                email=f"{number}@example.org",
                password_hash="",
                role=USER.Role.USER,
            )
            user.name, user.name_canonical = name, canonical(name)
            # As it was before.
            user.name_skeleton = skeleton_before(name)
            former = FormerName(user_id=user.id, name_canonical=user.name_canonical, parked_until=utc_now())
            former.name_skeleton = user.name_skeleton
            db.add(former)
            db.flush()
    downgrade(engine, "0026")
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.scalars(sa.text(looks.format("users"))).all() == list(names.values())
        of_former = connection.scalars(sa.text(looks.format("former_names"))).all()
        # Any number of these may look the same.
        assert of_former == [look or "iris" for look in names.values()]


@pytest.mark.usefixtures("migrated")
def test_upgrading_a_site_that_is_up_to_date_keeps_its_rows(engine):
    fill(engine)
    before = counts(engine)

    upgrade(engine)

    assert counts(engine) == before


@pytest.mark.usefixtures("migrated")
def test_autogenerate_finds_nothing_that_the_models_have_and_migrations_lack(engine):

    alembic.command.check(config_of(engine))


def test_migrations_make_what_the_models_say_checks_and_all(engine, make_database):
    """Alembic itself does not compare CHECK constraints, nor the conditions of partial indexes."""
    upgrade(engine)
    from_models = make_database("from_models")
    assert MODELS
    Base.metadata.create_all(from_models)

    assert schema_of(engine) == schema_of(from_models)


def test_there_is_one_newest_migration():
    config = alembic.config.Config()
    config.set_main_option("script_location", str(REPOSITORY / "alembic"))

    assert len(alembic.script.ScriptDirectory.from_config(config).get_heads()) == 1


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_migrations_import_nothing_of_ours(file: Path):
    """They must do the same thing for ever, whatever becomes of the code."""
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or ".").split(".")[0])

    assert imported <= {"alembic", "datetime", "re", "sqlalchemy", "unicodedata"}


def test_the_folder_of_migrations_is_no_package():
    """With an `__init__.py` it would stand before the library of the same name."""
    assert not (REPOSITORY / "alembic" / "__init__.py").exists()
