"""A request is one transaction: all of it stands, or nothing does; and nothing is lost between many of them."""

from collections.abc import Callable
from functools import partial
from itertools import chain

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.comments.services.writing import create_comment
from myproject.db import sessions_of, utc_now
from myproject.emails.models import Email
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.posts.models import Post, PostVisit, Tag
from myproject.posts.tasks import note_visit
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes
from tests.reliability.together import Visitor, together

FAULTS = {"pyramid.includes": "tests.reliability.faults"}
WRITERS = 8
ROUNDS = 10


@pytest.fixture
def faulty(make_app: Callable[..., Router]) -> Router:
    """The site with faults on demand."""
    return make_app(**FAULTS)


@pytest.fixture
def client(faulty: Router, make_client: Callable[..., Client]) -> Client:
    return make_client(faulty)


@pytest.fixture(params=["late", "commit"])
def failing(request: pytest.FixtureRequest) -> dict[str, str]:
    """Headers of a request that fails at its end: after its view, or within its commit."""
    return {"X-Fail": str(request.param)}


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


def rows(db: Session, model: type) -> int:
    return db.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def comment_form(client: Client, post: Post, body: str = "Hello") -> webtest.Form:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = body
    return form


# All or nothing


def test_what_a_request_wrote_before_it_failed_is_undone(
    client: Client, db: Session, post: Post, failing: dict[str, str]
) -> None:
    sign_in(client, make_user(db, "bob"))
    form = comment_form(client, post)
    failed = form.submit("send", status=500, headers=failing)
    assert "Traceback" not in failed
    assert (rows(db, Comment), rows(db, Notification)) == (0, 0)
    db.refresh(post)
    assert post.comment_count == 0

    form.submit("send", status=303)
    assert (rows(db, Comment), rows(db, Notification)) == (1, 1)
    db.refresh(post)
    assert post.comment_count == 1


def test_what_was_to_happen_after_the_commit_does_not_where_there_was_none(
    client: Client, faulty: Router, db: Session, post: Post, failing: dict[str, str]
) -> None:
    """No worker is called for a mail that there is not, and no cached page ends."""
    sign_in(client, make_user(db, "bob"))
    form = comment_form(client, post)
    queue, cache = faulty.registry["huey"], faulty.registry["cache"]
    waiting, changes = queue.pending_count(), cache.change_number()
    form.submit("send", status=500, headers=failing)
    assert (queue.pending_count(), cache.change_number()) == (waiting, changes)
    form.submit("send", status=303)
    assert queue.pending_count() == waiting + 1
    assert cache.change_number() > changes


def test_a_failure_leaves_nothing_for_the_next_request_to_do(
    client: Client, faulty: Router, db: Session, post: Post, failing: dict[str, str]
) -> None:
    sign_in(client, make_user(db, "bob"))
    form = comment_form(client, post)
    # The visit to the post waits to be noted.
    waiting = faulty.registry["huey"].pending_count()
    form.submit("send", status=500, headers=failing)
    changes = faulty.registry["cache"].change_number()
    client.get("/")
    client.get("/users/me/")
    assert faulty.registry["cache"].change_number() == changes
    assert faulty.registry["huey"].pending_count() == waiting


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_an_answer_that_says_no_keeps_nothing_that_was_written(
    client: Client, db: Session, post: Post, status: int
) -> None:
    client.post(f"/test/{post.id}/count/?status={status}", status=status)
    db.refresh(post)
    assert post.comment_count == 0


@pytest.mark.parametrize("status", [200, 303])
def test_an_answer_that_says_yes_keeps_what_was_written(
    client: Client, db: Session, post: Post, status: int
) -> None:
    client.post(f"/test/{post.id}/count/?status={status}", status=status)
    db.refresh(post)
    assert post.comment_count == 1


def test_a_failed_registration_leaves_no_account_no_mail_and_no_session(
    client: Client, db: Session, failing: dict[str, str]
) -> None:
    form = form_with(client.get("/users/register/"), "accept_tos")
    for name, value in {"name": "ann", "email": "ann@example.org", "captcha_answer": "white"}.items():
        form[name] = value
    form["password"] = form["confirm"] = "correct horse battery"
    form["accept_tos"] = True
    failed = form.submit(status=500, headers=failing)
    assert failed.headers.getall("Set-Cookie") == []
    assert (rows(db, User), rows(db, Email)) == (0, 0)


def test_a_failure_tells_of_no_success_later(client: Client, db: Session, failing: dict[str, str]) -> None:
    sign_in(client, make_user(db, "bob"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", "Some text"
    form.submit("publish", status=500, headers=failing)
    assert flashes(client.get("/users/me/")) == []


def test_a_failed_sign_in_leaves_the_form_as_good_as_before(
    client: Client, db: Session, failing: dict[str, str]
) -> None:
    make_user(db, "bob")
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = "bob", PASSWORD
    form.submit(status=500, headers=failing)
    form.submit(status=303)


def test_connections_come_back_after_failures(
    client: Client, faulty: Router, db: Session, post: Post, failing: dict[str, str]
) -> None:
    sign_in(client, make_user(db, "bob"))
    form = comment_form(client, post)
    before = faulty.registry["sessions"].engine.pool.checkedout()
    for _ in range(30):
        form.submit("send", status=500, headers=failing)
    assert faulty.registry["sessions"].engine.pool.checkedout() == before


def test_a_try_counts_even_where_the_request_fails(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, failing: dict[str, str]
) -> None:
    client = make_client(make_app(**FAULTS, ratelimit_enabled=True, ratelimit_post_account="2 per hour"))
    sign_in(client, make_user(db, "ann"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", "Some text"
    for _ in range(2):
        form.submit("publish", status=500, headers=failing)
    form.submit("publish", status=429)
    assert rows(db, Post) == 0


def test_a_wrong_code_counts_though_the_request_changes_nothing_else(client: Client, db: Session) -> None:
    client.register("ann")
    form = form_with(client.get("/users/verify/"), "code")
    mail = db.scalars(sa.select(Email)).one()
    assert mail.context is not None
    right = mail.context["code"]
    form["code"] = "BBBB-BBBB" if right != "BBBB-BBBB" else "CCCC-CCCC"
    for _ in range(3):
        form.submit("verify", status=422)
    form["code"] = right
    form.submit("verify", status=422)


# Many at once


def test_eight_writers_that_read_and_write_lose_nothing_and_fail_nothing(
    faulty: Router, db: Session, post: Post
) -> None:
    db.commit()

    def write() -> list[int]:
        visitor = Visitor(faulty)
        return [visitor.post(f"/test/{post.id}/count/", status="*").status_int for _ in range(ROUNDS)]

    answers = list(chain.from_iterable(together([write] * WRITERS)))
    db.refresh(post)
    assert answers == [200] * WRITERS * ROUNDS
    assert post.comment_count == WRITERS * ROUNDS


def test_eight_members_who_comment_at_once_lose_nothing_and_fail_nothing(
    faulty: Router, db: Session, ann: User, post: Post
) -> None:
    forms = []
    for number in range(WRITERS):
        visitor = Visitor(faulty)
        visitor.sign_in(db, make_user(db, f"member-{number}"))
        form = form_with(visitor.get(f"/posts/{post.id}/{post.slug}/"), "body")
        form["body"] = f"I am {number}"
        # Without the token that would make one comment of all that it sends.
        form["once"] = ""
        forms.append(form)

    def write(form: webtest.Form) -> list[int]:
        return [form.submit("send", status="*").status_int for _ in range(ROUNDS)]

    answers = list(chain.from_iterable(together([partial(write, form) for form in forms])))
    assert answers == [303] * WRITERS * ROUNDS
    db.refresh(post)
    assert post.comment_count == rows(db, Comment) == WRITERS * ROUNDS
    # The post's author is told of each once, and mail of it waits.
    told = db.execute(sa.select(Notification.comment_id, Notification.user_id, Notification.mail))
    expected = [(comment_id, ann.id, NOTE.Mail.WAITING) for comment_id in db.scalars(sa.select(Comment.id))]
    assert sorted(map(tuple, told)) == sorted(expected)
    paths = list(db.scalars(sa.select(Comment.path)))
    assert len(set(paths)) == len(paths)


# SQLite has one writer at a time.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_that_somebody_saw_a_post_is_noted_while_they_comment_on_it(
    faulty: Router, db: Session, ann: User, post: Post
) -> None:
    bob = make_user(db, "bob")
    db.commit()
    now = utc_now()

    def note(*flushed: object) -> None:
        note_visit(faulty.registry, bob.id, post.id, now.isoformat())

    with sessions_of(faulty.registry).writing() as own:
        # By then the comment's transaction holds the post.
        sa.event.listen(own, "after_flush", note, once=True)
        comment = create_comment(own, post.id, bob.id, "Hello", "<p>Hello</p>")
    assert comment is not None
    assert db.scalars(sa.select(PostVisit.seen_at)).one() == comment.created_at > now


def test_of_eight_edits_of_the_same_text_one_is_kept_and_seven_are_told(
    faulty: Router, db: Session, ann: User, post: Post
) -> None:
    forms = []
    for number in range(WRITERS):
        visitor = Visitor(faulty)
        visitor.sign_in(db, ann)
        form = form_with(visitor.get(f"/posts/{post.id}/edit/"), "title")
        form["body"] = f"Text {number}"
        forms.append(form)
    answers = together([partial(form.submit, "save", status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] + [409] * (WRITERS - 1)
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_int == 303)
    db.refresh(post)
    assert (post.version, post.body) == (2, f"Text {winner}")


def test_eight_posts_with_the_same_new_tags_are_all_published(faulty: Router, db: Session) -> None:
    forms = []
    for number in range(WRITERS):
        visitor = Visitor(faulty)
        visitor.sign_in(db, make_user(db, f"member-{number}"))
        form = form_with(visitor.get("/posts/new/"), "title")
        # In another order each: two that wait for each other would be a deadlock.
        tags = ["one", "two", "three"]
        form["title"], form["body"] = f"Post {number}", "Some text"
        form["tags"] = ", ".join(tags if number % 2 else tags[::-1])
        forms.append(form)
    answers = together([partial(form.submit, "publish", status="*") for form in forms])
    assert [answer.status_int for answer in answers] == [303] * WRITERS
    assert {flash for answer in answers for flash in flashes(answer.follow())} == {"Your post is published"}
    assert sorted(db.scalars(sa.select(Tag.name))) == ["one", "three", "two"]


def test_of_eight_tags_that_get_the_same_name_at_once_one_has_it(faulty: Router, db: Session, ann: User) -> None:
    boss = make_user(db, "boss", role=USER.Role.STAFF)
    names = [f"tag-{number}" for number in range(WRITERS)]
    for name in names:
        make_post(db, ann, tags=[name])
    forms = []
    for name in names:
        visitor = Visitor(faulty)
        visitor.sign_in(db, boss)
        form = form_with(visitor.get(f"/tags/{name}/edit/"), "synonym_of")
        form["name"] = "tea"
        forms.append(form)
    answers = together([partial(form.submit, "save", status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] + [422] * (WRITERS - 1)
    for answer in answers:
        if answer.status_int == 422:
            assert field_errors(answer) == {"name": "Another tag has this name"}


@pytest.mark.parametrize("button", ["publish", "save_draft"])
def test_of_eight_posts_that_a_new_member_publishes_at_once_one_comes_before_the_pause(
    make_app: Callable[..., Router], db: Session, button: str
) -> None:
    app = make_app(newcomers_days=3, newcomers_pause_minutes=5)
    visitor = Visitor(app)
    visitor.sign_in(db, make_user(db, "bob"))
    forms = []
    for number in range(WRITERS):
        form = form_with(visitor.get("/posts/new/"), "title")
        form["title"], form["body"] = f"Post {number}", "Some text"
        # Those that are drafts by then have a form of their own.
        forms.append(form if button == "publish" else form_with(form.submit(button).follow(), "title"))
    answers = together([partial(form.submit, "publish", status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] + [422] * (WRITERS - 1)
    assert all("Nothing is lost" in answer for answer in answers if answer.status_int == 422)
    published = sa.select(sa.func.count(Post.id)).where(Post.published_at.is_not(None))
    assert db.scalar(published) == 1


def test_of_eight_comments_that_one_member_sends_at_once_so_many_come_as_may_stand_in_a_row(
    make_app: Callable[..., Router], db: Session, post: Post
) -> None:
    visitor = Visitor(make_app(comments_in_a_row=3))
    visitor.sign_in(db, make_user(db, "bob"))
    forms = []
    for number in range(WRITERS):
        form = form_with(visitor.get(f"/posts/{post.id}/{post.slug}/"), "body")
        form["body"] = f"Word {number}"
        forms.append(form)
    answers = together([partial(form.submit, "send", status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] * 3 + [422] * (WRITERS - 3)
    assert all("The last 3 comments here are yours." in each for each in answers if each.status_int == 422)
    assert rows(db, Comment) == 3


def test_readers_do_not_wait_for_a_writer(faulty: Router, db: Session, post: Post) -> None:
    db.commit()
    with faulty.registry["sessions"].writing() as writer:
        writer.get_one(Post, post.id, with_for_update=True).title = "Not yet"
        writer.flush()
        page = Visitor(faulty).get(f"/posts/{post.id}/{post.slug}/", status=200)
    assert page.html.h1.get_text() == "A post"
