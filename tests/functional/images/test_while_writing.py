"""A picture that is chosen in the form of a text is taken, whichever button is pressed."""

from io import BytesIO

import pytest
import sqlalchemy as sa
import webtest
from PIL import Image as Drawing
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.images.models import Image
from myproject.posts.models import Post
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, heading

pytestmark = pytest.mark.one_database

AGAIN = "Choose the file again: it does not come back with what you wrote."


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def picture(colour: str = "red") -> webtest.Upload:
    stream = BytesIO()
    Drawing.new("RGB", (30, 20), colour).save(stream, "PNG")
    return webtest.Upload("photo.png", stream.getvalue())


def choose(form: webtest.Form, colour: str = "red", **values: str) -> webtest.Form:
    for name, value in ({"body": "Some *text*.", "image_alt": "A cat"} | values).items():
        form[name] = value
    form["image"] = picture(colour)
    return form


def new_post(client: Client, title: str = "Of cats") -> webtest.Form:
    return choose(form_with(client.get("/posts/new/"), "title"), title=title)


def names(db: Session) -> list[str]:
    return list(db.scalars(sa.select(Image.name).order_by(Image.id)))


def with_image(name: str) -> str:
    return f"Some *text*.\n\n![A cat](/images/{name}.webp)\n"


def text_in(page: webtest.TestResponse) -> str:
    return str(form_with(page, "image")["body"].value).replace("\r\n", "\n")


def test_publishing_previewing_and_saving_a_post_take_the_picture_first(
    client: Client, db: Session, ann: User
) -> None:
    page = new_post(client).submit("preview", status=200)
    (name,) = names(db)
    assert text_in(page) == with_image(name)
    assert len(page.html.select(f'img[src="/images/{name}.webp"][alt="A cat"]')) == 1
    assert form_with(page, "image")["image_alt"].value == ""
    # Where the title is missing, it is not lost either: not even where the same file is chosen once more.
    page = new_post(client, title="").submit("publish", status=422)
    assert (set(field_errors(page)), text_in(page)) == ({"title"}, with_image(name))

    new_post(client, "A draft").submit("save_draft", status=303)
    new_post(client).submit("publish", status=303)
    posts = db.execute(sa.select(Post.title, Post.body, Post.status).order_by(Post.id)).all()
    assert [(title, body, status.name) for title, body, status in posts] == [
        ("A draft", with_image(name), "DRAFT"),
        ("Of cats", with_image(name), "PUBLISHED"),
    ]
    draft = db.scalars(sa.select(Post).where(Post.title == "A draft")).one()
    edit = form_with(client.get(f"/posts/{draft.id}/edit/"), "image")
    choose(edit, "blue", body="Other").submit("save_draft", status=303)
    assert names(db)[0] == name
    db.refresh(draft)
    assert draft.body == f"Other\n\n![A cat](/images/{names(db)[1]}.webp)\n"


def test_sending_and_changing_a_comment_take_the_picture_first(client: Client, db: Session, ann: User) -> None:
    parent = make_comment(db, make_post(db, ann), ann)
    form = choose(form_with(client.get(f"/comments/{parent.id}/reply/"), "image"))
    form.submit("send", status=303)
    (name,) = names(db)
    said = db.scalars(sa.select(Comment).order_by(Comment.id.desc())).first()
    assert said.body == with_image(name)
    choose(form_with(client.get(f"/comments/{parent.id}/edit/"), "image")).submit("save", status=303)
    db.expire_all()
    assert db.get_one(Comment, parent.id).body == with_image(name)


def test_a_form_with_a_picture_that_is_sent_twice_acts_once(client: Client, db: Session, ann: User) -> None:
    form = new_post(client)
    first = form.submit("publish", status=303)
    assert form.submit("publish", status=303).location == first.location
    # And after going back, where the form is another one.
    assert new_post(client).submit("publish", status=303).location == first.location
    assert len(names(db)) == db.scalar(sa.select(sa.func.count(Post.id))) == 1


def test_a_picture_that_is_refused_keeps_the_form_from_being_sent(client: Client, db: Session, ann: User) -> None:
    form = new_post(client)
    form["image"] = webtest.Upload("photo.png", b"no picture")
    for button in ("publish", "save_draft", "preview"):
        page = form.submit(button, status=422)
        assert field_errors(page)["image"].startswith("This is no image that can be read")
        assert (text_in(page), form_with(page, "image")["title"].value) == ("Some *text*.", "Of cats")
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 0


def test_what_a_script_saves_takes_no_picture(client: Client, db: Session, ann: User) -> None:
    fields = [(name, value) for name, value in new_post(client).submit_fields() if name != "image"]
    upload = [("image", "photo.png", picture().content)]
    client.post("/posts/new/", [*fields, ("keep", "1")], upload_files=upload, status=200)
    assert names(db) == []
    assert db.scalars(sa.select(Post.body)).one() == "Some *text*."


# Where it can't be taken, the page says so


def test_a_form_that_comes_back_says_that_a_file_has_to_be_chosen_again(
    client: Client, db: Session, ann: User
) -> None:
    form = form_with(client.get("/users/me/edit/"), "avatar")
    form["avatar"], form["website"] = picture(), "no address"
    page = form.submit(status=422)
    assert field_errors(page)["avatar"] == AGAIN
    form = new_post(client)
    form["csrf_token"] = "0" * 64
    page = form.submit("publish", status=400)
    assert field_errors(page) == {"image": AGAIN}
    assert names(db) == []


def test_a_form_whose_sign_in_has_ended_asks_for_the_file_again(client: Client, db: Session, ann: User) -> None:
    form, without = new_post(client), form_with(client.get("/posts/new/"), "title")
    client.logout()
    without["title"], without["body"] = "No cats", "Some *text*."
    assert "hoose the file again" not in without.submit("publish", status=400).text
    page = form.submit("publish", status=400)
    assert heading(page) == "Nothing is lost"
    assert AGAIN in page.text
    sign_in(client, ann)
    again = form_with(page, "image")
    again["image"] = picture()
    again.submit(status=303)
    (name,) = names(db)
    assert db.scalars(sa.select(Post.body)).one() == with_image(name)
