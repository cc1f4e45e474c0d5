"""`myproject demo` on an empty site."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session, aliased

import myproject
from myproject.cli.demo_content import PEOPLE, POSTS, walk
from myproject.cli.main import main
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike
from myproject.comments.services.threads import list_comments
from myproject.db import utc_now
from myproject.emails.models import Email
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostLike, Tag, TopPost, post_tags
from myproject.search.models import SearchEntry
from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, app_section, migrate, site_options
from tests.factories import make_post

COMMENT_COUNT = sum(len(list(walk(post.comments))) for post in POSTS)
BULK = ("--posts", "40", "--comments", "300")
PRODUCTION = {
    "site_mode": "production",
    "site_url": "https://community.example.org",
    "mail_transport": "smtp",
    "mail_sender": "site@example.org",
    "users_password_rounds": 12,
}


@pytest.fixture
def demo(write_ini: Callable[..., Path]) -> Callable[..., Result]:
    """`demo(*arguments, **settings)` runs the command on the test's database."""

    def run(*arguments: str, **settings: object) -> Result:
        return CliRunner().invoke(main, ["--config", str(write_ini(**settings)), "demo", *arguments])

    return run


@dataclass
class Filled:
    """A site with the demo content and some rows in bulk, and what the command printed."""

    url: str
    folder: Path
    output: str


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, site_folder: Path) -> Filled:
    """A file of SQLite for all tests that change nothing."""
    folder = tmp_path_factory.mktemp("demo")
    url, ini = f"sqlite:///{folder / 'site.sqlite'}", folder / "site.ini"
    migrate(url)
    ini.write_text(app_section(site_options(url, site_folder)))
    result = CliRunner().invoke(main, ["--config", str(ini), "demo", *BULK])
    assert result.exit_code == 0, result.output
    return Filled(url, site_folder, result.output)


@pytest.fixture(scope="module")
def reader(filled: Filled) -> Iterator[Session]:
    engine = sa.create_engine(filled.url)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def ada(filled: Filled, reader: Session) -> Client:
    """A browser in which ada signs in with the password that was printed."""
    client = Client(myproject.main({}, **site_options(filled.url, filled.folder)), reader)
    client.login("ada", printed_password(filled.output))
    return client


def count(db: Session, model: type) -> int:
    """The number of rows. It ends the transaction: a command that writes may follow."""
    number = db.scalar(sa.select(sa.func.count()).select_from(model))
    db.commit()
    return number or 0


def state(db: Session) -> list[tuple[object, ...]]:
    """Everything that a second run could have added to or changed."""
    rows = [
        tuple(row)
        for model in (User, Post, Comment)
        for row in db.execute(sa.select(model.__table__).order_by(model.id))
    ]
    db.commit()
    return rows


def printed_password(output: str) -> str:
    return output.partition("Everybody's password: ")[2].split()[0]


def test_empty_site_gets_members_posts_and_comments_and_mails_nobody(demo, db):
    assert demo().exit_code == 0
    assert count(db, Email) == 0
    assert (count(db, User), count(db, Post), count(db, Comment)) == (len(PEOPLE), len(POSTS), COMMENT_COUNT)


def test_members_have_the_roles_and_states_that_are_printed(filled, reader):
    lines = filled.output.splitlines()
    for user in reader.scalars(sa.select(User)):
        assert any(line.split()[:3] == [user.name, user.role.name, user.status.name] for line in lines)
    members = {user.name: (user.role, user.status) for user in reader.scalars(sa.select(User))}
    assert members["ada"] == (USER.Role.ADMIN, USER.Status.ACTIVE)
    assert members["grace"] == (USER.Role.STAFF, USER.Status.ACTIVE)
    assert {status for _, status in members.values()} == set(USER.Status)


@pytest.mark.one_database
def test_password_is_as_long_as_the_site_wants(demo, app, db):
    password = printed_password(demo(users_password_min_length=20).output)
    assert len(password) == 20
    assert hasher_of(app.registry).check(password, db.scalar(sa.select(User.password).where(User.name == "ada")))


def test_new_member_has_no_verified_address_and_others_have(reader):
    for user in reader.scalars(sa.select(User)):
        assert user.verified == (user.status != USER.Status.NEW)


def test_member_signs_in_and_finds_the_answers_to_what_they_wrote(ada):
    page = ada.get("/notifications/")
    told = page.html.select(".notices li")
    unread = [each for each in told if each.select(".badge-info")]
    assert 0 < len(unread) < len(told)
    ada.get(unread[0].select("p a")[-1]["href"], status=303).follow(status=200)


@pytest.mark.one_database
def test_front_page_shows_the_newest_post(demo, client):
    demo()
    newest = min((post for post in POSTS if not post.draft), key=lambda post: post.days)
    assert newest.title in client.get("/").text


@pytest.mark.one_database
def test_first_run_fills_an_empty_site(demo, db):
    assert demo("--first-run").exit_code == 0
    assert count(db, Post) == len(POSTS)


@pytest.mark.one_database
def test_second_first_run_changes_nothing_and_says_nothing(demo, db):
    demo("--first-run")
    before = state(db)
    result = demo("--first-run")
    assert (result.exit_code, result.output) == (0, "")
    assert state(db) == before


@pytest.mark.one_database
def test_first_run_leaves_a_site_with_one_stranger_alone(demo, db):
    user = User(name="rosa", name_canonical="rosa", email="rosa@example.org", email_canonical="rosa@example.org")
    db.add(user)
    db.commit()
    assert demo("--first-run").exit_code == 0
    assert (count(db, User), count(db, Post)) == (1, 0)


@pytest.mark.one_database
def test_second_run_is_refused(demo, db):
    demo()
    before = state(db)
    result = demo()
    assert result.exit_code == 1
    assert "there already" in result.output
    assert state(db) == before


@pytest.mark.one_database
def test_name_that_is_taken_leaves_the_site_as_it_was(demo, db):
    db.add(User(name="Lena", name_canonical="lena", email="l@example.org", email_canonical="l@example.org"))
    db.commit()
    result = demo()
    assert result.exit_code == 1
    assert "empty site" in result.output
    assert (count(db, User), count(db, Post)) == (1, 0)


@pytest.mark.one_database
@pytest.mark.parametrize("arguments", [(), ("--first-run",), ("--posts", "5")])
def test_production_is_refused(demo, db, arguments):
    result = demo(*arguments, **PRODUCTION)
    assert result.exit_code == 1
    assert "site.mode" in result.output
    assert count(db, User) == 0


def test_one_member_has_two_drafts(reader):
    drafts = reader.scalars(sa.select(Post).where(Post.status == POST.Status.DRAFT)).all()
    assert [draft.published_at for draft in drafts] == [None, None]
    assert len({draft.author_id for draft in drafts}) == 1


def test_a_thread_goes_deeper_than_pages_nest(reader):
    threads = [list_comments(reader, post_id).comments for post_id in reader.scalars(sa.select(Post.id))]
    flattened = [row for rows in threads for row in rows if row.reply_to]
    parents = dict(reader.execute(sa.select(Comment.id, Comment.parent_id)).all())

    def depth(comment_id: int | None) -> int:
        return 1 + depth(parents[comment_id]) if comment_id else 0

    assert {row.level for row in flattened} == {COMMENT.LEVELS}
    assert max(map(depth, parents)) >= 7


def test_bulk_adds_as_many_rows_as_asked_for_with_right_counts_and_leaves_the_next_number_free(demo, db):
    assert demo(*BULK).exit_code == 0
    assert count(db, Email) == 0
    assert (count(db, Post), count(db, Comment)) == (len(POSTS) + 40, COMMENT_COUNT + 300)
    rows = dict(db.execute(sa.select(Comment.post_id, sa.func.count()).group_by(Comment.post_id)).all())
    assert dict(db.execute(sa.select(Post.id, Post.comment_count)).all()) == {
        post_id: rows.get(post_id, 0) for post_id in db.scalars(sa.select(Post.id))
    }
    ada = db.scalars(sa.select(User).where(User.name == "ada")).one()
    assert make_post(db, ada).id > 40


@pytest.mark.one_database
def test_bulk_goes_on_a_site_that_is_filled(demo, db):
    demo()
    assert demo("--posts", "3").exit_code == 0
    assert (count(db, User), count(db, Post)) == (len(PEOPLE), len(POSTS) + 3)


@pytest.mark.one_database
def test_bulk_comments_need_bulk_posts(demo, db):
    assert demo("--comments", "3").exit_code == 2
    assert count(db, User) == 0


def test_bulk_posts_carry_tags(reader):
    titles = {post.title: set(post.tags) for post in POSTS}
    bulk = reader.scalars(sa.select(Post).order_by(Post.id.desc()).limit(40)).all()
    for post in bulk:
        names = set(reader.scalars(sa.select(Tag.name).join(post_tags).where(post_tags.c.post_id == post.id)))
        assert names == titles[post.title.rpartition(" (")[0]]


def test_likes_are_counted_and_nobody_likes_their_own(reader):
    for model, like, thing in ((Post, PostLike, PostLike.post_id), (Comment, CommentLike, CommentLike.comment_id)):
        liked = dict(reader.execute(sa.select(thing, sa.func.count()).group_by(thing)).all())
        assert liked
        assert {id: n for id, n in reader.execute(sa.select(model.id, model.like_count)) if n} == liked
        own = sa.select(thing).join(model, model.id == thing).where(model.author_id == like.user_id)
        assert reader.scalars(own).all() == []


def test_lists_of_tags_and_tops_have_what_belongs_there(reader):
    listed = sa.select(sa.func.count()).select_from(post_tags).join(Post, Post.id == post_tags.c.post_id)
    in_the_open = Post.status == POST.Status.PUBLISHED
    assert reader.scalar(listed.where(post_tags.c.listed_at.is_not(None))) == reader.scalar(
        listed.where(in_the_open)
    )
    assert reader.scalar(listed.where(post_tags.c.listed_at != Post.published_at)) == 0

    now = utc_now()
    liked = sa.select(Post.id, Post.published_at, Post.like_count).where(in_the_open, Post.like_count > 0)
    assert set(reader.execute(sa.select(TopPost.post_id, TopPost.span, TopPost.like_count)).all()) == {
        (id, span, likes)
        for id, published_at, likes in reader.execute(liked)
        for span in POST.Span
        if published_at > now - timedelta(days=span)
    }


def test_everything_in_the_open_can_be_searched_for(reader):
    wanted = {(id, None) for id in reader.scalars(sa.select(Post.id).where(Post.status == POST.Status.PUBLISHED))}
    wanted |= {(None, id) for id in reader.scalars(sa.select(Comment.id))}
    assert set(reader.execute(sa.select(SearchEntry.post_id, SearchEntry.comment_id)).all()) == wanted


def test_latest_activity_is_the_latest_comment(reader):
    latest = dict(
        reader.execute(sa.select(Comment.post_id, sa.func.max(Comment.created_at)).group_by(Comment.post_id)).all()
    )
    for post in reader.scalars(sa.select(Post).where(Post.status == POST.Status.PUBLISHED)):
        assert post.last_activity_at == latest.get(post.id, post.published_at)


def test_every_path_is_its_parents_and_its_own_number(reader):
    comments = {comment.id: comment for comment in reader.scalars(sa.select(Comment))}
    for comment in comments.values():
        above = ""
        if comment.parent_id is not None:
            assert comments[comment.parent_id].post_id == comment.post_id
            above = comments[comment.parent_id].path[: (COMMENT.LEVELS - 1) * COMMENT.SEGMENT]
        assert comment.path == above + str(comment.id).zfill(COMMENT.SEGMENT)


def test_threads_read_from_top_to_bottom(reader):
    for post_id in reader.scalars(sa.select(Post.id)):
        read = set()
        for row in list_comments(reader, post_id).comments:
            assert row.parent_id is None or row.parent_id in read
            read.add(row.id)


def test_nothing_comes_before_what_it_answers(reader):
    parent = aliased(Comment)
    statement = (
        sa.select(Comment.created_at, Post.published_at, parent.created_at)
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(parent, parent.id == Comment.parent_id)
    )
    for written_at, published_at, answered_at in reader.execute(statement):
        assert written_at > published_at
        assert answered_at is None or written_at > answered_at


def test_nobody_writes_before_they_joined(reader):
    for model in (Post, Comment):
        statement = sa.select(model.id).join(User, User.id == model.author_id)
        assert reader.scalars(statement.where(model.created_at < User.created_at)).all() == []
