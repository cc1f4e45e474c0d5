"""Pictures of members: what is taken, what becomes of it, and how it is served (security.md row 72)."""

import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import webtest
from PIL import Image
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject import pictures
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, summary

pytestmark = pytest.mark.one_database

CANARY = b"c4nary-of-the-file"
UNREADABLE = "This is no picture that can be read: send a PNG, JPEG, WebP or GIF"
TOO_BIG = "This picture is too big: send one of up to 10 MB and 24 megapixels"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: Any) -> bytes:
    """A picture, red at the left and blue at the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    stream = BytesIO()
    image.convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def send(client: Client, content: bytes, *, status: int = 303, name: str = "me.png", **values: str) -> Any:
    form = form_with(client.get("/users/me/edit/"), "avatar")
    form["avatar"] = webtest.Upload(name, content)
    for field, value in values.items():
        form[field] = value
    return form.submit(status=status)


def files(app: Router) -> list[Path]:
    return [path for path in settings_of(app.registry).storage_folder.rglob("*") if path.is_file()]


def shown(client: Client, size: int = 192) -> Image.Image:
    """Ann's picture as her profile shows it."""
    source = client.get("/@ann/").html.select_one(".profile-head img.avatar")["src"]
    answer = client.get(source.replace("192.webp", f"{size}.webp"))
    return Image.open(BytesIO(answer.body))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("GIF", "P"),
    ],
)
def test_pictures_become_square_webp_in_two_sizes(client: Client, ann: User, kind: str, mode: str) -> None:
    send(client, picture(kind, mode=mode))
    for size in USER.AVATAR_SIZES:
        made = shown(client, size)
        assert (made.format, made.size) == ("WEBP", (size, size))


def test_the_picture_stands_beside_ones_own_name_in_the_header_and_costs_no_query(
    client: Client, ann: User, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    def asked() -> int:
        # The first look brings the identity into the cache.
        client.get("/about/")
        with query_counter() as statements:
            client.get("/about/")
        return len(statements)

    before = asked()
    assert client.get("/about/").html.select_one(".site-header .avatar") is None
    send(client, picture())
    image = client.get("/about/").html.select_one(".site-nav-member img.avatar")
    assert (image["alt"], image["width"]) == ("", "24")
    client.get(image["src"], status=200)
    assert asked() == before


def test_the_picture_stands_beside_the_name_on_lists_posts_comments_and_profile(
    client: Client, db: Session, ann: User
) -> None:
    post = make_post(db, ann)
    make_comment(db, post, ann)
    assert client.get("/").html.select_one(".byline .avatar").get_text() == "A"
    send(client, picture())
    db.refresh(ann)
    pages = {"/": 48, f"/posts/{post.id}/{post.slug}/": 48, "/@ann/": 192}
    for address, size in pages.items():
        images = client.get(address).html.select("main img.avatar")
        assert {image["src"] for image in images} == {f"/avatars/{ann.avatar}-{size}.webp"}, address
        assert {image["alt"] for image in images} == {""}
    assert len(client.get(f"/posts/{post.id}/{post.slug}/").html.select(".comment img.avatar")) == 1


def test_only_the_first_frame_of_an_animation_is_kept(client: Client, ann: User) -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    stream = BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    send(client, stream.getvalue())
    made = shown(client)
    assert getattr(made, "n_frames", 1) == 1
    red, _green, blue = made.convert("RGB").getpixel((96, 96))  # type: ignore[misc]
    assert red > 200 > blue


def test_a_picture_is_turned_as_its_camera_says(client: Client, ann: User) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise: the left becomes the top
    send(client, picture("JPEG", (300, 300), exif=exif))
    made = shown(client).convert("RGB")
    top, bottom = made.getpixel((96, 20)), made.getpixel((96, 172))
    assert top[0] > 200 > top[2]  # type: ignore[index]
    assert bottom[2] > 200 > bottom[0]  # type: ignore[index]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_a_file_says_of_itself_is_kept(client: Client, app: Router, ann: User, kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = exif[0x8298] = CANARY.decode()
    options: dict[str, Any] = {"exif": exif, "icc_profile": CANARY, "xmp": CANARY, "comment": CANARY}
    content = picture(kind, **options)
    assert CANARY in content
    send(client, content)
    assert len(files(app)) == len(USER.AVATAR_SIZES)
    for file in files(app):
        assert CANARY not in file.read_bytes()
        assert b"EXIF" not in file.read_bytes()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "JPEG"])
def test_what_hides_behind_a_picture_is_not_served(client: Client, app: Router, ann: User, kind: str) -> None:
    send(client, picture(kind) + b"PK\x03\x04" + CANARY + b"<script>alert(1)</script>")
    assert files(app)
    for file in files(app):
        content = file.read_bytes()
        assert content.startswith(b"RIFF")
        assert content[8:12] == b"WEBP"
        assert CANARY not in content
        assert b"script" not in content


def png_that_says(width: int, height: int) -> bytes:
    """A small PNG whose head tells a size that its data do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(SVG, UNREADABLE, id="svg"),
        pytest.param(b"<html><script>alert(1)</script>", UNREADABLE, id="html"),
        pytest.param(b"GIF89a/*" + b"x" * 100 + b"*/=alert(1)", UNREADABLE, id="script that says it is a GIF"),
        pytest.param(picture("TIFF"), UNREADABLE, id="tiff"),
        pytest.param(picture("BMP"), UNREADABLE, id="bmp"),
        pytest.param(picture("PDF"), UNREADABLE, id="pdf"),
        pytest.param(picture("JPEG")[:400], UNREADABLE, id="cut off"),
        pytest.param(b"\x89PNG\r\n\x1a\n", UNREADABLE, id="nothing but a head"),
        pytest.param(png_that_says(100, 0), UNREADABLE, id="no height"),
        pytest.param(png_that_says(50_000, 50_000), TOO_BIG, id="50,000 by 50,000"),
        pytest.param(png_that_says(6_000, 6_000), TOO_BIG, id="36 megapixels"),
        pytest.param(b"x" * 10_000_001, TOO_BIG, id="bytes"),
    ],
)
def test_what_is_no_picture_or_too_big_is_refused_at_its_field(
    client: Client, app: Router, db: Session, ann: User, content: bytes, error: str
) -> None:
    page = send(client, content, status=422, bio="I *like* tea.", display_name="Ann Lee")
    assert field_errors(page) == {"avatar": error}
    form = form_with(page, "avatar")
    assert (form["bio"].value, form["display_name"].value) == ("I *like* tea.", "Ann Lee")
    db.refresh(ann)
    assert (ann.avatar, ann.bio) == ("", "")
    assert files(app) == []


def test_a_picture_that_is_drawn_over_and_over_is_refused(client: Client, ann: User) -> None:
    content = picture("JPEG", (2_000, 2_000), progressive=True)
    last = content.rindex(b"\xff\xda")
    # Without this, a file of 1 MB takes a minute.
    many = content[:last] + content[last:-2] * 200 + content[-2:]
    assert len(many) < 1_000_000
    page = send(client, many, status=422)
    assert field_errors(page) == {"avatar": UNREADABLE}
    send(client, content)


def test_an_empty_file_changes_nothing(client: Client, db: Session, ann: User) -> None:
    assert field_errors(send(client, b"", status=422)) == {"avatar": UNREADABLE}


def test_text_sent_for_a_picture_changes_nothing(client: Client, db: Session, ann: User) -> None:
    form = form_with(client.get("/users/me/edit/"), "avatar")
    values = dict(form.submit_fields()) | {"avatar": "no file", "bio": "Tea"}
    client.post("/users/me/edit/", values, status=303)
    db.refresh(ann)
    assert (ann.avatar, ann.bio) == ("", "Tea")


def test_a_file_sent_for_the_text_is_no_text(client: Client, ann: User) -> None:
    form = form_with(client.get("/users/me/edit/"), "avatar")
    values = dict(form.submit_fields())
    client.post("/users/me/edit/", values, upload_files=[("theme", "x.txt", b"dark")], status=422)


def test_a_new_picture_takes_the_place_of_the_old_one(client: Client, app: Router, db: Session, ann: User) -> None:
    send(client, picture())
    db.refresh(ann)
    before = ann.avatar
    send(client, picture("JPEG"))
    db.refresh(ann)
    assert ann.avatar != before
    assert {path.name for path in files(app)} == {f"{ann.avatar}-48.webp", f"{ann.avatar}-192.webp"}
    client.get(f"/avatars/{before}-48.webp", status=404)


def test_saving_the_rest_leaves_the_picture(client: Client, db: Session, ann: User) -> None:
    send(client, picture())
    db.refresh(ann)
    before = ann.avatar
    form_with(client.get("/users/me/edit/"), "avatar").submit(status=303)
    db.refresh(ann)
    assert ann.avatar == before


def test_a_picture_can_be_removed(client: Client, app: Router, db: Session, ann: User) -> None:
    assert "remove_avatar" not in form_with(client.get("/users/me/edit/"), "avatar").fields
    send(client, picture())
    form = form_with(client.get("/users/me/edit/"), "avatar")
    form["remove_avatar"] = True
    form.submit(status=303)
    db.refresh(ann)
    assert ann.avatar == ""
    assert files(app) == []


def test_pictures_are_served_for_ever_and_may_do_nothing(
    client: Client, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    send(client, picture())
    db.refresh(ann)
    answer = make_client().get(f"/avatars/{ann.avatar}-48.webp")
    assert answer.content_type == "image/webp"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_pictures_take_no_query_of_members_either(
    client: Client, db: Session, ann: User, query_counter: Callable[..., Any]
) -> None:
    send(client, picture())
    db.refresh(ann)
    address = f"/avatars/{ann.avatar}-48.webp"
    db.commit()
    with query_counter() as statements:
        client.get(address)
        client.head(address)
    assert statements == []


@pytest.mark.parametrize("path", ["{name}-47.webp", "{name}.webp", "{name}-48.png", "..%2f{name}-48.webp"])
def test_other_names_lead_nowhere(client: Client, db: Session, ann: User, path: str) -> None:
    send(client, picture())
    db.refresh(ann)
    client.get("/avatars/" + path.format(name=ann.avatar), status=404)


def test_pictures_are_limited(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_upload_account="1 per hour"))
    sign_in(client, make_user(db, "Ann"))
    send(client, picture())
    page = send(client, picture(), status=429)
    assert "too often" in summary(page)


def test_only_so_many_pictures_are_drawn_at_once(client: Client, ann: User) -> None:
    for _ in range(3):
        pictures.PLACES.acquire()
    try:
        page = send(client, picture(), status=429)
        assert page.headers["Retry-After"] == "5"
    finally:
        for _ in range(3):
            pictures.PLACES.release()
    send(client, picture())
