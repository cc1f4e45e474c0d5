"""Whatever keeps a form from being taken, what was typed in it comes back with the answer."""

from collections.abc import Callable

import pytest
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.cache import touch
from myproject.comments.models import Comment
from myproject.comments.services.removal import remove_comment
from myproject.posts.models import Post
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.removal import remove_post
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in

# As both databases do the same here, and this asks for many pages.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

TEXT = "At length, in *two* lines,\nwith <b>& so on"
LIMITS = ("preview_account", "flag_account", "comment_account", "post_account")


def typed(page: webtest.TestResponse) -> list[str]:
    """What stands on a page to be sent again or copied."""
    return [area.get_text().removeprefix("\n").replace("\r\n", "\n") for area in page.html.select("main textarea")]


class Forms:
    """The forms that take long texts, filled in by who may send them. Each is made anew."""

    def __init__(self, db: Session, client: Client, ann: User, bob: User) -> None:
        self.db, self.client, self.ann = db, client, ann
        self.own, self.other = make_post(db, ann), make_post(db, bob)
        self.own_comment, self.comment = make_comment(db, self.other, ann), make_comment(db, self.other, bob)
        db.commit()

    def all(self) -> dict[str, tuple[str, str, str, Post | Comment | None]]:
        """(address, field, button, what it is about), by name."""
        return {
            "post": ("/posts/new/", "body", "publish", None),
            "change of a post": (f"/posts/{self.own.id}/edit/", "body", "save", self.own),
            "comment": (f"/posts/{self.other.id}/a-post/", "body", "send", self.other),
            "reply": (f"/comments/{self.comment.id}/reply/", "body", "send", self.other),
            "change of a comment": (f"/comments/{self.own_comment.id}/edit/", "body", "save", self.own_comment),
            "report of a post": (f"/posts/{self.other.id}/report/", "note", "report", self.other),
            "report of a comment": (f"/comments/{self.comment.id}/report/", "note", "report", self.comment),
            "profile": ("/users/me/edit/", "bio", "save", None),
        }

    def fill(self, name: str) -> webtest.Form:
        address, field, _button, _about = self.all()[name]
        form = form_with(self.client.get(address), field)
        form[field] = TEXT
        if name == "post":
            # The same words again would lead to what was sent before.
            form["title"] = f"A title {self.own.id}"
        if field == "note":
            form["reason"] = "1"
        return form


def old_token(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    form["csrf_token"] = "0" * 64


def removed(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    actor = Actor(None, "command line")
    if isinstance(about, Post):
        remove_post(forms.db, actor, about.id, "Of no use")
    elif about is not None:
        remove_comment(forms.db, actor, about.id, "Of no use")


def hidden(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    if isinstance(about, Post):
        hide_post(forms.db, about)


def taken_back(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    """A comment that its author took back while it waited is gone without a trace; a post never is."""
    if isinstance(about, Comment):
        forms.db.delete(about)


def somebody_elses(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    """Who wrote it is no longer who may change it."""
    if about is not None and about in (forms.own, forms.own_comment):
        about.author_id = forms.other.author_id
        touch(forms.db, f"post:{about.id if isinstance(about, Post) else about.post_id}")


def signed_out(forms: Forms, form: webtest.Form, about: Post | Comment | None) -> None:
    forms.client.logout()


FAULTS = (old_token, removed, hidden, taken_back, somebody_elses, signed_out)


def test_long_texts_come_back_from_whatever_form_for_whatever_reason(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(moderation_flags_to_hide=9))
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    lost, answers = [], set()
    for fault in FAULTS:
        names = list(Forms(db, client, ann, bob).all())
        for name in names:
            sign_in(client, ann)
            forms = Forms(db, client, ann, bob)
            form = forms.fill(name)
            _address, _field, button, about = forms.all()[name]
            if about is None and fault not in (old_token, signed_out):
                continue
            fault(forms, form, about)
            db.commit()
            page = form.submit(button, status="*")
            answers.add(page.status_int)
            # Of what is somebody else's by now or hidden, some can be sent all the same.
            if page.status_int != 303 and TEXT not in typed(page):
                lost.append((name, fault.__name__, page.status_int))
    assert lost == []
    assert answers == {303, 400, 403, 404, 410, 422}


def test_long_texts_come_back_from_whatever_form_that_was_sent_too_often(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    limits = {f"ratelimit_{name}": "1 per hour" for name in LIMITS}
    client = make_client(make_app(ratelimit_enabled=True, moderation_flags_to_hide=9, newcomers_days=0, **limits))
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    sign_in(client, ann)
    lost, limited = [], set()
    names = list(Forms(db, client, ann, bob).all())
    for name in names:
        for _try in range(2):
            forms = Forms(db, client, ann, bob)
            page = forms.fill(name).submit(forms.all()[name][2], status="*")
            if page.status_int == 429:
                limited.add(name)
                if TEXT not in typed(page):
                    lost.append(name)
    assert lost == []
    assert limited >= set(names) - {"profile"}
