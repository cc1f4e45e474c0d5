"""A member's data as a file: asked for, made by a task, fetched by its owner alone, gone after a week."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.db import utc_now
from myproject.posts.services.removal import remove_post
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import Export, User, UserSession
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import flashes, summary, text_of
from tests.functional.users.test_avatars import picture, send

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
ADDRESS = "/users/me/data/"
FILE = "/users/me/data/export.zip"


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def ask(client: Client, *, status: int = 303) -> webtest.TestResponse:
    return client.get(ADDRESS).forms["form"].submit("export", status=status)


def fetch(client: Client) -> zipfile.ZipFile:
    answer = client.get(FILE, status=200)
    return zipfile.ZipFile(io.BytesIO(answer.body))


def read(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


def files(app: Router) -> list[Path]:
    return [path for path in settings_of(app.registry).storage_folder.rglob("*.zip") if path.is_file()]


def test_the_file_holds_what_the_site_holds(client: Client, app: Router, db: Session, ann: User) -> None:
    other = make_user(db, "Ben")
    send(client, picture(), bio="I *like* tea.")
    post = make_post(db, ann, "Green tea", body="Steep it **briefly**.", tags=["tea"])
    make_post(db, ann, "Half a thought", publish=False)
    comment = make_comment(db, post, ann, "Not with *milk*.")
    make_comment(db, post, other, "Ben's own words", comment)
    ask(client)
    run_tasks(app.registry)
    archive = fetch(client)
    assert archive.testzip() is None
    (profile,) = read(archive, "profile.json")
    assert (profile["name"], profile["email"], profile["bio"]) == ("Ann", "Ann@example.org", "I *like* tea.")
    assert [session["user_agent"] for session in read(archive, "sessions.json")] == ["a test"]
    assert [post["title"] for post in read(archive, "posts.json")] == ["Green tea", "Half a thought"]
    assert [row["id"] for row in read(archive, "comments.json")] == [comment.id]
    assert archive.read(f"posts/{post.id}-green-tea.md").decode() == "# Green tea\n\nSteep it **briefly**.\n"
    assert "## Green tea" in archive.read("comments.md").decode()
    assert "Not with *milk*." in archive.read("comments.md").decode()
    assert [mail["kind"] for mail in read(archive, "mails.json")] == ["reply"]
    assert len(read(archive, "security-history.json")) == 1
    assert archive.read("picture.webp")[8:12] == b"WEBP"
    assert {"connections.json", "passkeys.json", "former-names.json"} <= set(archive.namelist())


def test_the_file_holds_no_secret_and_nothing_of_others(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    other = make_user(db, "Ben")
    post = make_post(db, other, "Coffee", body="Ben's text")
    make_comment(db, post, other, "Ben's comment")
    lost = form_with(make_client().get("/users/lost-password/"), "email")
    lost["email"] = ann.email
    lost.submit()
    run_tasks(app.registry)
    ask(client)
    run_tasks(app.registry)
    archive = fetch(client)
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "reset_password" in everything
    assert "Ben" not in everything
    assert "token" not in everything
    assert str(ann.password) not in everything


def test_the_file_names_no_removed_post_of_others(client: Client, app: Router, db: Session, ann: User) -> None:
    for author in (ann, make_user(db, "Ben")):
        post = make_post(db, author, f"Tea of {author.name}")
        make_comment(db, post, ann, f"Not with milk, {author.name}")
        remove_post(db, Actor(None, "boss"), post.id, "Of no use")
    ask(client)
    run_tasks(app.registry)
    written = fetch(client).read("comments.md").decode()
    assert "## Tea of Ann" in written
    assert "Tea of Ben" not in written
    assert f"## /posts/{post.id}/" in written
    assert "Not with milk, Ben" in written


def test_a_mail_tells_when_it_is_ready(client: Client, ann: User, mails: Mails) -> None:
    ask(client)
    assert "We are putting your data together" in client.get(ADDRESS)
    (mail,) = mails(to="Ann@example.org")
    assert mail["Subject"] == "Your data at My community are ready"
    assert "http://localhost/users/me/data/" in text_of(mail)
    assert client.get(ADDRESS).html.select_one(f"a[href='{FILE}']")


def test_an_address_that_nobody_has_verified_gets_no_mail_of_it(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    ann.email_verified_at, ann.status = None, USER.Status.NEW
    assert flashes(ask(client).follow()) == ["We put your data together. They will be here in a minute."]
    assert mails() == []
    fetch(client)


def test_the_file_is_to_be_kept_and_not_shown(client: Client, app: Router, ann: User) -> None:
    ask(client)
    run_tasks(app.registry)
    answer = client.get(FILE)
    assert answer.content_type == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="my-community-')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.content_length == len(answer.body) == files(app)[0].stat().st_size


def test_nobody_else_fetches_it(
    client: Client, app: Router, db: Session, ann: User, make_client: Callable[..., Client]
) -> None:
    ask(client)
    run_tasks(app.registry)
    other = make_client()
    sign_in(other, make_user(db, "Ben"))
    other.get(FILE, status=404)
    assert "/users/login/" in make_client().get(FILE, status=303).location


def test_it_asks_for_a_fresh_sign_in(client: Client, app: Router, db: Session, ann: User) -> None:
    ask(client)
    run_tasks(app.registry)
    db.query(UserSession).update({"authenticated_at": utc_now() - timedelta(minutes=USER.REAUTH_MINUTES + 1)})
    for address in (ADDRESS, FILE):
        assert "/users/reauth/?next=" in client.get(address, status=303).location


def test_one_is_made_at_a_time(client: Client, db: Session, ann: User) -> None:
    ask(client)
    assert "We are at it already" in summary(ask(client, status=422))
    assert db.query(Export).count() == 1


def test_a_new_one_takes_the_place_of_the_old_one(client: Client, app: Router, db: Session, ann: User) -> None:
    ask(client)
    run_tasks(app.registry)
    (old,) = files(app)
    assert flashes(ask(client).follow()) == ["We put your data together, and send you a mail when they are ready."]
    client.get(FILE, status=404)
    run_tasks(app.registry)
    (new,) = files(app)
    assert new != old
    assert db.query(Export).count() == 1


def test_asking_is_limited(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_export_account="1 per day")
    client = make_client(app)
    sign_in(client, make_user(db, "Ann"))
    ask(client)
    run_tasks(app.registry)
    assert "too often" in summary(ask(client, status=429))


def test_it_is_gone_after_its_days(client: Client, app: Router, db: Session, ann: User) -> None:
    ask(client)
    run_tasks(app.registry)
    export = db.query(Export).one()
    assert timedelta(days=6) < export.expires_at - utc_now() <= timedelta(days=USER.EXPORT_DAYS)
    export.expires_at = utc_now() - timedelta(seconds=1)
    client.get(FILE, status=404)
    tasks.purge_files(app.registry)
    assert db.query(Export).count() == 0
    assert files(app) == []


def test_one_whose_task_was_lost_is_made_later(client: Client, app: Router, db: Session, ann: User) -> None:
    ask(client)
    app.registry["huey"].flush()
    tasks.make_lost_exports(app.registry)
    client.get(FILE, status=404)
    db.query(Export).one().created_at -= timedelta(minutes=USER.EXPORT_LOST_MINUTES + 1)
    db.commit()
    tasks.make_lost_exports(app.registry)
    client.get(FILE, status=200)


def test_made_twice_it_is_there_once(client: Client, app: Router, db: Session, ann: User, mails: Mails) -> None:
    ask(client)
    db.rollback()
    export_id = db.query(Export.id).scalar()
    db.commit()
    for _ in range(2):
        tasks.make_export(app.registry, export_id)
    assert len(files(app)) == 1
    assert len(mails(to="Ann@example.org")) == 1


def test_a_file_that_no_row_names_goes_after_a_day(client: Client, app: Router, db: Session, ann: User) -> None:
    send(client, picture())
    ask(client)
    run_tasks(app.registry)
    storage = app.registry["storage"]
    for name in (f"{'a' * 32}-48.webp", f"{'b' * 32}.zip"):
        with storage.writing(name) as file:
            file.write(b"left over")
    db.commit()
    before = set(storage.names(older_than=-60))
    tasks.purge_files(app.registry)
    assert set(storage.names(older_than=-60)) == before
    for name in before:
        path = storage.path(name)
        old = path.stat().st_mtime - tasks.ORPHAN_SECONDS - 60
        os.utime(path, (old, old))
    tasks.purge_files(app.registry)
    db.refresh(ann)
    kept = {f"{ann.avatar}-{size}.webp" for size in USER.AVATAR_SIZES} | {db.query(Export).one().file}
    assert set(storage.names(older_than=-60)) == kept
