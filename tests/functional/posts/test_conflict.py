"""Two people edit one text at once."""

import pytest
from sqlalchemy.orm import Session

from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    user = make_user(db, "ann")
    sign_in(client, user)
    return user


def test_who_saves_again_after_seeing_the_present_text_wins(client: Client, db: Session, ann: User) -> None:
    post = make_post(db, ann, "A title", body="The first text")
    address = f"/posts/{post.id}/edit/"
    one, other = (form_with(client.get(address), "body") for _ in range(2))
    one["body"] = "The second text"
    one.submit("save", status=303)
    other["body"] = "The third text"
    page = other.submit("save", status=422)
    assert "The second text" in page
    again = form_with(page, "body")
    assert again["body"].value == "The third text"
    again.submit("save", status=303)
    db.refresh(post)
    assert post.body == "The third text"
