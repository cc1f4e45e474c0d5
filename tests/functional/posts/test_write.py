"""Writing a post: errors, preview, drafts, publishing, tags."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, flashes, summary

BODY = """\
# A heading

Some **bold** text, <script>alert("canary")</script>, [a link](https://example.org/) and

```python
print("<&>")
```

| a | b |
|---|---|
| 1 | 2 |
"""


def write(client: Client, button: str = "publish", **values: str) -> webtest.TestResponse:
    form = form_with(client.get("/posts/new/"), "title")
    for name, value in ({"title": "A title", "body": "Some text"} | values).items():
        form[name] = value
    return form.submit(button, status="*")


def the_post(db: Session) -> Post:
    return db.scalars(sa.select(Post)).one()


def typed(page: webtest.TestResponse) -> dict[str, str]:
    form = form_with(page, "title")
    return {name: form[name].value.replace("\r\n", "\n") for name in ("title", "body", "tags")}


def test_publishing_leads_to_the_post_at_its_own_address(client: Client, db: Session, ann: User) -> None:
    answer = write(client, title="Bread & butter", body=BODY)
    post = the_post(db)
    assert (answer.status_int, answer.location) == (303, f"http://localhost/posts/{post.id}/bread-butter/")
    page = answer.follow()
    assert flashes(page) == ["Your post is published"]
    assert page.html.h1.get_text() == "Bread & butter"
    assert post.body_html in page
    assert (post.author_id, post.status, post.body) == (ann.id, POST.Status.PUBLISHED, BODY)
    assert post.published_at is not None


def test_each_error_stands_beside_its_field_and_everything_typed_is_kept(
    client: Client, db: Session, ann: User
) -> None:
    values = {"title": "A", "body": "é" * (POST.BODY_MAX_BYTES // 2 + 1), "tags": "1, 2, 3, 4, 5, 6"}
    page = write(client, **values)
    assert page.status_int == 422
    assert field_errors(page) == {
        "title": "Write at least 3 characters",
        "body": "This is too long: at most 64 KiB. Split it, or shorten it.",
        "tags": "At most 5 tags",
    }
    assert typed(page) == values
    assert summary(page).startswith("Please check what you entered")
    assert page.html.title.get_text().startswith("Error:")
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0


def test_a_post_needs_title_and_text(client: Client, ann: User) -> None:
    page = write(client, title="  ", body="\n \n", tags="kept")
    assert field_errors(page) == {"title": "Fill in this field", "body": "Fill in this field"}
    assert typed(page)["tags"] == "kept"


def test_a_text_is_measured_in_bytes(client: Client, ann: User) -> None:
    assert write(client, body="é" * (POST.BODY_MAX_BYTES // 2)).status_int == 303
    assert "body" in field_errors(write(client, body="é" * (POST.BODY_MAX_BYTES // 2 + 1)))


def test_a_title_has_at_most_as_many_characters_as_its_column(client: Client, ann: User) -> None:
    assert write(client, title="ü" * POST.TITLE_MAX_LENGTH).status_int == 303
    assert field_errors(write(client, title="ü" * (POST.TITLE_MAX_LENGTH + 1))) == {
        "title": f"Write at most {POST.TITLE_MAX_LENGTH} characters"
    }


# Preview


def test_the_preview_is_the_very_html_that_publishing_stores(client: Client, db: Session, ann: User) -> None:
    preview = write(client, "preview", title="A title", body=BODY, tags="one, two")
    assert preview.status_int == 200
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0
    assert typed(preview) == {"title": "A title", "body": BODY, "tags": "one, two"}

    form_with(preview, "title").submit("publish", status=303)
    stored = the_post(db).body_html
    assert f'<div class="prose">{stored}</div>' in preview
    assert "<strong>bold</strong>" in stored
    assert "<script" not in stored


def test_a_preview_of_what_can_not_be_published_says_why(client: Client, ann: User) -> None:
    page = write(client, "preview", title="")
    assert page.status_int == 422
    assert field_errors(page) == {"title": "Fill in this field"}


# Who may publish


@pytest.fixture
def new_member(client: Client, db: Session) -> User:
    user = make_user(db, "nell", status=USER.Status.NEW)
    sign_in(client, user)
    return user


def test_a_new_member_may_not_publish_and_keeps_the_text(client: Client, db: Session, new_member: User) -> None:
    page = write(client, body=BODY)
    assert page.status_int == 422
    assert "Verify your address before you publish" in summary(page)
    assert typed(page)["body"] == BODY
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0


def test_a_new_member_may_keep_drafts_but_not_publish_them(client: Client, db: Session, new_member: User) -> None:
    page = write(client, "save_draft").follow()
    refused = form_with(page, "title").submit("publish", status=422)
    assert "Verify your address" in summary(refused)
    db.expire_all()
    assert the_post(db).status == POST.Status.DRAFT


def test_a_new_member_may_publish_where_no_address_need_be_verified(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(users_require_verified_email=False))
    sign_in(client, make_user(db, "nell", status=USER.Status.NEW))
    assert write(client).status_int == 303
    assert the_post(db).status == POST.Status.PUBLISHED


def test_a_guest_is_sent_to_sign_in_and_comes_back(client: Client, db: Session) -> None:
    make_user(db, "ann")
    answer = client.get("/posts/new/", status=303)
    assert answer.location == "http://localhost/users/login/?next=/posts/new/"
    page = answer.follow()
    assert flashes(page) == ["You need to be signed in for this page."]
    form = form_with(page, "login")
    form["login"], form["password"] = "ann", "correct horse battery"
    assert form.submit(status=303).location == "http://localhost/posts/new/"


def test_a_text_sent_after_the_sign_in_ended_comes_back_to_be_sent_again(
    client: Client, db: Session, ann: User
) -> None:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", "Text & <more>"
    client.logout()
    page = form.submit("publish", status=400)
    again = form_with(page, "body")
    assert (again["title"].value, again["body"].value) == ("A title", "Text & <more>")
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0


def test_publishing_too_often_keeps_the_text(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_post_account="1 per hour"))
    sign_in(client, make_user(db, "ann"))
    write(client)
    page = write(client, title="Another", body=BODY, tags="kept")
    assert page.status_int == 429
    assert 3000 < int(page.headers["Retry-After"]) <= 3600
    assert "try again in 60 minutes" in summary(page)
    assert typed(page) == {"title": "Another", "body": BODY, "tags": "kept"}
    assert the_post(db).title == "A title"


# Drafts


def test_saving_a_draft_leads_to_its_form_with_all_of_it(client: Client, db: Session, ann: User) -> None:
    answer = write(client, "save_draft", title="Not yet", body=BODY, tags="one, two")
    draft = the_post(db)
    assert (draft.status, draft.published_at) == (POST.Status.DRAFT, None)
    assert answer.location == f"http://localhost/posts/{draft.id}/edit/"
    page = answer.follow()
    assert flashes(page) == ["Your draft is saved"]
    assert typed(page) == {"title": "Not yet", "body": BODY, "tags": "one, two"}


def test_a_draft_is_published_from_its_form(client: Client, db: Session, ann: User) -> None:
    page = write(client, "save_draft", title="Not yet").follow()
    form = form_with(page, "title")
    form["title"] = "Now"
    answer = form.submit("publish", status=303)
    db.expire_all()
    post = the_post(db)
    assert (post.status, post.title) == (POST.Status.PUBLISHED, "Now")
    assert post.edited_at is None
    assert answer.location == f"http://localhost/posts/{post.id}/now/"


def test_a_draft_can_be_saved_again_and_again(client: Client, db: Session, ann: User) -> None:
    page = write(client, "save_draft")
    for title in ("Second", "Third"):
        form = form_with(page.follow(), "title")
        form["title"] = title
        page = form.submit("save_draft", status=303)
    db.expire_all()
    assert (the_post(db).title, the_post(db).status) == ("Third", POST.Status.DRAFT)


# Tags


def test_tags_are_stored_once_however_they_are_typed(client: Client, db: Session, ann: User) -> None:
    page = write(client, tags="#Python, web  PYTHON,café-society").follow()
    shown = [tag.get_text() for tag in page.html.select(".post .tag")]
    assert shown == ["café-society", "python", "web"]
    write(client, tags="python")
    assert sorted(db.scalars(sa.select(Tag.name))) == ["café-society", "python", "web"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("a, b, c, d, e, f", "At most 5 tags"),
        ("a/b", "“a/b” can't be a tag: use letters, digits and -"),
        ("-a", "“-a” can't be a tag: use letters, digits and -"),
        ("x" * 31, f"“{'x' * 31}” can't be a tag: use letters, digits and -"),
    ],
)
def test_a_word_that_can_be_no_tag_is_refused(client: Client, ann: User, tags: str, message: str) -> None:
    page = write(client, tags=tags)
    assert field_errors(page) == {"tags": message}
    assert typed(page)["tags"] == tags
