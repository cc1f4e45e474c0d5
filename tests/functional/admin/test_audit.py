"""The audit as admins read it: newest first, by action, by who did it, by what it was done to."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.audit import COMMAND_LINE, Actor, AuditEntry
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import bans
from myproject.users.services.roles import change_role, change_status
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user

pytestmark = pytest.mark.one_database


def rows(page: webtest.TestResponse) -> list[list[str]]:
    """The entries: what, who, on what, from, to and why; without when."""
    texts = [
        [cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in page.html.select("tbody tr")
    ]
    return [[what, *others] for what, _when, *others in texts]


@pytest.fixture
def history(db: Session, root: User) -> tuple[User, User]:
    """An admin and a member: what was done to the member and a post and a comment of theirs."""
    db.execute(sa.delete(AuditEntry))
    ann, boss = make_user(db, "ann"), make_user(db, "boss", role=USER.Role.ADMIN)
    db.execute(sa.delete(AuditEntry))
    acting = Actor(boss.id, boss.name, "192.0.2.7")
    change_role(db, COMMAND_LINE, ann.id, USER.Role.STAFF, "")
    change_status(db, acting, ann.id, USER.Status.INACTIVE, "Sold <b>watches</b>")
    post = make_post(db, ann)
    audit.record(db, "post.lock", post, actor=acting, reason="It has gone on for long enough")
    audit.record(db, "comment.keep", make_comment(db, post, ann), actor=acting)
    return ann, boss


def test_it_shows_who_did_what_to_what_and_why_newest_first(
    client: Client, db: Session, history: tuple[User, User]
) -> None:
    page = client.get("/admin/").click("Audit", index=0)
    assert rows(page) == [
        ["Reported comment left as it is", "boss 192.0.2.7", "Comment 1 @ann", "", "", ""],
        ["Post locked", "boss 192.0.2.7", "Post 1 @ann", "", "", "It has gone on for long enough"],
        ["Status changed", "boss 192.0.2.7", "Member ann", "Active", "Shut", "Sold <b>watches</b>"],
        ["Role changed", "command line", "Member ann", "Member", "Staff", ""],
    ]
    ann, boss = history
    links = [[link["href"] for link in row.select("a")] for row in page.html.select("tbody tr")]
    member, admin = f"/admin/users/{ann.id}/", f"/admin/users/{boss.id}/"
    assert links == [[admin, "/comments/1/", member], [admin, "/posts/1/", member], [admin, member], [member]]


def test_values_are_names_with_links_and_times_in_words(client: Client, db: Session, root: User) -> None:
    db.execute(sa.delete(AuditEntry))
    ann = make_user(db, "ann")
    db.execute(sa.delete(AuditEntry))
    bans.ban(db, COMMAND_LINE, ann.id, datetime(2026, 11, 25, 16, 7, 1, 485_405, tzinfo=UTC), "Be kind")
    post = make_post(db, ann)
    remove_post(db, COMMAND_LINE, post.id, "Spam")
    audit.record(db, "post.merge", post, actor=COMMAND_LINE, after={"post": 7})
    page = client.get("/admin/audit/")
    until = "November 25, 2026, 4:07:01\u202fPM UTC"
    assert [row[3:5] for row in rows(page)] == [
        ["", "Post: 7"],
        ["In the open", "Removed"],
        ["", f"Member: ann , Until: {until}"],
    ]
    links = [link["href"] for link in page.html.select("tbody td[data-label=To] a")]
    assert links == ["/posts/7/", f"/admin/users/{ann.id}/"]


def test_it_is_sifted_by_action_name_and_target(client: Client, history: tuple[User, User]) -> None:
    def sifted(**values: str) -> list[str]:
        form = form_with(client.get("/admin/audit/"), "who")
        for name, value in values.items():
            form[name] = value
        page = form.submit()
        again = form_with(page, "who")
        assert {name: again[name].value for name in values} == values
        return [row[0] for row in rows(page)]

    ann, _boss = history
    assert sifted(action="post.lock") == ["Post locked"]
    assert sifted(who="command line") == ["Role changed"]
    assert sifted(who="BOSS", on="users") == ["Status changed"]
    assert sifted(on="users", number=str(ann.id)) == ["Status changed", "Role changed"]
    assert sifted(on="posts", number="1") == ["Post locked"]
    assert sifted(on="posts", number="2") == []
    assert sifted(who="nobody") == sifted(who="%") == []


def test_the_page_of_a_member_leads_to_all_that_was_done_to_them(
    client: Client, history: tuple[User, User]
) -> None:
    ann, _boss = history
    page = client.get(f"/admin/users/{ann.id}/").click("All of this in the audit")
    assert [row[0] for row in rows(page)] == ["Status changed", "Role changed"]


@pytest.mark.parametrize("query", ["action=x", "on=x", "number=x", "number=-1", "before=x", "before=" + "9" * 19])
def test_a_filter_that_there_is_not_is_not_found(client: Client, root: User, query: str) -> None:
    client.get(f"/admin/audit/?{query}", status=404)


def test_pages_show_every_entry_once_at_the_same_cost(
    client: Client,
    db: Session,
    history: tuple[User, User],
    query_counter: Callable[..., AbstractContextManager[list[str]]],
) -> None:
    _ann, boss = history
    # Who asks is known from then on.
    client.get("/admin/")
    db.commit()
    with query_counter() as few:
        client.get("/admin/audit/?who=boss")
    for number in range(ADMIN.PAGE_SIZE):
        acting = Actor(boss.id, boss.name)
        audit.record(db, "user.sessions", make_user(db, f"member-{number}"), actor=acting, reason=f"No. {number}")
    db.commit()
    with query_counter() as many:
        first = client.get("/admin/audit/?who=boss")
    assert len(first.html.select("tbody tr")) == ADMIN.PAGE_SIZE
    assert len(many) == len(few) <= 4
    second = client.get("/admin/audit/" + first.html.select_one("a[rel=next]")["href"])
    assert [row[0] for row in rows(second)] == ["Reported comment left as it is", "Post locked", "Status changed"]
    assert second.html.select_one("a[rel=next]") is None


def test_an_entry_whose_member_is_gone_has_no_link(client: Client, db: Session, root: User) -> None:
    db.execute(sa.delete(AuditEntry))
    gone = User(id=999_999, name="gone")
    audit.record(db, "user.of-another-version", gone, actor=Actor(999_998, "gone as well"), before={"version": 3})
    page = client.get("/admin/audit/")
    assert rows(page) == [["user.of-another-version", "gone as well", "Member 999999", "Version: 3", "", ""]]
    assert page.html.select("tbody a") == []
