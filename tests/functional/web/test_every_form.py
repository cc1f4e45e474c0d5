"""Any text in every field of every form of the site: the answer is a page, and never an error of ours.

The fields and buttons are those that the pages show; what views read besides is looked for in the sources. So a
new field is tried as soon as it is there, and a new form fails here until `every_form` says what is right in it.
"""

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

import myproject
from myproject.cache import touch
from myproject.settings import settings_of
from myproject.users import constants as USER
from tests.conftest import Client
from tests.factories import make_comment, make_post, sign_in
from tests.functional.security.test_access import FIRST_ROWS, TABLE, VISITORS, World, form_token, views
from tests.functional.web.every_form import (
    BY_APPROVAL,
    BY_INVITATION,
    FORMS,
    FORMS_BY_APPROVAL,
    FORMS_BY_INVITATION,
    NUMBER,
    Form,
)
from tests.functional.web.test_any_text import send_any

# Each goes alone into a field of a form that is right otherwise, so that it gets far. Databases take the first two
# differently.
OF_DATABASES = 2
TEXTS = (
    "\x00\r\n\t\x0b\x85\u2028\u202e\ufeff\u200b e\u0301ß\u0130\ufb01\ufffe\U0010ffff ﷺ <b>'\\ ${max} {{ 7 }}",
    "9223372036854775808",
    "x" * 5000,
    "https://[::1/",
)
# One that a form written by hand does not refuse at once, for its NUL.
PRINTABLE = TEXTS[0][1:]
BUTTONS_OF_SCRIPTS = ("keep", "let_go")
READ_BY_HAND = re.compile(
    r"\bPOST\.(?:get|getall)\(\"(\w+)\"|\"(\w+)\" (?:not )?in (?:self\.)?(?:request\.POST|posted)\b"
)
ASKED = re.compile(r"\bGET\.get\(\"(\w+)\"|asked_number\(\w+, \"(\w+)\"\)|\bgiven\.get\(\"(\w+)\"")
# How a route answers somebody who may post there.
LET_IN = (200, 303, 400, 404, 422)


def names_read(pattern: re.Pattern[str]) -> list[str]:
    """The names of fields that the sources read in one way."""
    sources = (file.read_text() for file in Path(myproject.__file__).parent.rglob("*.py"))
    return sorted({name for text in sources for names in pattern.findall(text) for name in names if name})


class Sender:
    """Sends one form again and again. `fields` are its fields with what is right in them."""

    def __init__(self, world: World, form: Form) -> None:
        self.world, self.form = world, form
        # What a database never sees, it can't take differently.
        self.is_first = world.db.get_bind().dialect.name == "sqlite"
        self.texts = TEXTS if self.is_first else TEXTS[:OF_DATABASES]
        self.client = world.clients[form.visitor]
        self.numbers = itertools.count()
        self.fields: dict[str, str] = {}
        self.chosen: set[str] = set()
        self.buttons: set[str] = set()
        self.open()
        self.read_page()
        self.fields |= form.right

    def open(self) -> None:
        """Makes all as it was: the visitor, and what stands at the form's address."""
        self.client.cookiejar.clear()
        path = self.form.before(self.world) if self.form.before else None
        if self.form.visitor in self.world.users:
            sign_in(self.client, self.world.users[self.form.visitor])
        fresh = path_of(self.form).replace("{post}", "{fresh_post}").replace("{comment}", "{fresh_comment}")
        self.path = path or self.world.fill(fresh)

    def read_page(self) -> None:
        """Looks which fields and buttons the page at the form's address has for it."""
        page = self.client.get(self.path, status="*")
        texts = re.findall(r"<form\b.*?</form>", page.text, re.DOTALL) if page.status_int == 200 else []
        for form in (webtest.Form(page, text, page.parser_features) for text in texts):
            if urlsplit(urljoin(self.path, form.action)).path != urlsplit(self.path).path:
                continue
            for name, (field, *_others) in form.fields.items():
                if isinstance(field, webtest.forms.Submit):
                    self.buttons.add(name or "")
                elif name not in (None, "csrf_token", "once"):
                    self.fields[name] = field.value if isinstance(field.value, str) else ""
                    if not isinstance(field, webtest.forms.Text | webtest.forms.Email):
                        self.chosen.add(name)
                elif name == "once" and "data-keeping" in form.text:
                    self.buttons.update(BUTTONS_OF_SCRIPTS)

    def send(self, odd: dict[str, Any], button: str = "", files: Iterable[str] = ()) -> webtest.TestResponse:
        number = str(next(self.numbers))
        values: dict[str, Any] = {name: value.replace(NUMBER, number) for name, value in self.fields.items()}
        values = {name: self.world.fill(value) for name, value in values.items()} | odd
        if pressed := button or self.form.button:
            values[pressed] = pressed
        headers = {"X-CSRF-Token": form_token(self.client)}
        body: Any = urlencode(values)
        if files:
            body = {name: value for name, value in values.items() if name not in files}
        uploads = [(name, "a.txt", b"\x00") for name in files]
        answer = self.client.post(self.path, body, upload_files=uploads, headers=headers, status="*")
        assert answer.status_int < 500 or answer.status_int == self.form.answer, (self.form.route, odd, button)
        if answer.status_int not in (400, 422):
            self.open()
        return answer

    def try_everything(self, read_by_hand: list[str]) -> None:
        assert self.send({}).status_int == self.form.answer, self.form
        for name in self.fields:
            for text in self.texts[:1] if name in self.chosen else self.texts:
                self.send({name: text})
        for button in self.buttons - {self.form.button}:
            self.send(dict.fromkeys(self.fields, PRINTABLE), button)
        if not self.buttons:
            self.send(dict.fromkeys(read_by_hand, PRINTABLE))
        if self.fields and self.is_first:
            self.send({}, files=self.fields)
            send_any(self.fields, self.send, 3)


def path_of(form: Form) -> str:
    """Where a form stands: the first address of its route where its visitor may post."""
    index = VISITORS.index(form.visitor)
    rows = (row for row in TABLE if row.route == form.route and row.post[index] in LET_IN)
    return form.path or next(rows).path


def look(world: World, query: str = "") -> None:
    """An admin sees every page: what was saved can be shown, whatever addresses ask for."""
    client, user = world.clients["admin"], world.users["admin"]
    # The last form has left no admin, and staff may have removed the post.
    user.role = USER.Role.ADMIN
    touch(world.db, f"user:{user.id}")
    world.post = make_post(world.db, world.owner)
    world.comment = make_comment(world.db, world.post, world.owner)
    client.cookiejar.clear()
    sign_in(client, user)
    for row in FIRST_ROWS.values():
        if row.get[VISITORS.index("admin")] == 200:
            answer = client.get(world.path(row) + query, status="*")
            assert answer.status_int in ((200, 400, 404) if query else (200, 410)), (row, query)


@pytest.fixture
def make_world(db: Session, make_client: Callable[..., Client]) -> Callable[[Router], World]:
    def make(app: Router) -> World:
        return World(db, lambda: make_client(app), settings_of(app.registry).mail_folder)

    return make


def test_any_text_in_every_form_gets_a_page(app: Router, make_world: Callable[[Router], World]) -> None:
    world, read_by_hand = make_world(app), names_read(READ_BY_HAND)
    assert {"credential", "parent_id", "preview", "on"} <= set(read_by_hand)
    for form in FORMS:
        Sender(world, form).try_everything(read_by_hand)
    look(world)


def test_any_text_in_the_forms_of_a_site_by_invitation_gets_a_page(
    make_app: Callable[..., Router], make_world: Callable[[Router], World]
) -> None:
    world = make_world(make_app(**BY_INVITATION))
    for form in FORMS_BY_INVITATION:
        Sender(world, form).try_everything([])
    look(world, "?" + urlencode(dict.fromkeys(names_read(ASKED), PRINTABLE)))


def test_any_text_in_the_forms_of_a_site_by_approval_gets_a_page(
    make_app: Callable[..., Router], make_world: Callable[[Router], World]
) -> None:
    world = make_world(make_app(**BY_APPROVAL))
    for form in FORMS_BY_APPROVAL:
        Sender(world, form).try_everything([])


# What providers of mail post to: see tests/functional/emails/test_webhooks.py.
OF_PROGRAMS = {"emails.webhooks"}


def test_every_form_is_among_them(app: Router) -> None:
    routes = {view["route_name"] for view, _permission in views(app) if view["request_methods"] == "POST"}
    assert routes == OF_PROGRAMS | {form.route for form in (*FORMS, *FORMS_BY_INVITATION, *FORMS_BY_APPROVAL)}
