"""Any text at all, in what members write and where addresses ask for something: the answer is a page, and never an
error of ours; what was saved can be shown. For every field of every form see `test_every_form`.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token

ODD = (
    "",
    "\x00",
    "a\x00b\r\n\t\x0b\x85\u2028",
    "\u202eabc\u2066\ufeff\u200b",
    "\ufffe\uffff\U0010ffff",
    "e\u0301ß\u0130\ufb01\u212a" * 8,
    "ﷺ" * 30,
    "x" * 5000,
    "-1",
    "٣",
    "1_000",
    "9223372036854775808",
    "a@b.c\n",
    '"quoted name"@example.org',
    "${max} %(name)s {{ 7 * 7 }} {% raw %}",
    "'; DROP TABLE users; --\\",
    "</textarea><script>alert(1)</script>",
    "> " * 200 + "`" * 200 + "\n" + "|a" * 100,
    "https://[::1/",
    "#tag, #tag,,, -tag-",
)
# As it travels: text in UTF-8, or bytes that are none, among them the halves of a surrogate pair.
ANY = st.one_of(
    st.sampled_from([text.encode() for text in ODD]),
    st.text(max_size=80).map(str.encode),
    st.binary(max_size=30),
    st.just(b"\xed\xa0\x80"),
)


def send_any(fields: Iterable[str], send: Callable[[dict[str, bytes]], object], number: int) -> None:
    """Calls `send` that often with any text for several of the fields, the same at each run."""

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.dictionaries(st.sampled_from(sorted(fields)), ANY, min_size=1))
    def send_each(odd: dict[str, bytes]) -> None:
        send(odd)

    send_each()


class Filler:
    """Sends one form again and again, as the same visitor, and notes how it was answered."""

    def __init__(self, client: Client, path: str, fields: dict[str, str], button: str = "") -> None:
        self.client, self.path, self.fields, self.button = client, path, fields, button
        self.token = csrf_token(client.get("/users/lost-password/"))
        self.cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookiejar)
        self.statuses: set[int] = set()

    def body(self, odd: dict[str, bytes]) -> bytes:
        """The form with right values, but for `odd`."""
        values = {name: value.encode() for name, value in self.fields.items()} | odd
        if self.button:
            values[self.button] = self.button.encode()
        return "&".join(f"{name}={quote_from_bytes(value)}" for name, value in values.items()).encode()

    def send(self, odd: dict[str, bytes]) -> None:
        # What an answer does to the cookies must not change the next one.
        self.client.cookiejar.clear()
        headers = {"X-CSRF-Token": self.token, "Cookie": self.cookies}
        if self.path.endswith("?"):
            answer = self.client.get(self.path + self.body(odd).decode(), headers=headers, status="*")
        else:
            answer = self.client.post(self.path, self.body(odd), headers=headers, status="*")
        assert answer.status_int < 500, (self.path, odd)
        assert answer.status_int < 400 or "<h1>" in answer.text
        self.statuses.add(answer.status_int)

    def try_everything(self) -> set[int]:
        """Sends every odd text in each field alone, so that it gets far, and then any text in several."""
        for name in self.fields:
            for text in ODD:
                self.send({name: text.encode()})

        send_any(self.fields, self.send, 15)
        return self.statuses


def member(client: Client, db: Session, **options: Any) -> Client:
    sign_in(client, make_user(db, "olga", **options))
    return client


def look(client: Client, db: Session, *paths: str) -> None:
    """What was saved can be shown."""
    sign_in(client, db.scalars(sa.select(User).where(User.name == "olga")).one())
    for path in paths:
        page = client.get(path, status="*")
        while page.status_int in (301, 303):
            page = page.follow(status="*")
        assert page.status_int == 200, path


POST = {"title": "Of tea", "body": "Some *text*", "tags": "tea, cake"}
PROFILE = {
    "display_name": "Olga",
    "bio": "I like *tea*",
    "website": "https://olga.example",
    "time_zone": "Europe/Paris",
    "locale": "en",
    "theme": "dark",
}


def test_where_to_go_after_login(client: Client, db: Session) -> None:
    fields = {"next": "/drafts/"}
    assert Filler(member(client, db), "/users/login/?", fields).try_everything() == {
        303,
        400,
    }  # 400: bytes that are no text, in an address


def test_profile(client: Client, db: Session) -> None:
    assert Filler(member(client, db), "/users/me/edit/", PROFILE).try_everything() == {303, 422}
    look(client, db, "/@olga/", "/users/me/", "/users/me/edit/")


@pytest.mark.parametrize("button", ["publish", "preview", "save_draft"])
def test_new_post(client: Client, db: Session, button: str) -> None:
    statuses = Filler(member(client, db), "/posts/new/", POST, button).try_everything()
    assert statuses == {200 if button == "preview" else 303, 422}
    numbers = db.scalars(sa.select(Post.id)).all()
    assert bool(numbers) == (button != "preview")
    look(client, db, "/", "/drafts/", "/@olga/", *(f"/posts/{number}/" for number in numbers))


def test_a_post_whose_sign_in_has_ended(client: Client, db: Session) -> None:
    filler = Filler(member(client, db), "/posts/new/", POST, "publish")
    db.execute(sa.delete(UserSession))
    assert filler.try_everything() == {400}


def test_a_post_with_a_wrong_token(client: Client, db: Session) -> None:
    filler = Filler(member(client, db), "/posts/new/", POST, "publish")
    filler.token = "0"
    assert filler.try_everything() == {400}


def test_comment(client: Client, db: Session) -> None:
    member(client, db)
    user = db.scalars(sa.select(User)).one()
    post = make_post(db, user)
    fields = {"body": "Well *said*", "parent_id": str(make_comment(db, post, user).id)}
    assert Filler(client, f"/posts/{post.id}/comments/", fields).try_everything() == {303, 422}
    look(client, db, f"/posts/{post.id}/")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/users/?", {"q": "ann", "role": "2", "status": "2", "before": "100"}),
        ("/admin/audit/?", {"action": "user.role", "who": "ann", "on": "users", "number": "1", "before": "100"}),
        ("/admin/emails/?", {"state": "0", "before": "100"}),
        ("/?", {"sort": "new", "after": ""}),
        ("/posts/1/a-post/?", {"from": "1"}),
    ],
)
def test_searches_and_pages_of_lists(client: Client, db: Session, path: str, fields: dict[str, str]) -> None:
    client = member(client, db, role=USER.Role.ADMIN)
    make_post(db, db.scalars(sa.select(User)).one())
    assert Filler(client, path, fields).try_everything() <= {200, 301, 303, 400, 404}
