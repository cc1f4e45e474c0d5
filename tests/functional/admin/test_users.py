"""The admins' list of members, and the page of one: search, role, status, audit."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.audit import AuditEntry
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, link_in, summary, text_of


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def entries(db: Session, user: User) -> list[AuditEntry]:
    """The audit of changes of a member, oldest first."""
    found = sa.select(AuditEntry).where(AuditEntry.target_id == user.id, AuditEntry.action != "user.create")
    return list(db.scalars(found.order_by(AuditEntry.id)))


# The list


def names(page: webtest.TestResponse) -> list[str]:
    return [link.get_text() for link in page.html.select("tbody th a")]


def test_the_list_shows_the_newest_first(client: Client, db: Session, root: User) -> None:
    for name in ("ann", "bob"):
        make_user(db, name)
    make_user(db, "cyd", status=USER.Status.NEW)
    page = client.get("/admin/users/")
    assert names(page) == ["cyd", "bob", "ann", "root-of-all"]
    cells = [cell.get_text(" ", strip=True) for cell in page.html.select("tbody tr")[0].select("td")]
    assert cells[:3] == ["cyd@example.org not verified", "Member", "New, address not verified"]


def test_the_list_links_to_each_member(client: Client, root: User) -> None:
    page = client.get("/admin/users/").click("root-of-all", href="/admin/")
    assert page.html.h1.get_text() == "root-of-all"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ann", ["joanna", "ann"]),
        ("ANN", ["joanna", "ann"]),
        ("  ann  ", ["joanna", "ann"]),
        ("\uff41\uff4e\uff4e", ["joanna", "ann"]),
        ("example.net", ["bob"]),
        ("Bob@Example", ["bob"]),
        ("%", []),
        ("a_n", ["a_n"]),
        ("\\", []),
        ("'; --", []),
        ("nobody", []),
        ("\U0001f600", []),
        ("x" * 5_00, []),
    ],
)
def test_a_search_finds_parts_of_names_and_addresses(
    client: Client, db: Session, root: User, search: str, found: list[str]
) -> None:
    make_user(db, "ann", email="first@example.org")
    make_user(db, "bob", email="bob@example.net")
    make_user(db, "joanna", email="second@example.org")
    make_user(db, "a_n", email="third@example.org")
    form = form_with(client.get("/admin/users/"), "q")
    form["q"] = search
    page = form.submit()
    assert names(page) == found
    assert form_with(page, "q")["q"].value == search.strip()[: ADMIN.SEARCH_MAX_LENGTH]
    assert ("Nobody matches" in page) == (not found)


def test_filters_by_role_and_status_go_together(client: Client, db: Session, root: User) -> None:
    make_user(db, "boss", role=USER.Role.STAFF)
    make_user(db, "former-boss", role=USER.Role.STAFF, status=USER.Status.INACTIVE)
    make_user(db, "nell", status=USER.Status.NEW)

    def filtered(role: str, status: str, search: str = "") -> list[str]:
        form = form_with(client.get("/admin/users/"), "role")
        form["role"], form["status"], form["q"] = role, status, search
        page = form.submit()
        again = form_with(page, "role")
        assert (again["role"].value, again["status"].value) == (role, status)
        return names(page)

    assert filtered("1", "") == ["former-boss", "boss"]
    assert filtered("1", "0") == ["former-boss"]
    assert filtered("", "1") == ["nell"]
    assert filtered("0", "2") == ["root-of-all"]
    assert filtered("2", "0") == []
    assert filtered("1", "", "former") == ["former-boss"]


@pytest.mark.parametrize("query", ["role=9", "role=x", "status=3", "status=-1", "before=x", "before=" + "9" * 19])
def test_a_filter_that_there_is_not_is_not_found(client: Client, root: User, query: str) -> None:
    client.get(f"/admin/users/?{query}", status=404)


def test_pages_show_every_match_once_and_keep_the_filter(client: Client, db: Session, root: User) -> None:
    made = [make_user(db, f"member-{number}").name for number in range(ADMIN.PAGE_SIZE + 3)]
    make_user(db, "boss", role=USER.Role.STAFF)
    first = client.get("/admin/users/?q=member&role=2&status=2")
    assert names(first) == made[::-1][: ADMIN.PAGE_SIZE]
    # Who joins meanwhile shifts nothing.
    make_user(db, "member-late")
    second = client.get("/admin/users/" + first.html.select_one("a[rel=next]")["href"])
    assert names(second) == ["member-2", "member-1", "member-0"]
    assert second.html.select_one("a[rel=next]") is None
    assert form_with(second, "q")["q"].value == "member"


def test_what_members_call_themselves_is_text(client: Client, db: Session, root: User, ann: User) -> None:
    ann.display_name = "<script>alert(1)</script>"
    page = client.get(f"/admin/users/{ann.id}/")
    assert "<script>alert" not in page
    assert page.html.h1.get_text() == ann.display_name


# One member


def change(client: Client, user: User, *, reason: str = "a reason", **values: int) -> webtest.TestResponse:
    form = form_with(client.get(f"/admin/users/{user.id}/"), "reason")
    form["reason"] = reason
    for name, value in values.items():
        form[name] = str(int(value))
    return form.submit("save", status="*")


def test_the_page_shows_account_sessions_and_changes(
    client: Client, make_client: Callable[..., Client], db: Session, root: User, ann: User
) -> None:
    sign_in(make_client(), ann)
    change(client, ann, role=USER.Role.STAFF, reason="She asked for it")
    page = client.get(f"/admin/users/{ann.id}/")
    pairs = dict(
        zip(
            (term.get_text() for term in page.html.select("dl.pairs dt")),
            (value.get_text(" ", strip=True) for value in page.html.select("dl.pairs dd")),
            strict=True,
        )
    )
    assert pairs["Nickname"] == "@ann"
    assert pairs["Email"].startswith("ann@example.org verified")
    assert (pairs["Role"], pairs["Status"]) == ("Staff", "Active")
    sessions, changes = page.html.select("table.data-table")
    assert [cell.get_text() for cell in sessions.select("tbody td")][:2] == ["a test", "127.0.0.1"]
    newest = [cell.get_text() for cell in changes.select("tbody tr")[0].select("td")]
    assert newest[1:] == ["root-of-all", "Role changed", "Member", "Staff", "She asked for it"]


def test_a_change_of_role_leaves_an_audit_row(client: Client, db: Session, root: User, ann: User) -> None:
    answer = change(client, ann, role=USER.Role.STAFF, reason="She asked for it")
    assert (answer.status_int, answer.location) == (303, f"http://localhost/admin/users/{ann.id}/")
    assert flashes(answer.follow()) == ["ann is changed"]
    db.refresh(ann)
    assert ann.role == USER.Role.STAFF
    (entry,) = entries(db, ann)
    assert (entry.action, entry.actor_id, entry.actor_name) == ("user.role", root.id, "root-of-all")
    assert (entry.target_type, entry.target_id, entry.reason) == ("users", ann.id, "She asked for it")
    assert (entry.before, entry.after) == ({"role": "USER"}, {"role": "STAFF"})
    assert (entry.address, entry.request_id) == ("127.0.0.1", answer.headers["X-Request-ID"])


def test_a_change_of_status_leaves_an_audit_row(client: Client, db: Session, root: User, ann: User) -> None:
    change(client, ann, status=USER.Status.INACTIVE, reason="Spam")
    db.refresh(ann)
    assert ann.status == USER.Status.INACTIVE
    (entry,) = entries(db, ann)
    assert (entry.action, entry.reason) == ("user.status", "Spam")
    assert (entry.before, entry.after) == ({"status": "ACTIVE"}, {"status": "INACTIVE"})


def test_a_change_of_both_leaves_two_rows(client: Client, db: Session, root: User, ann: User) -> None:
    change(client, ann, role=USER.Role.STAFF, status=USER.Status.INACTIVE)
    assert [entry.action for entry in entries(db, ann)] == ["user.role", "user.status"]


def test_a_member_whose_address_is_verified_is_not_made_new_again(
    client: Client, db: Session, root: User, ann: User
) -> None:
    page = change(client, ann, status=USER.Status.NEW)
    assert (page.status_int, list(field_errors(page))) == (422, ["status"])
    assert entries(db, ann) == []


def test_who_changes_nothing_is_told_so_and_keeps_the_reason(
    client: Client, db: Session, root: User, ann: User
) -> None:
    page = change(client, ann, reason="She asked for it")
    assert (page.status_int, flashes(page)) == (422, [])
    assert "Nothing was changed" in summary(page)
    assert form_with(page, "role")["reason"].value == "She asked for it"
    assert entries(db, ann) == []


def opened(client: Client, user: User, **values: int) -> webtest.Form:
    """The form of a member as it stands in a tab, filled in and not sent yet."""
    form = form_with(client.get(f"/admin/users/{user.id}/"), "role")
    form["reason"] = "from the older tab"
    for name, value in values.items():
        form[name] = str(int(value))
    return form


def test_a_form_leaves_alone_what_another_admin_changed_meanwhile(
    client: Client, db: Session, root: User, ann: User
) -> None:
    older = opened(client, ann, role=USER.Role.STAFF)
    change(client, ann, status=USER.Status.INACTIVE)
    older.submit("save", status=303)
    db.refresh(ann)
    assert (ann.role, ann.status) == (USER.Role.STAFF, USER.Status.INACTIVE)
    assert [(entry.action, entry.after) for entry in entries(db, ann)] == [
        ("user.status", {"status": "INACTIVE"}),
        ("user.role", {"role": "STAFF"}),
    ]


def test_a_choice_that_another_admin_made_otherwise_is_asked_about(
    client: Client, db: Session, root: User, ann: User
) -> None:
    older = opened(client, ann, role=USER.Role.ADMIN, status=USER.Status.INACTIVE)
    change(client, ann, role=USER.Role.STAFF)
    page = older.submit("save", status=409)
    assert field_errors(page) == {"role": "It is “Staff” now"}
    assert "Somebody else changed this" in summary(page)
    # What was not in dispute waits as well, for the reason is one.
    assert [entry.action for entry in entries(db, ann)] == ["user.role"]
    again = form_with(page, "role")
    assert (again["role"].value, again["status"].value) == ("0", "0")
    assert again["reason"].value == "from the older tab"
    again.submit("save", status=303)
    db.refresh(ann)
    assert (ann.role, ann.status) == (USER.Role.ADMIN, USER.Status.INACTIVE)
    assert entries(db, ann)[1].before == {"role": "STAFF"}


def test_what_another_admin_did_just_so_is_not_done_again(
    client: Client, db: Session, root: User, ann: User
) -> None:
    older = opened(client, ann, role=USER.Role.STAFF)
    change(client, ann, role=USER.Role.STAFF)
    assert "Nothing was changed" in summary(older.submit("save", status=422))
    assert len(entries(db, ann)) == 1


def test_a_form_that_comes_back_has_what_is_there_now_where_nothing_else_was_wanted(
    client: Client, db: Session, root: User, ann: User
) -> None:
    older = opened(client, ann, status=USER.Status.NEW)
    change(client, ann, role=USER.Role.STAFF)
    page = older.submit("save", status=422)
    assert list(field_errors(page)) == ["status"]
    again = form_with(page, "role")
    assert again["role"].value == str(int(USER.Role.STAFF))
    again["status"] = str(int(USER.Status.INACTIVE))
    again.submit("save", status=303)
    db.refresh(ann)
    assert (ann.role, ann.status) == (USER.Role.STAFF, USER.Status.INACTIVE)


@pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 501])
def test_a_change_needs_a_reason(client: Client, db: Session, root: User, ann: User, reason: str) -> None:
    page = change(client, ann, role=USER.Role.STAFF, reason=reason)
    assert page.status_int == 422
    assert list(field_errors(page)) == ["reason"]
    assert form_with(page, "reason")["role"].value == str(int(USER.Role.STAFF))
    db.refresh(ann)
    assert ann.role == USER.Role.USER
    assert entries(db, ann) == []


@pytest.mark.parametrize(("name", "value"), [("role", "3"), ("role", ""), ("status", "-1"), ("status", "x")])
def test_a_role_or_status_that_there_is_not_is_refused(
    client: Client, db: Session, root: User, ann: User, name: str, value: str
) -> None:
    form = form_with(client.get(f"/admin/users/{ann.id}/"), "reason")
    form["reason"] = "a reason"
    form[name].force_value(value)
    assert list(field_errors(form.submit("save", status=422))) == [name]
    assert entries(db, ann) == []


def test_change_and_audit_stand_or_fall_together(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    client = make_client(make_app(**{"pyramid.includes": "tests.reliability.faults"}))
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    form = form_with(client.get(f"/admin/users/{ann.id}/"), "reason")
    form["role"], form["status"], form["reason"] = "1", "0", "a reason"
    form.submit("save", status=500, headers={"X-Fail": "late"})
    db.refresh(ann)
    assert (ann.role, ann.status) == (USER.Role.USER, USER.Status.ACTIVE)
    assert entries(db, ann) == []
    form.submit("save", status=303)
    db.refresh(ann)
    assert (ann.role, ann.status) == (USER.Role.STAFF, USER.Status.INACTIVE)
    assert len(entries(db, ann)) == 2


# What a change does


def test_a_role_is_seen_by_the_members_next_request(
    client: Client, make_client: Callable[..., Client], db: Session, root: User, ann: User
) -> None:
    member = make_client()
    sign_in(member, ann)
    member.get("/admin/", status=404)
    change(client, ann, role=USER.Role.ADMIN)
    member.get("/admin/", status=200)
    change(client, ann, role=USER.Role.USER)
    member.get("/admin/", status=404)


def test_shutting_an_account_ends_its_sessions_at_once(
    client: Client, make_client: Callable[..., Client], db: Session, root: User, ann: User
) -> None:
    member = make_client()
    sign_in(member, ann)
    member.get("/users/me/", status=200)
    change(client, ann, status=USER.Status.INACTIVE)
    member.get("/users/me/", status=303)
    assert db.scalar(sa.select(sa.func.count(UserSession.id)).where(UserSession.user_id == ann.id)) == 0
    change(client, ann, status=USER.Status.ACTIVE)
    # The old cookie is worth nothing for ever.
    member.get("/users/me/", status=303)


def test_an_account_that_was_shut_can_not_sign_in_and_its_owner_alone_is_told_why(
    client: Client,
    make_client: Callable[..., Client],
    make_app: Callable[..., Router],
    root: User,
    ann: User,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    reason = "Advertised <tea> in five threads"
    change(client, ann, status=USER.Status.INACTIVE, reason=reason)
    form = form_with(make_client().get("/users/login/"), "login")
    form["login"], form["password"] = "ann", "correct horse battery"
    said = summary(form.submit(status=422))
    assert "This account has been shut" in said
    assert reason in said
    form["password"] = "a wrong one"
    assert "shut" not in summary(form.submit(status=422))
    (mail,) = mails(to="ann@example.org")
    assert mail["Subject"] == "Your account at My community has been shut"
    assert f"> {reason}" in text_of(mail)
    # This site names nobody.
    assert "write to" not in text_of(mail)

    # Each time the newest reason counts.
    change(client, ann, status=USER.Status.ACTIVE, reason="It was a misunderstanding")
    change(client, ann, status=USER.Status.INACTIVE, reason="It was none")
    form["password"] = "correct horse battery"
    assert "It was none" in summary(form.submit(status=422))
    naming = make_app(site_admins="root@site.example")
    assert "write to root@site.example." in text_of(mails(naming, to="ann@example.org")[-1])


# The last admin, and oneself


def test_nobody_changes_their_own_account(client: Client, db: Session, root: User) -> None:
    make_user(db, "other-root", role=USER.Role.ADMIN)
    page = client.get(f"/admin/users/{root.id}/")
    assert "You can't change your own role or status" in page.html.get_text()
    assert page.html.select_one("[name=reason]") is None
    values = {"role": "2", "status": "2", "reason": "a reason", "csrf_token": csrf_token(page)}
    client.post(f"/admin/users/{root.id}/", values, status=422)
    client.post(f"/admin/users/{root.id}/", values | {"role": "0", "status": "0"}, status=422)
    db.refresh(root)
    assert (root.role, root.status) == (USER.Role.ADMIN, USER.Status.ACTIVE)
    assert entries(db, root) == []


def test_an_admin_may_be_demoted_while_another_stays(client: Client, db: Session, root: User) -> None:
    other = make_user(db, "other-root", role=USER.Role.ADMIN)
    change(client, other, role=USER.Role.USER)
    db.refresh(other)
    assert other.role == USER.Role.USER


def test_an_admin_who_was_demoted_meanwhile_changes_nothing(
    client: Client, db: Session, root: User, ann: User
) -> None:
    make_user(db, "other-root", role=USER.Role.ADMIN)
    form = form_with(client.get(f"/admin/users/{ann.id}/"), "reason")
    form["role"], form["reason"] = "0", "a reason"
    root.role = USER.Role.USER
    form.submit("save", status=404)
    db.refresh(ann)
    assert ann.role == USER.Role.USER


# A lost password


def test_an_admin_has_a_link_for_a_new_password_mailed_to_the_member_and_sees_nothing_of_it(
    client: Client, db: Session, root: User, ann: User, mails: Callable[..., list[EmailMessage]]
) -> None:
    def start(reason: str) -> webtest.TestResponse:
        forms = client.get(f"/admin/users/{ann.id}/").forms.values()
        form = next(form for form in forms if form.action.endswith("/password/"))
        form["reason"] = reason
        return form.submit(status=303).follow()

    assert flashes(start(" ")) == ["Write why: it stands in the audit"]
    assert mails(to=ann.email) == []
    page = start("Lost the phone")
    assert flashes(page) == ["A link to choose a new password goes to ann by mail"]
    assert "Link for a new password sent" in page
    (mail,) = mails(to=ann.email)
    path = link_in(mail)
    assert path.rsplit("/", 2)[-2] not in page
    assert [(entry.action, entry.reason) for entry in entries(db, ann)] == [
        ("user.password_reset", "Lost the phone")
    ]
    ann.status = USER.Status.INACTIVE
    db.commit()
    assert "/password/" not in client.get(f"/admin/users/{ann.id}/")
