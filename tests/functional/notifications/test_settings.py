"""What a member chooses to hear of, and where; what they follow and have muted."""

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.notifications import constants as NOTE
from myproject.notifications.models import NotificationChoice
from myproject.notifications.services import choices
from myproject.posts import constants as POST
from myproject.posts.services.attention import set_attention
from myproject.posts.services.tags import edit_tag, find_marks, find_tag, follow_tag, list_followed, mute_tag
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_post, make_user
from tests.functional.pages import field_errors, flashes, summary

ADDRESS = "/notifications/settings/"


pytestmark = pytest.mark.usefixtures("signed_in")


def press(page: webtest.TestResponse, button: str) -> webtest.TestResponse:
    """Presses the button of that name, and gives the page that follows."""
    form = next(
        form
        for form in page.forms.values()
        if button in [" ".join(each.get_text(" ", strip=True).split()) for each in form.html.select("button")]
    )
    return form.submit(next(iter({"on", "attention"} & set(form.fields))), status=303).follow()


def test_defaults_stand_there_until_they_are_changed(client: Client, db: Session, ann: User) -> None:
    form = client.get(ADDRESS).forms["form"]
    assert {name: field[0].value for name, field in form.fields.items() if name.startswith("mail_")} == {
        "mail_comment_reply": "1",
        "mail_post_reply": "1",
        "mail_mention": "1",
        "mail_followed_post": "1",
        "mail_followed_tag": "2",
        "mail_moderation": "1",
    }
    assert form["digest"].value == "0"
    form["mail_mention"], form["inbox_like"], form["digest"] = "0", False, "7"
    saved = form.submit("save", status=303).follow()
    assert flashes(saved) == ["Your choice is saved"]
    form = saved.forms["form"]
    assert (form["mail_mention"].value, form["inbox_like"].checked, form["digest"].value) == ("0", False, "7")
    assert form["inbox_mention"].checked
    chosen = choices.read_choices(db, ann.id)
    assert chosen[NOTE.Kind.MENTION] == choices.Choice(True, NOTE.Way.NEVER)
    assert chosen[NOTE.Kind.LIKE] == choices.Choice(False, NOTE.Way.NEVER)
    assert choices.read_digest(db, ann.id) == NOTE.Digest.WEEKLY
    # What was not touched goes on with the default, whatever that will be.
    assert len(db.scalars(sa.select(NotificationChoice.kind)).all()) == 2


def test_what_nobody_may_choose_is_no_field(client: Client, ann: User) -> None:
    page = client.get(ADDRESS)
    fields = set(page.forms["form"].fields)
    assert not {"mail_security", "inbox_security", "mail_like", "inbox_moderation"} & fields
    (row,) = (
        row for row in page.html.select(".choices tbody tr") if row.th.get_text() == "The safety of your account"
    )
    assert [cell.get_text(" ", strip=True) for cell in row.select("td")] == [
        "In the inbox: Always",
        "By mail: Always",
    ]


def test_a_choice_that_is_none_is_refused_beside_its_field(client: Client, db: Session, ann: User) -> None:
    form = client.get(ADDRESS).forms["form"]
    form["mail_mention"].force_value("5")
    form["mail_post_reply"] = "0"
    refused = form.submit("save", status=422)
    assert set(field_errors(refused)) == {"mail_mention"}
    assert "Mentions of you" in summary(refused)
    assert refused.forms["form"]["mail_post_reply"].value == "0"
    assert refused.html.select_one("[name=mail_mention]")["aria-describedby"] == "mail_mention-error"
    assert choices.read_choices(db, ann.id) == choices.DEFAULTS


def test_a_tag_is_followed_or_muted_on_its_page_and_let_go_in_the_list(
    client: Client, db: Session, ann: User
) -> None:
    make_post(db, ann, tags=["tea", "milk"])
    tea = find_tag(db, "tea")
    assert tea is not None
    followed = press(client.get("/tags/tea/"), "Follow this tag")
    assert flashes(followed) == ["You hear of new posts with this tag"]
    assert find_marks(db, ann.id, tea.id).followed
    # Who mutes it does not follow it any more, and the other way round.
    press(press(followed, "Mute this tag"), "Follow this tag")
    press(client.get("/tags/milk/"), "Mute this tag")
    page = client.get(ADDRESS)
    assert [link.get_text() for link in page.html.select("#tags .tag")] == ["tea", "milk"]
    page = press(press(page, "Stop following tea"), "Stop muting milk")
    assert page.html.h1.get_text() == "What you hear of, and where"
    assert "You follow no tag" in page


def test_who_follows_a_tag_follows_what_it_becomes_a_synonym_of(client: Client, db: Session, ann: User) -> None:
    make_post(db, ann, tags=["tee", "tea"])
    eve, joe = make_user(db, "eve"), make_user(db, "joe")
    tee, tea = find_tag(db, "tee"), find_tag(db, "tea")
    assert tee is not None
    assert tea is not None
    follow_tag(db, eve.id, tee.id, True)
    mute_tag(db, joe.id, tea.id, True)
    follow_tag(db, joe.id, tee.id, True)
    edit_tag(db, COMMAND_LINE, tee.id, name="tee", description="", retired=False, synonym_of="tea")
    assert (find_marks(db, eve.id, tea.id).followed, find_marks(db, joe.id, tea.id).followed) == (True, False)
    assert find_marks(db, joe.id, tea.id).muted
    assert list_followed(db, joe.id) == []


def test_posts_that_are_followed_or_muted_are_listed_until_they_are_let_go(
    client: Client, db: Session, ann: User
) -> None:
    eve = make_user(db, "eve")
    for number in range(POST.ATTENTION_PAGE_SIZE + 1):
        set_attention(db, ann.id, make_post(db, eve, f"Post {number}").id, POST.Attention(1 + number % 2))
    set_attention(db, eve.id, make_post(db, eve, "Of another").id, POST.Attention.FOLLOW)
    page = client.get(ADDRESS)
    listed = [" ".join(each.get_text(" ", strip=True).split()) for each in page.html.select("#posts li > span")]
    assert listed[:2] == ["Post 50 Followed", "Post 49 Muted"]
    assert len(listed) == POST.ATTENTION_PAGE_SIZE
    older = page.click("Older")
    assert [link.get_text() for link in older.html.select("#posts li a")] == ["Post 0"]
    page = press(older, "Stop following Post 0")
    assert page.html.h1.get_text() == "What you hear of, and where"
    press(page, "Stop muting Post 49")
    assert "Post 49" not in client.get(ADDRESS)
    client.get(f"{ADDRESS}?after=x", status=404)
