"""Images for posts and comments: sending, showing, whose texts they stand in, deleting."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import sqlalchemy as sa
import webtest
from PIL import Image as Drawing
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.forms.models import KeptText
from myproject.images import constants as IMAGE
from myproject.images import tasks
from myproject.images.models import Image, ImageUse
from myproject.settings import settings_of
from myproject.storage import storage_of
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import deletion
from myproject.users.tasks import purge_files
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, heading, summary

CANARY = "c4nary-of-the-file"


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    stream = BytesIO()
    Drawing.new("RGB", size, "red").save(stream, kind, **options)
    return stream.getvalue()


def send(client: Client, content: bytes, alt: str = "A cat", status: int = 303) -> Any:
    form = form_with(client.get("/images/"), "image")
    form["image"], form["image_alt"] = webtest.Upload("cat.png", content), alt
    return form.submit("send", status=status)


def line(client: Client) -> str:
    """The Markdown of the newest image, from the page of one's images."""
    return str(client.get("/images/").html.select_one(".images input")["value"])


def files(app: Router) -> list[Path]:
    return [path for path in settings_of(app.registry).storage_folder.rglob("*") if path.is_file()]


def shown(page: Any, where: str = ".prose") -> list[dict[str, str]]:
    return [dict(image.attrs) for image in page.html.select(f"{where} img")]


def test_image_is_sent_copied_into_a_post_and_shown_with_its_size(client: Client, app: Router, ann: User) -> None:
    exif = Drawing.Exif()
    exif[0x010E] = CANARY
    answer = send(
        client, picture("JPEG", (3200, 1000), exif=exif, comment=CANARY.encode()), "A [big] *cat*"
    ).follow()
    assert flashes(answer) == ["The image is here. Copy the line beside it into your text."]
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", f"Look:\n\n{line(client)}"
    preview = form.submit("preview")
    page = form_with(preview, "title").submit("publish", status=303).follow()
    (image,) = shown(page, "article.post .prose")
    assert [image] == shown(preview)
    assert image == {
        "src": image["src"], "alt": "A [big] *cat*", "width": "1600", "height": "500", "loading": "lazy"
    }  # fmt: skip

    file = client.get(image["src"])
    assert file.content_type == "image/webp"
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert file.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert Drawing.open(BytesIO(file.body)).size == (1600, 500)
    assert CANARY.encode() not in file.body
    assert [path.name for path in files(app)] == [image["src"].rpartition("/")[2]]


@pytest.mark.parametrize("address", ["/posts/new/", "comment"])
def test_image_is_added_while_writing_and_nothing_typed_is_lost(
    client: Client, db: Session, ann: User, address: str
) -> None:
    if address == "comment":
        comment = make_comment(db, make_post(db, ann), ann)
        address = f"/comments/{comment.id}/reply/"
    form = form_with(client.get(address), "image")
    typed = {name: f"My {name}" for name in ("title", "tags") if name in form.fields}
    for name, value in typed.items():
        form[name] = value
    form["body"], form["image_alt"], form["image"] = "Some *text*.", "A cat", webtest.Upload("c.png", picture())
    form = form_with(form.submit("add_image", status=200), "image")
    image = db.scalars(sa.select(Image)).one()
    assert form["body"].value == f"Some *text*.\n\n![A cat](/images/{image.name}.webp)\n"
    assert {name: form[name].value for name in typed} == typed
    assert form["image_alt"].value == ""

    form["image"] = webtest.Upload("c.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = form.submit("add_image", status=422)
    assert "image" in field_errors(page)
    assert form_with(page, "image")["body"].value == form["body"].value
    assert field_errors(form_with(page, "image").submit("add_image", status=422)) == {
        "image": "Choose an image first"
    }


def test_author_is_told_of_images_without_a_description_and_may_publish_them(client: Client, ann: User) -> None:
    send(client, picture(), "")
    words = "Images without a description: 1."
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", line(client)
    assert words in form.submit("preview").text
    page = form.submit("publish", status=303).follow()
    assert any(flash.startswith(words) for flash in flashes(page))
    assert len(shown(page)) == 1


def test_text_comes_back_with_an_image_that_is_too_big_and_is_kept(
    client: Client, make_client: Callable[..., Client], ann: User
) -> None:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", "They *purr*."
    form["image"] = webtest.Upload("x.jpg", b"x" * 10_000_001, "image/jpeg")
    page = form.submit("add_image", status=422)
    assert field_errors(page) == {"image": "This image is too big: send one of up to 10 MB and 24 megapixels"}
    assert form_with(page, "title")["body"].value == "They *purr*."
    elsewhere = make_client()
    sign_in(elsewhere, ann)
    assert form_with(elsewhere.get("/posts/new/"), "title")["body"].value == "They *purr*."


def test_script_is_answered_in_json(client: Client, ann: User) -> None:
    values = {"csrf_token": csrf_token(client.get("/images/")), "image_alt": ""}
    headers = {"Accept": "application/json"}
    good = client.post("/images/", values, headers, upload_files=[("image", "x", picture())], status=201)
    assert good.json["markdown"] == line(client)
    bad = client.post("/images/", values, headers, upload_files=[("image", "x", b"x" * 99)], status=422)
    assert bad.json["error"].startswith("This is no image")
    big = [("image", "x", b"x" * 10_000_001)]
    assert "too big" in client.post("/images/", values, headers, upload_files=big, status=422).json["error"]


def test_image_in_no_text_goes_after_two_days_and_one_in_a_text_stays(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    def grow_old() -> None:
        db.execute(sa.update(Image).values(touched_at=utc_now() - timedelta(days=IMAGE.ORPHAN_DAYS, minutes=1)))
        db.commit()
        tasks.purge(app.registry)
        db.expire_all()

    for _ in range(2):
        send(client, picture())
    tasks.purge(app.registry)
    assert len(files(app)) == 2
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", line(client)
    edit = form.submit("publish", status=303).follow().click(href="/edit/$")
    grow_old()
    kept = db.scalars(sa.select(Image)).one()
    assert [path.name for path in files(app)] == [f"{kept.name}.webp"]
    db.commit()
    purge_files(app.registry)
    assert len(files(app)) == 1

    form = form_with(edit, "title")
    form["body"] = "No cats"
    form.submit("save", status=303)
    assert db.scalars(sa.select(ImageUse)).all() == []
    db.commit()
    tasks.purge(app.registry)
    assert len(files(app)) == 1
    grow_old()
    assert files(app) == []


def test_an_image_of_a_text_that_is_kept_stays_until_that_goes(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    send(client, picture())
    shown = line(client)
    send(client, picture())
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "", shown
    form.submit("publish", status=422)
    db.execute(sa.update(Image).values(touched_at=utc_now() - timedelta(days=3)))
    db.commit()
    tasks.purge(app.registry)
    db.expire_all()
    assert [image.name in shown for image in db.scalars(sa.select(Image))] == [True]
    db.execute(sa.delete(KeptText))
    db.commit()
    tasks.purge(app.registry)
    assert files(app) == []


def test_deleted_image_is_gone_and_its_place_a_link(client: Client, app: Router, db: Session, ann: User) -> None:
    send(client, picture())
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", line(client)
    post = form.submit("publish", status=303).follow()
    (image,) = shown(post)
    asked = client.get("/images/").click(href="/delete/$")
    assert heading(asked) == "Delete this image?"
    next(iter(f for f in asked.forms.values() if "delete" in f.fields)).submit("delete", status=303)
    run_tasks(app.registry)
    client.get(image["src"], status=404)
    assert files(app) == []
    page = client.get(post.request.path)
    assert shown(page) == []
    assert page.html.select_one(f'.prose a[href="{image["src"]}"]').get_text() == "A cat"


@pytest.mark.one_database
def test_the_address_of_an_image_that_staff_deleted_shows_nothing_when_its_file_is_sent_again(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    def preview() -> str:
        form = form_with(client.get("/posts/new/"), "title")
        form["title"], form["body"], form["image"] = "Cats", "Look:", webtest.Upload("cat.png", picture())
        return shown(form.submit("preview"))[0]["src"]

    first = preview()
    assert preview() == first
    staff = make_client()
    sign_in(staff, make_user(db, "cleo", role=USER.Role.STAFF))
    page = staff.get(first.replace(".webp", "/delete/"))
    next(iter(f for f in page.forms.values() if "delete" in f.fields)).submit("delete", status=303)
    second = preview()
    client.get(second, status=200)
    client.get(first, status=404)


def test_nobody_but_staff_deletes_the_image_of_somebody_else(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    send(client, picture())
    name = db.scalars(sa.select(Image.name)).one()
    other, staff = make_client(), make_client()
    sign_in(other, make_user(db, "bob"))
    sign_in(staff, make_user(db, "cleo", role=USER.Role.STAFF))
    assert other.get("/images/").html.select(".images li") == []
    other.get(f"/images/{name}/delete/", status=403)
    page = staff.get(f"/images/{name}/delete/")
    next(iter(f for f in page.forms.values() if "delete" in f.fields)).submit("delete", status=303)
    assert db.scalars(sa.select(Image)).all() == []


def test_images_of_a_member_are_limited_by_number_and_time(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_image_account="2 per hour"))
    sign_in(client, make_user(db, "Ann"))
    send(client, picture())
    monkeypatch.setattr(IMAGE, "PER_MEMBER", 1)
    assert field_errors(send(client, picture(), status=422))["image"].startswith("You have as many images")
    assert "too often" in summary(send(client, picture(), status=429))


def test_the_export_holds_the_images_themselves(client: Client, app: Router, db: Session, ann: User) -> None:
    for alt in ("A cat", "A cat that is gone"):
        send(client, picture(), alt)
    kept, gone = db.scalars(sa.select(Image.name).order_by(Image.id)).all()
    storage_of(app.registry).delete(f"{gone}.webp")
    client.get("/users/me/data/").forms["form"].submit("export", status=303)
    run_tasks(app.registry)
    archive = ZipFile(BytesIO(client.get("/users/me/data/export.zip").body))
    assert archive.testzip() is None
    listed = json.loads(archive.read("images.json"))
    assert [(row["file"], row["alt"]) for row in listed] == [
        (f"images/{kept}.webp", "A cat"),
        (f"images/{gone}.webp", "A cat that is gone"),
    ]
    assert [name for name in archive.namelist() if name.startswith("images/")] == [f"images/{kept}.webp"]
    assert archive.read(f"images/{kept}.webp") == client.get(f"/images/{kept}.webp").body


@pytest.mark.parametrize("removing", [True, False])
def test_images_go_with_their_member_unless_texts_that_stay_show_them(
    client: Client, app: Router, db: Session, ann: User, removing: bool
) -> None:
    for _ in range(2):
        send(client, picture())
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Cats", line(client)
    form.submit("publish", status=303)
    ann = db.get_one(User, ann.id)
    ann.deletion = USER.Deletion.REMOVE_POSTS if removing else USER.Deletion.KEEP_POSTS
    ann.delete_after = utc_now()
    db.commit()
    deletion.erase(db, ann.id)
    db.commit()
    assert len(files(app)) == (0 if removing else 1)
