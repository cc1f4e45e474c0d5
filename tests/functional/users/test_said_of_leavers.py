"""What staff said of somebody who has gone names them no more."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor, AuditEntry
from myproject.comments.models import Comment
from myproject.comments.services import removal as comment_removal
from myproject.comments.services.purging import purge_removed
from myproject.emails import constants as EMAIL
from myproject.emails.services import suppression
from myproject.moderation import constants as MODERATION
from myproject.moderation.services import cases, flagging
from myproject.posts.models import Post
from myproject.posts.services import curation
from myproject.posts.services import removal as post_removal
from myproject.posts.services.drafts import purge_drafts
from myproject.users import constants as USER
from myproject.users.services import accounts, names
from tests.conftest import Client, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.users.test_deletion import erase_all, everything_in, leave

pytestmark = pytest.mark.one_database


def test_what_staff_said_of_their_texts_names_them_no_more_in_any_row_or_file(
    client: Client, app: Router, db: Session
) -> None:
    chief, ben = make_user(db, "chief", role=USER.Role.ADMIN), make_user(db, "Ben")
    actor, person = Actor(chief.id, chief.name), make_user(db, "Annabella")
    said = f"Annabella ({person.email}) shouts"
    locked, removed = make_post(db, person, "One"), make_post(db, person, "Two")
    theirs = make_post(db, ben, "By Ben")
    answered, reported = make_comment(db, theirs, person, "Loud"), make_comment(db, theirs, person, "Louder")
    make_comment(db, theirs, ben, "An answer", answered)
    curation.lock_post(db, actor, locked.id, said)
    post_removal.remove_post(db, actor, removed.id, said)
    comment_removal.remove_comment(db, actor, answered.id, said)
    report = {"comment_id": reported.id, "flags_to_hide": 0, "flagger_texts": 0}
    flagging.flag_text(db, ben.id, MODERATION.Reason.OTHER, said, **report)  # type: ignore[arg-type]
    case = cases.find_or_open(db, reported)
    cases.decide(db, actor, case.id, MODERATION.Decision.KEPT, said)
    found = suppression.note(db, person.email, EMAIL.Reason.HARD)
    assert found is not None
    suppression.lift(db, actor, found.id, said)
    sign_in(client, person)
    leave(client)
    run_tasks(app.registry)
    assert sum("annabella" in row.lower() for row in everything_in(db)) > 10
    erase_all(app, db)
    assert [row for row in everything_in(db) if "annabella" in row.lower()] == []
    reasons = db.scalars(sa.select(AuditEntry.reason).where(AuditEntry.reason.endswith(") shouts"))).all()
    assert len(reasons) == 5
    assert {reason[0] for reason in reasons} == {"#"}
    assert without_traces(locked.lock_reason) == without_traces(removed.removal_reason) == " () shouts"
    assert without_traces(answered.removal_reason) == " () shouts"
    if db.get_bind().dialect.name == "sqlite":
        db.rollback()
        file = Path(db.get_bind().engine.url.database or "")
        for part in (file, file.with_name(f"{file.name}-wal")):
            assert b"nnabella" not in part.read_bytes()


def test_what_staff_said_of_texts_that_were_purged_before_names_them_no_more(
    client: Client, app: Router, db: Session
) -> None:
    chief, ben = make_user(db, "chief", role=USER.Role.ADMIN), make_user(db, "Ben")
    actor, person = Actor(chief.id, chief.name), make_user(db, "Bellatrix")
    names.rename(db, person.id, "Annabella", accounts.Client("127.0.0.1", "a browser"))
    person.display_name = "Lady Lestrange"
    said = f"Annabella, Lady Lestrange, once Bellatrix ({person.email}) shouts"
    theirs = make_post(db, ben, "By Ben")
    comment, draft = make_comment(db, theirs, person, "Loud"), make_post(db, person, "Half", publish=False)
    comment_removal.remove_comment(db, actor, comment.id, said)
    post_removal.remove_post(db, actor, draft.id, said)
    post_removal.restore_post(db, actor, draft.id)
    of_ben = make_comment(db, theirs, ben, "About Annabella")
    comment_removal.remove_comment(db, actor, of_ben.id, "Bellatrix is a star")
    db.flush()
    purge_removed(db, sa.true())
    purge_drafts(db, 0)
    sign_in(client, person)
    leave(client)
    run_tasks(app.registry)
    assert (db.query(Comment).count(), db.query(Post).count()) == (0, 1)
    erase_all(app, db)
    reasons = db.scalars(sa.select(AuditEntry.reason).where(AuditEntry.reason != "").order_by(AuditEntry.id)).all()
    assert [without_traces(reason) for reason in reasons] == [", , once  () shouts"] * 2 + ["Bellatrix is a star"]
    left = [row.lower() for row in everything_in(db)]
    assert not [row for row in left if any(name in row for name in ("annabella", "lestrange", "bellatrix@"))]


def without_traces(text: str) -> str:
    """A reason without the traces in it."""
    return re.sub("#[0-9a-f]{28}", "", text)
