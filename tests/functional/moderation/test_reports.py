"""Members report texts; so many of them hide one, until staff have decided, whatever they decide."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.comments.services.moving import move_comment
from myproject.comments.services.removal import remove_comment, restore_comment
from myproject.db import utc_now
from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case, Flag
from myproject.moderation.services.cases import find_or_open
from myproject.moderation.services.personal import export_flags
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.approval import answer as answer_post
from myproject.posts.services.curation import lock_post, unlock_post
from myproject.posts.services.removal import remove_post, restore_post
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services.deletion import erase
from myproject.users.services.export import person_of
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes, heading, summary, text_of

pytestmark = pytest.mark.one_database

SECRET = "Words that somebody reports"
ENOUGH = 3


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(moderation_vouch_comments=1)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, make_user(db, "host"), "Of tea")


@pytest.fixture
def comment(db: Session, ann: User, post: Post) -> Comment:
    return make_comment(db, post, ann, SECRET)


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


@pytest.fixture
def reporters(make_client: Callable[..., Client], db: Session) -> list[Client]:
    """Members with a post of their own, as many as it takes to hide a text."""
    clients = []
    for number in range(ENOUGH):
        user = make_user(db, f"reporter-{number}")
        make_post(db, user, "A post of a reporter")
        clients.append(make_client())
        sign_in(clients[-1], user)
    return clients


def report(client: Client, text: Post | Comment, reason: str = "2", note: str = "") -> webtest.TestResponse:
    kind = "posts" if isinstance(text, Post) else "comments"
    form = form_with(client.get(f"/{kind}/{text.id}/report/"), "note")
    form["reason"], form["note"] = reason, note
    return form.submit("report", status="*")


def answer(staff: Client, button: str, reason: str = "") -> webtest.TestResponse:
    form = form_with(staff.get("/moderation/"), "reason")
    form["reason"] = reason
    return form.submit(button, status="*")


def test_enough_reports_hide_a_comment_everywhere_until_staff_put_it_back(
    app: Router,
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    ann: User,
    post: Post,
    comment: Comment,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    guest, author, page = make_client(), make_client(), f"/posts/{post.id}/of-tea/"
    sign_in(author, ann)
    for client in reporters[:-1]:
        assert flashes(report(client, comment, note="Look at this").follow().maybe_follow())
    assert SECRET in guest.get(page)
    report(reporters[-1], comment)
    db.refresh(post)
    assert post.comment_count == 0
    for address in (page, f"/posts/{post.id}/feed.atom", "/@ann/comments/", "/search/?q=reports"):
        assert SECRET not in guest.get(address)
    # Its place leads members to a page that says so.
    assert guest.get(f"/comments/{comment.id}/").location.endswith(f"{page}#comment-{comment.id}")
    told = reporters[0].get(f"/comments/{comment.id}/").follow()
    assert heading(told) == "This comment is hidden"
    assert SECRET not in told
    assert SECRET in author.get(f"/comments/{comment.id}/").follow()
    (mail,) = mails(to="ann@")
    assert mail["Subject"] == "Your comment on “Of tea” is hidden"

    queue = staff.get("/").click("Queue")
    assert SECRET in queue
    assert "3 reports that count" in queue
    assert "Look at this" in queue
    assert flashes(answer(staff, "stay").follow()) == ["It is in the open"]
    assert SECRET in guest.get(page)
    assert "Nothing waits" in staff.get("/moderation/")
    assert mails(to="ann@")[-1]["Subject"] == "Your comment on “Of tea” is back"
    for number in range(ENOUGH):
        (mail,) = mails(to=f"reporter-{number}@")
        assert mail["Subject"] == "Staff left the comment that you reported as it is"
    # The same words are not reported again by the same people; other people's reports begin anew.
    assert "left it as it is" in summary(report(reporters[0], comment))


def test_a_hidden_post_leaves_the_lists_and_staff_remove_it_with_a_reason(
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    ann: User,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    bad = make_post(db, ann, SECRET, tags=["tea"])
    guest, address = make_client(), f"/posts/{bad.id}/{bad.slug}/"
    for client in reporters:
        report(client, bad)
    assert [bad.status for _ in (db.refresh(bad),)] == [POST.Status.HIDDEN]
    for page in ("/", "/tags/", "/@ann/", "/feed.atom", "/sitemap.xml"):
        assert SECRET not in guest.get(page)
    guest.get("/tags/tea/", status=404)
    gone = guest.get(address, status=404)
    assert heading(gone) == "This post is hidden"
    assert SECRET not in gone
    assert heading(reporters[0].get(address, status=404).click("More about it")) == "This post is hidden"
    assert field_errors(answer(staff, "remove")) == {"reason": "Say why: its author gets to read it"}
    assert answer(staff, "remove", "Nobody should read this").status_int == 303
    assert "Nobody should read this" in guest.get(address, status=410)
    (mail,) = mails(to="reporter-0@")
    assert mail["Subject"] == "Staff removed the post that you reported"
    assert SECRET not in mail.as_string()
    log = guest.get("/moderation/log/")
    assert "A post was removed: Nobody should read this" in log.text
    assert "reporter" not in log
    assert SECRET not in log


def test_reports_of_members_without_texts_of_their_own_hide_nothing_but_reach_staff(
    db: Session, make_client: Callable[..., Client], staff: Client, comment: Comment
) -> None:
    for number in range(ENOUGH):
        client = make_client()
        sign_in(client, make_user(db, f"newcomer-{number}"))
        report(client, comment)
    db.refresh(comment)
    assert comment.status == POST.Status.PUBLISHED
    queue = staff.get("/moderation/")
    assert "0 reports that count" in queue
    assert queue.text.count("new here: does not count") == ENOUGH


def test_a_second_report_changes_the_first(
    db: Session, staff: Client, reporters: list[Client], comment: Comment
) -> None:
    report(reporters[0], comment, "1", "It sells something")
    page = reporters[0].get(f"/comments/{comment.id}/report/")
    assert (form_with(page, "note")["reason"].value, form_with(page, "note")["note"].value) == (
        "1",
        "It sells something",
    )
    report(reporters[0], comment, "2", "And it is rude")
    (flag,) = db.scalars(sa.select(Flag))
    assert flag.note == "And it is rude"
    assert db.scalars(sa.select(Case.flag_count)).all() == [1]


def test_a_report_wants_a_reason_and_keeps_the_note(reporters: list[Client], comment: Comment) -> None:
    answer = report(reporters[0], comment, "", "What I wrote")
    assert answer.status_int == 422
    assert field_errors(answer) == {"reason": "Fill in this field"}
    assert form_with(answer, "note")["note"].value == "What I wrote"


def test_its_author_may_change_a_hidden_text_once_after_a_while_and_staff_look_again(
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    ann: User,
    comment: Comment,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    for client in reporters:
        report(client, comment)
    opened = form_with(staff.get("/moderation/"), "reason")
    assert answer(staff, "ask", "Leave the name out").status_int == 303
    # Nobody undoes what they have not seen that somebody else has decided.
    opened["reason"] = "Rude"
    overtaken = opened.submit("remove", status=409)
    assert "This has changed since you opened it" in summary(overtaken)
    assert form_with(overtaken, "reason")["reason"].value == "Rude"
    assert "Nothing waits" in staff.get("/moderation/")
    case_id = db.scalars(sa.select(Case.id)).one()
    assert "ask" not in form_with(staff.get(f"/moderation/cases/{case_id}/"), "reason").fields
    mail = mails(to="ann@")[-1]
    assert mail["Subject"] == "Your comment on “Of tea” stays hidden until you change it"
    assert "Leave the name out" in text_of(mail)
    author = make_client()
    sign_in(author, ann)

    def change(words: str) -> webtest.TestResponse:
        form = form_with(author.get(f"/comments/{comment.id}/edit/"), "body")
        form["body"] = words
        return form.submit("save", status="*")

    too_soon = change("Without the name")
    assert "You can change it in 30 minutes" in summary(too_soon)
    assert form_with(too_soon, "body")["body"].value == "Without the name"
    db.expire_all()
    comment.hidden_at = utc_now() - timedelta(minutes=31)
    assert change("Without the name").status_int == 303
    assert "Without the name" in staff.get("/moderation/")
    assert "You have changed this once" in summary(change("And once more"))
    # Staff may not send it back a second time.
    assert "ask" not in form_with(staff.get("/moderation/"), "reason").fields
    answer(staff, "stay")
    assert "Without the name" in make_client().get(f"/posts/{comment.post_id}/of-tea/")


def test_who_removes_a_hidden_text_and_puts_it_back_has_it_hidden_again(
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    ann: User,
    comment: Comment,
) -> None:
    bad = make_post(db, ann, SECRET)
    for client in reporters:
        report(client, bad)
        report(client, comment)
    author = make_client()
    sign_in(author, ann)
    author.get(f"/posts/{bad.id}/delete/").forms["form"].submit("remove")
    author.get(f"/comments/{comment.id}/delete/").forms["form"].submit("remove")
    assert "Nothing waits" in staff.get("/moderation/")
    author.get(f"/posts/{bad.id}/", status=410).forms[1].submit("restore")
    author.get(f"/comments/{comment.id}/restore/").forms["form"].submit("restore")
    db.expire_all()
    assert (bad.status, int(comment.status)) == (POST.Status.HIDDEN, POST.Status.HIDDEN)
    assert staff.get("/moderation/").text.count("3 reports that count") == 2


def test_a_reader_with_comments_may_read_a_hidden_text_and_vouch_for_it_once(
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    post: Post,
    comment: Comment,
) -> None:
    for client in reporters:
        report(client, comment)
    answer(staff, "ask", "Leave the name out")
    reader = make_client()
    sign_in(reader, user := make_user(db, "reader"))
    address = f"/comments/{comment.id}/hidden/"
    page = reader.get(address)
    assert SECRET not in page
    assert "It should be in the open" not in page
    make_comment(db, post, user)
    page = reader.get(address)
    assert SECRET in page
    form = next(form for form in page.forms.values() if "vouch" in form.fields)
    for _twice in range(2):
        form.submit("vouch", status=303)
    assert "You have said that it should be in the open" in reader.get(address)
    assert "1 reader wants it back" in staff.get("/moderation/")
    make_client().get(address, status=303)


def test_staff_do_not_decide_about_their_own_texts_and_two_answers_are_one(
    db: Session, make_client: Callable[..., Client], staff: Client, reporters: list[Client], post: Post
) -> None:
    boss = db.scalars(sa.select(User).where(User.name == "boss")).one()
    own = make_comment(db, post, boss, SECRET)
    report(reporters[0], own)
    assert "somebody else of the staff decides" in summary(answer(staff, "stay"))
    other = make_client()
    sign_in(other, make_user(db, "other-staff", role=USER.Role.STAFF))
    form = form_with(other.get("/moderation/"), "reason")
    form.submit("stay", status=303)
    assert "Somebody else has answered this meanwhile" in summary(form.submit("stay", status=422))
    # Who runs the site may be alone there.
    root = make_user(db, "root", role=USER.Role.ADMIN)
    report(reporters[0], make_comment(db, post, root, SECRET))
    alone = make_client()
    sign_in(alone, root)
    assert answer(alone, "stay").status_int == 303


def test_who_runs_the_site_alone_removes_an_own_text_and_its_reporters_are_told(
    db: Session,
    make_client: Callable[..., Client],
    reporters: list[Client],
    post: Post,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    root, alone = make_user(db, "root", role=USER.Role.ADMIN), make_client()
    sign_in(alone, root)
    report(reporters[0], make_comment(db, post, root, SECRET))
    answer(alone, "remove", "I should not have said this")
    case = db.scalars(sa.select(Case)).one()
    assert (case.state, case.decision) == (MODERATION.State.CLOSED, MODERATION.Decision.REMOVED)
    (mail,) = mails(to="reporter-0@")
    assert mail["Subject"] == "Staff removed the comment that you reported"


def test_only_what_staff_removed_and_left_removed_counts_as_removed_after_reports(
    db: Session,
    make_client: Callable[..., Client],
    staff: Client,
    reporters: list[Client],
    ann: User,
    post: Post,
    comment: Comment,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    double, shown = make_post(db, ann, SECRET), make_comment(db, post, ann, "Something else")
    for text in (double, shown):
        report(reporters[0], text)
    report(reporters[1], comment)
    # A double is no offence, and its report is no longer about anything.
    form = form_with(staff.get(f"/posts/{double.id}/merge/"), "target")
    form["target"], form["reason"] = str(post.id), "Asked before"
    form.submit("merge", status=303)
    assert mails(to="reporter-0@") == []
    answer(staff, "remove", "Nobody should read this")
    assert "1 text removed after reports" in staff.get("/moderation/")
    staff.get(f"/comments/{shown.id}/restore/").forms["form"].submit("restore")
    assert "0 texts removed after reports" in staff.get("/moderation/")


def test_many_reports_of_one_text_hide_none_of_another(
    db: Session, staff: Client, reporters: list[Client], ann: User, comment: Comment
) -> None:
    much = find_or_open(db, make_post(db, ann, "Much reported"))
    names = [f"newcomer-{number}" for number in range(MODERATION.PAGE_SIZE * MODERATION.NOTES_SHOWN)]
    users = [User(name=name, name_canonical=name, email=name, email_canonical=name) for name in names]
    db.add_all(users)
    db.flush()
    flag = {"case_id": much.id, "reason": MODERATION.Reason.SPAM, "version": 1, "counts": False}
    db.add_all(Flag(user_id=user.id, **flag) for user in users)
    report(reporters[0], comment, note="A note on a comment")
    queue = staff.get("/moderation/")
    assert "A note on a comment" in queue
    assert queue.text.count("new here: does not count") == MODERATION.NOTES_SHOWN


def test_the_queue_has_pages_and_shows_each_text_once_oldest_first(
    db: Session, staff: Client, reporters: list[Client], ann: User, post: Post
) -> None:
    titles = []
    for number in range(MODERATION.PAGE_SIZE + 5):
        text = (
            make_post(db, ann, f"Post {number:02}")
            if number % 2
            else make_comment(db, post, ann, f"Word {number:02}")
        )
        if number % 3:
            find_or_open(db, text)
        else:
            text.status = POST.Status.WAITING
        titles.append(f"{number:02}")
    db.flush()
    page = staff.get("/moderation/")
    seen = [element.get_text() for element in page.html.select("section.card")]
    page = page.click("Newer")
    seen += [element.get_text() for element in page.html.select("section.card")]
    found = [
        next(title for title in titles if f"Post {title}" in each or f"Word {title}" in each) for each in seen
    ]
    assert found == titles
    staff.get("/moderation/?after=x", status=404)


def test_the_log_can_be_switched_off(make_app: Callable[..., Router], make_client: Callable[..., Client]) -> None:
    make_client(make_app(moderation_log=False)).get("/moderation/log/", status=404)


def test_the_log_names_no_text_that_never_was_in_the_open(
    make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    boss = Actor(make_user(db, "boss", role=USER.Role.STAFF).id, "boss")
    refused, waiting = make_post(db, ann, publish=False), make_post(db, ann, publish=False)
    unseen, other = make_comment(db, post, ann), make_post(db, ann)
    refused.status = waiting.status = unseen.status = POST.Status.WAITING
    lock_post(db, boss, waiting.id, SECRET)
    unlock_post(db, boss, waiting.id)
    move_comment(db, boss, unseen.id, other.id, SECRET)
    remove_comment(db, boss, unseen.id, SECRET)
    move_comment(db, boss, unseen.id, post.id, SECRET)
    remove_post(db, boss, refused.id, SECRET)
    lock_post(db, boss, refused.id, SECRET)
    restore_post(db, boss, refused.id)
    # Neither is what was done meanwhile named later.
    answer_post(db, boss, waiting.id, approve=True, reason="")
    restore_comment(db, boss, unseen.id)
    lock_post(db, boss, post.id, "Enough was said")
    db.commit()
    log = make_client().get("/moderation/log/")
    assert SECRET not in log
    assert [link["href"] for link in log.html.select("main .rows a")] == [
        f"/posts/{post.id}/",
        f"/comments/{unseen.id}/",
        f"/posts/{waiting.id}/",
    ]
    assert "A post was locked: Enough was said" in log.text


def test_the_page_of_a_post_leads_members_to_reporting_and_to_what_is_hidden(
    reporters: list[Client],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    post: Post,
    comment: Comment,
) -> None:
    page, reply = f"/posts/{post.id}/of-tea/", f"/comments/{comment.id}/reply/"
    below = make_comment(db, post, post.author, "An answer", parent=comment)
    author, guest = make_client(), make_client()
    sign_in(author, ann)
    links = f"/posts/{post.id}/report/", f"/comments/{comment.id}/report/", f"/comments/{below.id}/report/"
    assert [link in reporters[0].get(page) for link in links] == [True, True, True]
    # Not one's own, and not without signing in.
    assert [link in author.get(page) for link in links] == [True, False, True]
    assert [link in guest.get(page) for link in links] == [False, False, False]
    for client in reporters:
        report(client, comment)
    hidden, place = f"/comments/{comment.id}/hidden/", f"#comment-{comment.id}"
    assert "This comment is hidden." in guest.get(page).html.select_one(place).get_text()
    assert hidden not in guest.get(page)
    assert "None" not in guest.get(page).html.select_one(place).get_text()
    told = reporters[0].get(page)
    assert hidden in told
    assert reply not in told
    assert links[1] not in told


def test_of_who_leaves_reports_are_taken_back_and_their_removed_texts_leave_the_queue(
    db: Session, staff: Client, reporters: list[Client], ann: User, comment: Comment
) -> None:
    post = make_post(db, ann, SECRET)
    for text in (post, comment):
        report(reporters[0], text, note="A note of mine")
        report(reporters[1], text)
    reporter = db.scalars(sa.select(User).where(User.name == "reporter-0")).one()
    told = {path: "".join(pieces) for path, pieces in export_flags(db, person_of(reporter))}
    assert told["reports.json"].count("A note of mine") == 2
    for user, what in ((reporter, USER.Deletion.KEEP_POSTS), (ann, USER.Deletion.REMOVE_POSTS)):
        user.deletion, user.delete_after = what, utc_now()
        db.flush()
        assert erase(db, user.id)
        queue = staff.get("/moderation/")
        assert "A note of mine" not in queue
        assert queue.text.count("1 report that counts") == (2 if user is reporter else 0)
    assert "Nothing waits" in queue
