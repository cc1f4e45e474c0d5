"""Leaving: what is said, the days to think better of it, and that then nothing is left."""

import json
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject import models as all_models
from myproject.audit import COMMAND_LINE, Actor, AuditEntry
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import Base, utc_now
from myproject.emails.constants import Reason
from myproject.emails.models import Suppression
from myproject.emails.services import suppression
from myproject.posts.models import Post
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import Connection, Passkey, User, UserSession
from myproject.users.services import addresses, bans, roles, verification
from myproject.users.services.accounts import Client as From
from myproject.web.dates import exact
from tests.conftest import Client, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional import pages
from tests.functional.pages import field_errors, flashes, heading, summary, text_of
from tests.functional.users.test_avatars import picture, send

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
ADDRESS = "/users/me/delete/"


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def leave(client: Client, posts: str = "keep", *, sure: bool = True, status: int = 303) -> webtest.TestResponse:
    form = client.get(ADDRESS).forms["form"]
    form["posts"] = posts
    form["sure"] = sure
    return form.submit("delete", status=status)


def keep(page: webtest.TestResponse) -> webtest.TestResponse:
    """Presses "Keep my account"."""
    form = next(form for form in page.forms.values() if form.action.endswith("/undo/"))
    return form.submit(status=303)


def erase_all(app: Router, db: Session) -> None:
    """Lets the days pass, and the task run."""
    db.commit()
    due = sa.update(User).where(User.delete_after.is_not(None)).values(delete_after=utc_now())
    db.execute(due.execution_options(synchronize_session=False))
    db.commit()
    run_tasks(app.registry)
    tasks.erase_leavers(app.registry)
    db.expire_all()


def token_of(mail: EmailMessage) -> str:
    """The token in the link of a mail that proves its address."""
    return pages.link_in(mail).split("/")[-2]


def link_in(mail: EmailMessage) -> str:
    return next(
        line.removeprefix("http://localhost")
        for line in text_of(mail).splitlines()
        if "/users/keep-account/" in line
    )


def test_the_page_says_what_happens_and_what_stays(client: Client, ann: User) -> None:
    page = client.get(ADDRESS)
    for words in (
        "signed out everywhere",
        "with your name on it",
        "For 7 days",
        "Former member",
        "What stays",
        "backups",
    ):
        assert words in page


def test_it_wants_a_choice_and_a_tick(client: Client, db: Session, ann: User) -> None:
    page = leave(client, sure=False, status=422)
    assert field_errors(page) == {"sure": "Tick this box if you want to delete your account"}
    db.refresh(ann)
    assert ann.deletion == USER.Deletion.NONE


def test_it_asks_for_a_fresh_sign_in(client: Client, db: Session, ann: User) -> None:
    stale = utc_now() - timedelta(minutes=USER.REAUTH_MINUTES + 1)
    db.execute(sa.update(UserSession).values(authenticated_at=stale))
    assert "/users/reauth/?next=" in client.get(ADDRESS, status=303).location


def test_at_once_the_profile_is_hidden_and_every_session_over(
    client: Client, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    other, guest = make_client(), make_client()
    post = make_post(db, ann)
    sign_in(other, ann)
    guest.get("/@ann/", status=200)
    page = leave(client).follow()
    assert flashes(page) == ["Your account is shut. We have sent you a mail with a link to keep it after all."]
    for each in (client, other):
        assert "/users/login/" in each.get("/users/me/", status=303).location
    guest.get("/@ann/", status=404)
    # As the page has said.
    assert ann.title in guest.get(f"/posts/{post.id}/").follow().html.article.text


def test_who_signs_in_again_is_asked_and_may_keep_the_account(client: Client, db: Session, ann: User) -> None:
    leave(client)
    answer = client.login("Ann")
    assert answer.location.endswith(ADDRESS)
    page = answer.follow()
    assert heading(page) == "Keep your account?"
    db.refresh(ann)
    assert ann.delete_after is not None
    assert f"will be done on {exact(ann.delete_after, 'UTC', 'en')}." in page
    assert "Your account will be deleted" in client.get("/users/me/")
    assert "Your account stays. It is good to have you back." in flashes(keep(page).follow())
    db.refresh(ann)
    assert (ann.deletion, ann.delete_after) == (USER.Deletion.NONE, None)
    client.get("/@ann/", status=200)


def test_the_mailed_link_keeps_the_account_by_its_button_once(
    client: Client, db: Session, ann: User, mails: Mails, make_client: Callable[..., Client]
) -> None:
    leave(client)
    (mail,) = mails(to="Ann@example.org")
    link, guest = link_in(mail), make_client()
    for _ in range(2):
        page = guest.get(link, status=200)
    db.refresh(ann)
    assert ann.deletion == USER.Deletion.KEEP_POSTS
    form = next(form for form in page.forms.values() if form.action in ("", link))
    form.submit(status=303)
    db.refresh(ann)
    assert ann.deletion == USER.Deletion.NONE
    form.submit(status=410)
    guest.get(link, status=410)


def test_an_account_that_is_kept_is_not_erased(client: Client, app: Router, db: Session, ann: User) -> None:
    leave(client)
    client.login("Ann")
    keep(client.get(ADDRESS))
    erase_all(app, db)
    assert (ann.name, ann.status) == ("Ann", USER.Status.ACTIVE)


def test_nobody_is_erased_before_the_days_are_over(client: Client, app: Router, db: Session, ann: User) -> None:
    leave(client)
    tasks.erase_leavers(app.registry)
    db.refresh(ann)
    assert ann.name == "Ann"
    assert timedelta(days=6) < ann.delete_after - utc_now() <= timedelta(days=USER.DELETION_DAYS)  # type: ignore[operator]


def test_the_last_admin_stays(client: Client, db: Session) -> None:
    admin, other = (make_user(db, name, role=USER.Role.ADMIN) for name in ("root-1", "root-2"))
    sign_in(client, other)
    leave(client)
    sign_in(client, admin)
    assert "The site needs an admin" in summary(leave(client, status=422))


def test_who_became_the_last_admin_meanwhile_stays(client: Client, app: Router, db: Session) -> None:
    admin, other = (make_user(db, name, role=USER.Role.ADMIN) for name in ("root-1", "root-2"))
    sign_in(client, admin)
    leave(client)
    other.role = USER.Role.USER
    erase_all(app, db)
    assert admin.name == "root-1"


def test_posts_that_stay_are_by_a_former_member(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    ben = make_user(db, "Ben")
    post = make_post(db, ann, "Green tea")
    draft_id = make_post(db, ann, "Half a thought", publish=False).id
    first = make_comment(db, post, ann, "My own word")
    make_comment(db, post, ben, "An answer", first)
    post_id, address = post.id, f"/posts/{post.id}/{post.slug}/"
    leave(client)
    erase_all(app, db)
    page = make_client().get(address)
    assert page.html.select_one(".byline").get_text() == "Former member"
    assert "My own word" in page
    assert "Ann" not in page
    assert "former member" in make_client().get("/").text.lower()
    assert db.get(Post, draft_id) is None
    assert db.get_one(Post, post_id).comment_count == 2


def test_posts_that_go_take_what_hangs_on_them_and_comments_leave_a_place_for_answers(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    ben = make_user(db, "Ben")
    own, others = (
        make_post(db, ann, "Green tea", tags=["only-hers"]),
        make_post(db, ben, "Coffee", tags=["drinks"]),
    )
    make_comment(db, own, ben, "Under hers")
    answered = make_comment(db, others, ann, "Answered words")
    make_comment(db, others, ben, "The answer", answered)
    chain = make_comment(db, others, ann, "Unanswered words")
    make_comment(db, others, ann, "Said to herself", chain)
    own_id, address = own.id, f"/posts/{others.id}/{others.slug}/"
    others_id = others.id
    leave(client, "remove")
    erase_all(app, db)
    guest = make_client()
    guest.get(f"/posts/{own_id}/", status=404)
    page = guest.get(address)
    comments = page.html.select(".comment")
    assert [comment.select_one(".byline").get_text(strip=True) for comment in comments] == [
        "Former member",
        "BBen",
    ]
    assert "This comment was removed by its author." in comments[0].get_text()
    assert "The answer" in comments[1].get_text()
    assert "words" not in page.html.select_one("#comments").get_text()
    # The place that is left is no comment.
    assert db.get_one(Post, others_id).comment_count == 1
    tags = {name for (name,) in db.execute(sa.text("SELECT name FROM tags"))}
    assert tags == {"drinks"}


def test_the_name_is_nobodys_for_a_year_and_the_address_free_at_once(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    leave(client)
    erase_all(app, db)
    for name in ("Ann", "ann"):
        answer = make_client().register(name, "somebody@example.org")
        assert field_errors(answer) == {"name": "Somebody else has this nickname"}
    make_client().register("Anna", "Ann@example.org").follow()
    assert db.query(User).filter_by(name="Anna").one().email == "Ann@example.org"


def test_one_who_can_not_be_erased_holds_up_nobody(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client], caplog: Any
) -> None:
    ben, other = make_user(db, "Ben"), make_client()
    sign_in(other, ben)
    leave(client)
    leave(other)
    # A name that the emptied row needs.
    make_user(db, "squatter").name_canonical = f"{USER.FORMER_MEMBER}{ann.id}"
    erase_all(app, db)
    assert ann.name == "Ann"
    assert ben.name == f"{USER.FORMER_MEMBER}{ben.id}"


# Nothing is left

CANARY = "c4nary"


def canary(column: Any) -> str:
    """A text of the column's own that can be found again."""
    longest = getattr(column.type, "length", None) or 40
    return f"{CANARY}-{column.name}".replace("_", "-")[:longest]


def fill(row: Base, *, but: set[str]) -> None:
    """Puts a canary into every text column of a row, so that a new one is not forgotten."""
    for column in row.__table__.columns:
        if isinstance(column.type, sa.String) and column.key not in but and not column.foreign_keys:
            setattr(row, column.key, canary(column))


def everything_in(db: Session) -> list[str]:
    """Every row of every table, as text."""
    assert len(all_models.MODELS) > 10
    return [
        f"{table.name}: {row!r}" for table in Base.metadata.sorted_tables for row in db.execute(sa.select(table))
    ]


def everything_cached(app: Router) -> list[str]:
    values = app.registry["cache"].region.backend._cache
    return [
        f"{key}: {bytes(values[key]) if isinstance(values[key], bytes) else values[key]!r}" for key in list(values)
    ]


@pytest.mark.parametrize("posts", ["keep", "remove"])
def test_nothing_is_left_of_who_has_gone_but_a_trace(
    client: Client, app: Router, db: Session, make_client: Callable[..., Client], mails: Mails, posts: str
) -> None:
    admin, ben = make_user(db, "chief", role=USER.Role.ADMIN), make_user(db, "Ben")
    # As a person comes, writes and changes things.
    browser = make_client(address="198.51.100.77")
    browser.extra_environ["HTTP_USER_AGENT"] = f"{CANARY}-browser"
    browser.register(f"{CANARY}-name", f"{CANARY}@mail.example").follow()
    mails()
    person = db.query(User).filter_by(name=f"{CANARY}-name").one()
    roles.change_status(db, Actor(admin.id, admin.name), person.id, USER.Status.ACTIVE, f"{CANARY}-name may write")
    bans.ban(db, Actor(admin.id, admin.name), person.id, utc_now(), f"{CANARY}-name shouts")
    roles.change_role(db, Actor(admin.id, admin.name), person.id, USER.Role.ADMIN, "Helps")
    roles.change_role(db, Actor(person.id, person.name, "198.51.100.77"), ben.id, USER.Role.STAFF, "Helps too")
    person.email_verified_at = utc_now()
    send(
        browser,
        picture(),
        bio=f"{CANARY} bio",
        display_name=f"{CANARY} shown",
        website=f"https://{CANARY}.example",
    )
    content = f"{CANARY}-content" if posts == "remove" else "content"
    own = make_post(db, person, content, body=content, tags=[content] if posts == "remove" else ["kept"])
    make_post(db, person, f"{CANARY} draft", body=f"{CANARY} draft", publish=False)
    theirs = make_post(db, ben, "By Ben")
    comment = make_comment(db, theirs, person, content)
    make_comment(db, theirs, ben, "An answer", comment)
    make_comment(db, theirs, person, content)
    under = make_comment(db, own, ben, "Ben's own")
    make_comment(db, own, person, content, under)
    db.add(Passkey(user_id=person.id, credential_id=CANARY.encode(), handle=b"x", public_key=b"x", name=CANARY))
    db.add(Connection(user_id=person.id, provider=CANARY, issuer=CANARY, subject=CANARY, label=CANARY))
    browser.get("/users/me/data/").forms["form"].submit("export", status=303)
    mails()
    fill(
        person,
        but={
            "name",
            "name_canonical",
            "name_skeleton",
            "email",
            "email_canonical",
            "theme",
            "avatar",
            "locale",
            "time_zone",
            "password",
            "terms_version",
        },
    )
    # What is read fills the caches.
    for address in ("/", f"/@{CANARY}-name/", f"/posts/{theirs.id}/by-ben/"):
        make_client().get(address, status=200)
        browser.get(address, status=200)
    sign_in(browser, person)
    person_id = person.id
    leave(browser, posts)
    browser.get("/", status=200)
    mails()
    assert any(CANARY in row for row in everything_in(db))
    assert any(CANARY in row for row in everything_cached(app))
    erase_all(app, db)

    assert [row for row in everything_in(db) if CANARY in row.lower()] == []
    assert [row for row in everything_in(db) if "198.51.100.77" in row] == []
    assert [row for row in everything_cached(app) if CANARY in row] == []
    storage = settings_of(app.registry).storage_folder
    assert [path for path in storage.rglob("*") if path.is_file()] == []
    # The audit still says what was done, and to whom it happened by a trace alone.
    entries = (
        db.query(AuditEntry).filter_by(target_id=person_id, target_type="users").order_by(AuditEntry.id).all()
    )
    assert [entry.action for entry in entries] == ["user.status", "user.role"]
    assert entries[0].reason.startswith("#")
    assert entries[0].reason.endswith(" may write")
    acted = db.query(AuditEntry).filter_by(actor_id=person_id).one()
    assert (acted.actor_name[0], len(acted.actor_name), acted.address) == ("#", 29, "")
    # Counts are right, and every page that is left can be read.
    for post in db.query(Post).all():
        readable = db.query(Comment).filter_by(post_id=post.id, status=COMMENT.Status.PUBLISHED)
        assert post.comment_count == readable.count()
        make_client().get(f"/posts/{post.id}/{post.slug}/", status=200)
    make_client().get("/", status=200)
    run_tasks(app.registry)
    assert json.dumps([str(row) for row in everything_in(db)]).count(CANARY) == 0


def test_nothing_is_left_of_addresses_that_who_has_gone_had_or_typed_before(
    client: Client, app: Router, db: Session, mails: Mails
) -> None:
    typed, first, second = (f"{CANARY}-{name}@mail.example" for name in ("typed", "first", "second"))
    here, ben = From("127.0.0.1", "a test"), make_user(db, "Ben")
    person = make_user(db, "leaver", email=typed, status=USER.Status.NEW)
    verification.correct_email(db, person.id, first, here)
    db.commit()
    verification.verify_by_token(db, token_of(mails(to=first)[-1]), here)
    # What somebody else has, they only typed.
    for wanted in (ben.email, second):
        addresses.ask_for_change(db, person.id, wanted, here)
    db.commit()
    addresses.confirm_change(db, token_of(mails(to=second)[-1]), here)
    for address in (typed, first, second, ben.email):
        suppression.note(db, address, Reason.HARD, f"550 no such user: {address}")
    stopped = suppression.find(db, first)
    assert stopped is not None
    suppression.lift(db, COMMAND_LINE, stopped.id, f"{first} is alive")
    roles.change_role(db, COMMAND_LINE, person.id, USER.Role.STAFF, f"Was {typed}, then {first}")
    mails()
    sign_in(client, person)
    leave(client)
    mails()
    erase_all(app, db)
    assert [row for row in everything_in(db) if CANARY in row.lower()] == []
    assert db.scalars(sa.select(Suppression.address)).all() == ["ben@example.org"]


def test_what_came_back_from_an_address_that_no_account_has_is_forgotten_in_time(app: Router, db: Session) -> None:
    make_user(db, "Ben")
    for name in ("ben", "nobody", "newcomer"):
        suppression.note(db, f"{name}@example.org", Reason.HARD)
    past = utc_now() - timedelta(days=settings_of(app.registry).retention_security_log_days + 1)
    db.execute(sa.update(Suppression).where(Suppression.address != "newcomer@example.org").values(last_at=past))
    db.commit()
    tasks.purge(app.registry)
    assert set(db.scalars(sa.select(Suppression.address))) == {"ben@example.org", "newcomer@example.org"}
