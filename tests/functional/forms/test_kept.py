"""What members write is kept where the site can't take it, and stands in the form when it is opened again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.forms import once
from myproject.forms.kept import purge
from myproject.forms.models import KeptText, Submission
from myproject.moderation.services.cases import find_or_open
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import deletion
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, heading, summary

pytestmark = pytest.mark.one_database

BODY = "\n  At length, in *two* lines,\nwith <b>& so on"
FAULTS = {"pyramid.includes": "tests.reliability.faults"}


def write(client: Client, button: str = "publish", status: int = 303, **values: str) -> webtest.TestResponse:
    form = form_with(client.get("/posts/new/"), "title")
    for name, value in ({"title": "A title", "body": BODY} | values).items():
        form[name] = value
    return form.submit(button, status=status)


def comment_form(client: Client, post: Post) -> webtest.Form:
    return form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")


def typed(page: webtest.TestResponse, field: str = "body") -> str:
    return str(form_with(page, "body")[field].value).replace("\r\n", "\n")


def unsent(client: Client) -> list[str]:
    """The texts that a member's drafts show to be copied, latest first."""
    areas = client.get("/drafts/").html.select("main textarea[readonly]")
    return [area.get_text()[1:].replace("\r\n", "\n") for area in areas]


def notice(page: webtest.TestResponse) -> str:
    element = page.html.select_one(".kept")
    return element.get_text(" ", strip=True) if element else ""


def kept(db: Session) -> list[str]:
    return list(db.scalars(sa.select(KeptText.path).order_by(KeptText.path)))


# What is kept, and when it is forgotten


def test_a_text_with_a_mistake_waits_in_the_form_in_another_browser_too_until_it_is_sent(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    assert notice(client.get("/posts/new/")) == ""
    write(client, title="A", tags="one", status=422)
    other = make_client()
    other.login("ann")
    page = other.get("/posts/new/")
    assert notice(page).startswith("This is what you had written just now")
    assert (typed(page, "title"), typed(page), typed(page, "tags")) == ("A", BODY, "one")

    form = form_with(page, "body")
    form["title"] = "A title"
    form.submit("publish", status=303)
    page = client.get("/posts/new/")
    assert (notice(page), typed(page), kept(db)) == ("", "", [])


def test_a_form_that_comes_back_can_be_gone_back_to_by_its_member_alone(client: Client, ann: User) -> None:
    assert client.get("/posts/new/").headers["Cache-Control"] == "no-store"
    assert write(client, title="A", status=422).headers["Cache-Control"] == "private, no-cache"
    assert write(client, "preview", status=200).headers["Cache-Control"] == "private, no-cache"
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", BODY
    client.logout()
    assert form.submit("preview", status="*").headers["Cache-Control"] == "no-store"


def test_a_text_is_let_go_by_its_button(client: Client, db: Session, ann: User) -> None:
    write(client, title="", status=422)
    form = form_with(client.get("/posts/new/"), "let_go")
    page = form.submit("let_go", status=303).follow()
    assert (notice(page), typed(page), kept(db)) == ("", "", [])
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0


def test_a_comment_is_kept_for_its_post_and_a_reply_for_what_it_answers(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    parent = make_comment(db, post, post.author)
    form = comment_form(client, post)
    form["body"] = "To the post"
    form.submit("preview", status=200)
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"] = "To the comment"
    form.submit("preview", status=200)

    reply_page = client.get(f"/comments/{parent.id}/reply/")
    assert typed(client.get(f"/posts/{post.id}/a-post/")) == "To the post"
    assert typed(reply_page) == "To the comment"
    form_with(reply_page, "let_go").submit("let_go", status=303)
    assert kept(db) == [f"/posts/{post.id}/comments/"]


def test_a_profile_and_edits_are_kept_too(client: Client, db: Session, ann: User) -> None:
    own = make_post(db, ann)
    form = form_with(client.get(f"/posts/{own.id}/edit/"), "body")
    form["body"], form["title"] = BODY, ""
    form.submit("save", status=422)
    form = form_with(client.get("/users/me/edit/"), "bio")
    form["bio"], form["website"] = BODY, "no address"
    form.submit("save", status=422)
    assert typed(client.get(f"/posts/{own.id}/edit/")) == BODY
    assert form_with(client.get("/users/me/edit/"), "bio")["website"].value == "no address"


def test_an_edit_that_was_kept_does_not_undo_what_was_saved_since(client: Client, db: Session, ann: User) -> None:
    own = make_post(db, ann)
    form = form_with(client.get(f"/posts/{own.id}/edit/"), "body")
    form["body"], form["title"] = BODY, ""
    form.submit("save", status=422)
    own.version += 1
    page = client.get(f"/posts/{own.id}/edit/")
    form = form_with(page, "body")
    form["title"] = "A title"
    assert "was changed since you opened it" in summary(form.submit("save", status="*"))


def test_reasons_that_staff_give_are_kept_too(client: Client, db: Session, post: Post) -> None:
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    said = make_comment(db, post, post.author)
    post_path, comment_path = f"/posts/{post.id}", f"/comments/{said.id}"
    asked = [f"{post_path}/{verb}/" for verb in ("edit", "lock", "delete", "merge")]
    asked += [f"{comment_path}/{verb}/" for verb in ("edit", "delete", "move", "split")]
    for path in asked:
        form = form_with(client.get(path), "reason")
        # Too short, for the start.
        form["reason"] = "As"
        form.submit(status=422)
        assert form_with(client.get(path), "reason")["reason"].value == "As", path
    assert len(kept(db)) == len(asked)


@pytest.mark.parametrize("at", ["queue", "page"])
def test_the_reason_of_an_answer_to_a_case_outlives_a_failure_of_the_site(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, post: Post, at: str
) -> None:
    client = make_client(make_app(**FAULTS))
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    case = find_or_open(db, post)
    make_comment(db, post, post.author, "Of milk").status = COMMENT.Status.WAITING
    address = "/moderation/" if at == "queue" else f"/moderation/cases/{case.id}/"
    form = form_with(client.get(address), "reason")
    form["reason"] = "As it is <well> meant"
    page = form.submit("stay", status=500, headers={"X-Fail": "commit"})
    assert "As it is &lt;well&gt; meant" in page
    assert kept(db) == [f"/moderation/cases/{case.id}/"]
    page = client.get(address)
    assert notice(page).startswith("This is what you had written just now")
    assert page.text.count("As it is &lt;well&gt; meant") == 1
    form = form_with(page, "reason")
    assert form["reason"].value == "As it is <well> meant"
    form.submit("stay", status=303)
    assert kept(db) == []
    assert notice(client.get("/moderation/")) == ""


# Why it could not be taken


def test_a_token_that_is_too_old_and_a_limit_keep_the_text(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_comment_account="1 per hour"))
    sign_in(client, make_user(db, "ann"))
    form = comment_form(client, post)
    form["body"], form["csrf_token"] = "Too late", "0" * 64
    form.submit("send", status=400)
    page = client.get(f"/posts/{post.id}/a-post/")
    assert typed(page) == "Too late"
    form_with(page, "body").submit("send", status=303)
    assert kept(db) == []

    form = comment_form(client, post)
    form["body"] = "Too often"
    form.submit("send", status=429)
    assert typed(client.get(f"/posts/{post.id}/a-post/")) == "Too often"


@pytest.mark.parametrize("fault", ["late", "commit"])
def test_a_failure_of_the_site_keeps_the_text_and_shows_it(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, fault: str
) -> None:
    client = make_client(make_app(**FAULTS))
    sign_in(client, make_user(db, "ann"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", BODY
    page = form.submit("publish", status=500, headers={"X-Fail": fault})
    assert [area.get_text()[1:] for area in page.html.select(".error-page textarea")] == ["A title", BODY]
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0
    page = client.get("/posts/new/")
    assert (typed(page, "title"), typed(page)) == ("A title", BODY)
    form_with(page, "body").submit("publish", status=303)
    assert kept(db) == []


def test_who_may_not_publish_and_who_may_not_write_at_all_get_their_text_back(
    client: Client, make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    sign_in(client, make_user(db, "nell", status=USER.Status.NEW))
    write(client, status=422)
    assert typed(client.get("/posts/new/")) == BODY

    values = {
        "body": BODY,
        "title": "Mine now",
        "version": "1",
        "csrf_token": csrf_token(client.get("/users/me/")),
    }
    page = client.post(f"/posts/{post.id}/edit/", values, status=403)
    assert heading(page) == "You can't do that"
    assert BODY in [area.get_text()[1:] for area in page.html.select(".error-page textarea")]
    page = client.post("/posts/9999/comments/", values, status=404)
    assert [area.get_text()[1:] for area in page.html.select(".error-page textarea")] == [BODY]


def test_what_is_sent_after_the_sign_in_has_ended_waits_for_its_member_alone(
    client: Client, app: Router, db: Session, ann: User, post: Post
) -> None:
    parent = make_comment(db, post, post.author)
    text = form_with(client.get("/posts/new/"), "title")
    text["title"], text["body"], text["tags"] = "A title", BODY, "one"
    comment, reply = comment_form(client, post), form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    comment["body"], reply["body"] = "To the post", "To the comment"
    client.logout()
    page = text.submit("publish", status=400)
    assert heading(page) == "Nothing is lost"
    assert "It is kept for you as well" in page.text
    comment.submit("send", status=400)
    reply.submit("send", status=400)

    sign_in(client, make_user(db, "carl"))
    for path in ("/posts/new/", f"/posts/{post.id}/a-post/", f"/comments/{parent.id}/reply/"):
        assert typed(client.get(path)) == ""
    client.logout()
    client.login("ann")
    page = client.get("/posts/new/")
    assert (typed(page, "title"), typed(page), typed(page, "tags")) == ("A title", BODY, "one")
    assert typed(client.get(f"/posts/{post.id}/a-post/")) == "To the post"
    assert typed(client.get(f"/comments/{parent.id}/reply/")) == "To the comment"
    form_with(page, "body").submit("publish", status=303)
    assert "/posts/new/" not in kept(db)


def test_what_was_typed_in_two_tabs_is_kept_twice_and_each_is_gone_on_with_by_itself(
    client: Client, db: Session, ann: User
) -> None:
    forms = [form_with(client.get("/posts/new/"), "title") for _tab in range(2)]
    for form, title in zip(forms, ("First", "Second"), strict=True):
        form["title"] = title
        form.submit("preview", status=422)
    client.logout()
    for form, title in zip(forms, ("First, and more", "Second, and more"), strict=True):
        form["title"] = title
        form.submit("publish", status=400)
    client.login("ann")
    assert sorted(unsent(client)) == ["First", "First, and more", "Second", "Second, and more"]
    (card,) = (card for card in client.get("/drafts/").html.select("details") if "First, and more" in card.text)
    form = form_with(client.get(card.select_one("a")["href"]), "body")
    assert form["title"].value == "First, and more"
    # Later states of one form stand for one.
    for body in ("", "Of tea"):
        form["title"], form["body"] = "First, and still more", body
        form = form_with(form.submit("preview", status="*"), "body")
    assert sorted(unsent(client))[:2] == ["First", "First, and still more"]
    form.submit("publish", status=303)
    form_with(client.get("/posts/new/"), "let_go").submit("let_go", status=303)
    assert len(kept(db)) == 2


def test_a_form_of_another_account_says_so_and_is_kept_for_that_one(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    form = comment_form(client, post)
    form["body"] = BODY
    client.logout()
    sign_in(client, make_user(db, "carl"))
    page = form.submit("send", status=400)
    assert "opened by another account than the one that is signed in now" in summary(page)
    assert "is kept for that account. Who sends it from here sends it as carl." in summary(page)
    assert unsent(client) == []
    form_with(page, "body").submit("send", status=303)
    client.logout()
    client.login("ann")
    assert typed(client.get(f"/posts/{post.id}/a-post/")) == BODY


def test_without_a_sign_in_nothing_is_kept_by_a_forged_token_of_who_is_gone_or_too_much(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_keep_account="1 per hour"))
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    sign_in(client, ann)
    form = form_with(client.get("/posts/new/"), "title")
    client.logout()
    token = form["once"].value
    form["title"], form["body"] = "A title", BODY
    for forged in ("", "x", f"{bob.id}.{token.partition('.')[2]}", token[:-1], "é" + token, f"{token}.{token}"):
        form["once"] = forged
        assert "It is kept" not in form.submit("publish", status=400).text
    form["once"], form["body"] = token, "long " * 60_000
    assert "It is kept" not in form.submit("publish", status=400).text
    ann.status = USER.Status.INACTIVE
    form["body"] = BODY
    form.submit("publish", status=400)
    assert kept(db) == []
    ann.status = USER.Status.ACTIVE
    assert "It is kept" not in form.submit("publish", status=400).text
    assert kept(db) == []


def test_without_a_sign_in_nothing_takes_the_place_of_what_a_member_has_kept_or_is_kept_by_an_old_token(
    client: Client, db: Session, ann: User, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = comment_form(client, post)
    form["body"] = BODY
    form.submit("preview", status=200)
    client.logout()
    assert "It is kept" in form.submit("send", status=400)
    assert len(kept(db)) == 1
    for text in ("By who has the token", "By who has the token, once more"):
        form["body"] = text
        form.submit("send", status=400)
    client.login("ann")
    assert unsent(client) == ["By who has the token, once more", BODY]
    form = form_with(client.get("/posts/new/"), "title")
    form["title"] = "By who has the token"
    client.logout()
    monkeypatch.setattr(once, "GOOD_FOR", timedelta(0))
    assert "It is kept" not in form.submit("publish", status=400)
    assert "/posts/new/" not in kept(db)


# Whose it is


def test_a_text_never_shows_to_another_member_at_the_same_browser(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A", BODY
    form.submit("publish", status=422)
    client.logout()
    sign_in(client, make_user(db, "carl"))
    # Of a page that stood open since, the text is Ann's as well: nothing of it is kept for Carl.
    form.submit("publish", status=400)
    page = client.get("/posts/new/")
    assert (notice(page), typed(page)) == ("", "")
    assert db.scalars(sa.select(KeptText.user_id)).all() == [ann.id]


def test_what_a_script_keeps_after_the_comment_was_sent_is_no_text_that_was_not_sent(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    form = comment_form(client, post)
    form["body"] = "Sent"
    fields, address = dict(form.submit_fields()) | {"keep": "1"}, f"/posts/{post.id}/comments/"
    client.post(address, fields, status=200)
    form.submit("send", status=303)
    assert client.post(address, fields, status=200).text == "This has been sent."
    assert (kept(db), unsent(client)) == ([], [])
    # What is written on in the form is kept.
    client.post(address, fields | {"body": "Sent, and more"}, status=200)
    assert unsent(client) == ["Sent, and more"]


def test_pages_ask_for_kept_texts_only_where_there_is_one(
    client: Client,
    db: Session,
    ann: User,
    post: Post,
    query_counter: Callable[..., AbstractContextManager[list[str]]],
) -> None:
    client.get(f"/posts/{post.id}/a-post/")
    with query_counter() as before:
        client.get(f"/posts/{post.id}/a-post/")
    assert not [each for each in before if each.lstrip().startswith("SELECT kept_texts")]


def test_kept_texts_and_what_was_sent_go_after_a_week_and_with_their_member(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    write(client, title="", status=422)
    write(client)
    write(client, title="", status=422)
    assert db.scalar(sa.select(sa.func.count(Submission.token_hash))) == 1
    (text,) = db.scalars(sa.select(KeptText))
    text.created_at = utc_now() - timedelta(days=6)
    db.commit()
    purge(app.registry)
    assert kept(db) == ["/posts/new/"]
    db.execute(sa.update(KeptText).values(created_at=utc_now() - timedelta(days=8)))
    db.execute(sa.update(Submission).values(created_at=utc_now() - timedelta(days=8)))
    db.commit()
    purge(app.registry)
    assert kept(db) == []
    assert db.scalar(sa.select(sa.func.count(Submission.token_hash))) == 0
    write(client, title="", status=422)
    ann.deletion, ann.delete_after = USER.Deletion.KEEP_POSTS, utc_now()
    db.commit()
    assert deletion.erase(db, ann.id)
    db.commit()
    assert kept(db) == []


# What scripts save


def test_a_script_saves_a_draft_once_and_goes_on_with_it(client: Client, db: Session, ann: User) -> None:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "", "First"
    fields = dict(form.submit_fields())
    # Not yet a draft: it has no title.
    assert client.post("/posts/new/", fields | {"keep": "1"}).text == "What you write is kept."
    assert typed(client.get("/posts/new/")) == "First"
    first = client.post("/posts/new/", fields | {"title": "A title", "keep": "1"})
    # The answer got lost: it comes again, with more.
    again = client.post("/posts/new/", fields | {"title": "A title", "body": "More", "keep": "1"})
    (draft,) = db.scalars(sa.select(Post))
    assert first.headers["Content-Location"] == again.headers["Content-Location"] == f"/posts/{draft.id}/edit/"
    assert (draft.status.name, draft.body, again.headers["Draft-Version"]) == ("DRAFT", "More", str(draft.version))
    assert kept(db) == []
    # And at last it is sent from the page that never heard of its draft.
    client.post("/posts/new/", fields | {"title": "A title", "body": "All", "publish": "publish"}, status=303)
    db.expire_all()
    (sent,) = db.scalars(sa.select(Post))
    assert (sent.id, sent.status.name, sent.body) == (draft.id, "PUBLISHED", "All")


def test_a_script_is_told_that_a_text_is_too_long_to_be_kept_and_one_that_was_emptied_is_forgotten(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    form = comment_form(client, post)
    fields, address = dict(form.submit_fields()) | {"keep": "1"}, f"/posts/{post.id}/comments/"
    assert client.post(address, fields | {"body": "Short"}).text == "What you write is kept."
    answer = client.post(address, fields | {"body": "x" * 300_000}, status=422)
    assert answer.text == "This is too long to be kept while you write it. Split it, or shorten it."
    assert typed(client.get(f"/posts/{post.id}/a-post/")) == "Short"
    answer = client.post(address, fields | {"body": " \n"})
    assert answer.text == "Nothing is written, so that nothing is kept."
    assert (typed(client.get(f"/posts/{post.id}/a-post/")), kept(db)) == ("", [])


def test_a_script_does_not_fight_with_another_tab(client: Client, db: Session, ann: User) -> None:
    draft = make_post(db, ann, publish=False)
    form = form_with(client.get(f"/posts/{draft.id}/edit/"), "title")
    fields = dict(form.submit_fields())
    answer = client.post(f"/posts/{draft.id}/edit/", fields | {"body": "Here", "keep": "1"})
    assert answer.headers["Draft-Version"] == "2"
    answer = client.post(f"/posts/{draft.id}/edit/", fields | {"body": "There", "keep": "1"}, status=409)
    # The page shows no other text until its button is pressed.
    assert answer.text.startswith("This draft was changed elsewhere. What you type is not saved here: press")
    db.expire_all()
    assert (draft.body, draft.status.name) == ("Here", "DRAFT")


def test_a_script_changes_nothing_that_others_read(client: Client, db: Session, ann: User) -> None:
    own = make_post(db, ann, body="As it is")
    fields = dict(form_with(client.get(f"/posts/{own.id}/edit/"), "title").submit_fields())
    client.post(
        f"/posts/{own.id}/edit/", fields | {"body": "As it may be", "keep": "1", "save": "save"}, status=200
    )
    fields = dict(comment_form(client, own).submit_fields())
    client.post(f"/posts/{own.id}/comments/", fields | {"body": "Soon", "keep": "1"}, status=200)
    db.expire_all()
    assert (own.body, db.scalar(sa.select(sa.func.count(Comment.id)))) == ("As it is", 0)
    assert kept(db) == [f"/posts/{own.id}/comments/", f"/posts/{own.id}/edit/"]
