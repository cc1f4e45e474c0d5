"""Who may go when, on both databases: lanes, the circuit breaker of the mail server, the pace of a domain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Sessions, clock
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Fault, Kind, Lane, State
from myproject.emails.errors import DeliveryError
from myproject.emails.models import Email, MailRoute
from myproject.emails.services import pacing
from myproject.emails.services.delivery import (
    Lease,
    Refused,
    claim,
    count_due,
    mark_failed,
    mark_sent,
    seconds_until_due,
)
from myproject.emails.services.outbox import queue_mail
from tests.unit.emails.samples import sample

WORKER = "worker:1:1"
BACKLOG = 5_000


def queued(db: Session, kind: Kind = Kind.REPLY, **values: Any) -> Email:
    email = queue_mail(db, sample(kind, **values))
    assert email is not None
    return email


def leased(db: Session, **options: Any) -> Lease:
    lease = claim(db, WORKER, **options)
    assert lease is not None
    return lease


def fail(db: Session, fault: Fault, text: str = "no", code: int | None = None) -> Email:
    """Claims the next mail and has it fail, if need be by an answer of the server; gives it as it is then."""
    if code is None:
        code = 0 if fault in (Fault.SERVER, Fault.BROKEN) else 550
    lease = leased(db)
    mark_failed(db, lease, DeliveryError(text, fault, code=code))
    return db.get_one(Email, lease.email_id, populate_existing=True)


def open_all(db: Session) -> None:
    """Lets the time pass that routes are closed for."""
    db.execute(sa.update(MailRoute).values(opens_at=clock(-1)))


def closed_for(db: Session, route: str = EMAIL.SERVER_ROUTE) -> float:
    now, opens = db.execute(sa.select(clock(), MailRoute.opens_at).where(MailRoute.domain == route)).one()
    return float((opens - now).total_seconds())


def backlog(db: Session, lane: Lane, minutes: float) -> None:
    """So many mails that have been due for so long."""
    mail = sample(Kind.REPLY)
    row = {
        "kind": mail.kind,
        "lane": lane,
        "to_address": mail.to_address,
        "to_domain": "example.org",
        "context": mail.context,
    }
    rows = [row | {"message_id": f"<{number}@{lane}>"} for number in range(BACKLOG)]
    db.execute(sa.insert(Email), rows)
    due = sa.update(Email).where(Email.lane == lane).values(next_attempt_at=clock(-60 * minutes))
    db.execute(due, execution_options={"synchronize_session": False})


# Lanes


def test_a_verification_overtakes_a_backlog_and_an_old_digest_gets_its_share(db: Session) -> None:
    backlog(db, Lane.REPLY, minutes=20)
    digest = queued(db, lane=Lane.BULK)
    db.flush()
    sixteen_minutes_more = sa.update(Email).where(Email.id == digest.id).values(next_attempt_at=clock(-36 * 60))
    db.execute(sixteen_minutes_more)
    verification = queued(db, Kind.VERIFY)
    db.flush()
    assert leased(db, patient=True).email_id == digest.id
    assert leased(db).email_id == verification.id
    assert db.get_one(Email, leased(db, patient=True).email_id).lane is Lane.REPLY


def test_the_turn_of_the_patient_is_an_ordinary_one_where_none_has_waited_for_long(db: Session) -> None:
    digest, verification = queued(db, lane=Lane.BULK), queued(db, Kind.VERIFY)
    db.flush()
    db.execute(sa.update(Email).where(Email.id == digest.id).values(next_attempt_at=clock(-60)))
    assert leased(db, patient=True).email_id == verification.id


# The mail server


def test_where_the_mail_server_is_away_all_wait_and_no_mail_loses_a_try(db: Session) -> None:
    emails = [queued(db) for _ in range(3)]
    failed = fail(db, Fault.SERVER, "Can't connect")
    assert (failed.id, failed.state, failed.attempts) == (emails[0].id, State.QUEUED, 0)
    assert failed.last_error == "Can't connect"
    assert claim(db, WORKER) is None
    assert 0 < closed_for(db) <= 6


def test_one_mail_at_a_time_finds_out_whether_the_mail_server_is_back_and_the_pauses_grow(db: Session) -> None:
    for _ in range(3):
        queued(db)
    pauses = []
    for _ in range(9):
        fail(db, Fault.SERVER)
        pauses.append(closed_for(db))
        assert claim(db, WORKER) is None
        open_all(db)
    assert pauses[:3] == [pytest.approx(seconds, rel=0.15) for seconds in (5, 10, 20)]
    assert pauses[-1] == pytest.approx(EMAIL.SERVER_PAUSES_SECONDS[1], rel=0.15)
    # The probe is under way.
    probe = leased(db)
    assert claim(db, WORKER) is None
    mark_sent(db, db.get_one(Email, probe.email_id), "Hello")
    assert pacing.closed_routes(db) == []
    assert leased(db)
    assert leased(db)


def test_a_probe_whose_worker_dies_is_followed_by_another(db: Session) -> None:
    queued(db)
    queued(db)
    fail(db, Fault.SERVER)
    open_all(db)
    leased(db)
    assert claim(db, WORKER) is None
    assert closed_for(db) <= EMAIL.PROBE_SECONDS
    open_all(db)
    assert leased(db)


def test_a_route_that_works_again_is_not_closed_by_a_probe_that_comes_too_late(db: Session) -> None:
    queued(db)
    fail(db, Fault.SERVER)
    open_all(db)
    # Another worker's mail got through after this one had looked.
    pacing.reopen(db, EMAIL.SERVER_ROUTE)
    assert not pacing.begin_probe(db, EMAIL.SERVER_ROUTE)
    assert leased(db)


def test_mails_that_break_off_are_its_own_fault_until_three_in_a_row_do(db: Session) -> None:
    emails = [queued(db) for _ in range(4)]
    for number in range(EMAIL.BREAKS_OF_A_SERVER):
        failed = fail(db, Fault.BROKEN)
        assert (failed.id, failed.attempts) == (emails[number].id, 1)
    assert claim(db, WORKER) is None
    assert closed_for(db) > 0
    open_all(db)
    assert leased(db).email_id == emails[3].id


@pytest.mark.parametrize("fault", [Fault.LATER, Fault.MESSAGE, Fault.RECIPIENT])
def test_a_refusal_shows_that_the_mail_server_is_there(db: Session, fault: Fault) -> None:
    for _ in range(2):
        queued(db)
    fail(db, Fault.SERVER)
    open_all(db)
    fail(db, fault)
    assert pacing.closed_routes(db) == []
    assert leased(db)


def test_a_mail_that_can_not_be_written_says_nothing_of_the_mail_server(db: Session) -> None:
    for _ in range(2):
        queued(db)
    fail(db, Fault.SERVER)
    open_all(db)
    fail(db, Fault.LATER, code=0)
    assert claim(db, WORKER) is None


def test_an_admin_opens_the_way_to_the_mail_server_at_once(db: Session) -> None:
    queued(db)
    fail(db, Fault.SERVER, "The mail server refused the user name or password")
    (route,) = pacing.closed_routes(db)
    assert route.last_error == "The mail server refused the user name or password"
    pacing.try_now(db, EMAIL.SERVER_ROUTE)
    assert leased(db)


# Domains


def test_a_domain_that_wants_fewer_mails_waits_and_the_others_go_on(db: Session) -> None:
    slow = [queued(db, to_address=f"{name}@slow.example") for name in ("ann", "bob")]
    other = queued(db, to_address="cleo@Other.example")
    failed = fail(db, Fault.SLOW)
    assert (failed.id, failed.attempts) == (slow[0].id, 1)
    assert leased(db).email_id == other.id
    assert claim(db, WORKER) is None
    assert closed_for(db, "slow.example") == pytest.approx(60, rel=0.15)
    open_all(db)
    assert fail(db, Fault.RECIPIENT).id == slow[1].id
    # It was heard out.
    assert pacing.closed_routes(db) == []


def test_an_admin_has_what_waits_for_a_domain_tried_at_once_in_its_order(db: Session) -> None:
    slow = [queued(db, to_address=f"{name}@slow.example").id for name in ("ann", "bob")]
    other = queued(db, to_address="cleo@other.example")
    fail(db, Fault.SLOW)
    db.execute(sa.update(Email).values(next_attempt_at=clock(3600 * 3)))
    db.execute(sa.update(Email).where(Email.id == slow[0]).values(next_attempt_at=clock(3600 * 6)))
    pacing.try_now(db, "slow.example")
    assert [leased(db, pace=60).email_id] == slow[:1]
    assert claim(db, WORKER, pace=60) is None
    open_all(db)
    assert [leased(db).email_id] == slow[1:]
    assert claim(db, WORKER) is None
    db.refresh(other)
    assert other.state is State.QUEUED


def test_a_pace_holds_for_each_domain_and_not_for_the_safety_of_accounts(db: Session) -> None:
    first, _second = queued(db), queued(db)
    other = queued(db, to_address="cleo@other.example")
    assert leased(db, pace=6).email_id == first.id
    assert leased(db, pace=6).email_id == other.id
    assert claim(db, WORKER, pace=6) is None
    assert 0 < closed_for(db, "example.org") <= 6
    assert count_due(db, 10) == 0
    verification = queued(db, Kind.VERIFY)
    assert leased(db, pace=6).email_id == verification.id


def test_workers_that_claim_at_once_keep_the_pace_together(db: Session, app: Router) -> None:
    sessions: Sessions = app.registry["sessions"]
    for number in range(12):
        queued(db, to_address=f"ann@{number % 3}.example")
    db.commit()

    def claim_all(worker: str) -> list[str]:
        mine = []
        while True:
            with sessions.writing() as own:
                lease = claim(own, worker, pace=60)
            if lease is None:
                return mine
            mine.append(lease.domain)

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(claim_all, [f"worker:{n}" for n in range(4)]))
    assert sorted(domain for share in shares for domain in share) == ["0.example", "1.example", "2.example"]


def test_failures_of_workers_at_once_are_all_counted(db: Session, app: Router) -> None:
    sessions: Sessions = app.registry["sessions"]

    def fail_too(_number: int) -> None:
        with sessions.writing() as own:
            pacing.note_failure(own, "example.org", DeliveryError("away"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail_too, range(40)))
    assert db.scalars(sa.select(MailRoute.failures)).all() == [40]


# SQLite has one writer at a time.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_who_loses_the_turn_of_a_domain_leaves_the_way_open_for_who_finds_out_whether_the_server_is_back(
    db: Session, app: Router
) -> None:
    sessions: Sessions = app.registry["sessions"]
    queued(db)
    fail(db, Fault.SERVER)
    open_all(db)
    db.commit()
    others = iter(["worker:2:2"])

    def come_first(connection: sa.Connection, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO mail_routes") and next(others, None):
            with sessions.writing() as other:
                assert pacing.take_turn(other, "example.org", 60)

    sa.event.listen(sessions.engine, "before_cursor_execute", come_first)
    try:
        assert claim(db, WORKER, pace=60) is None
    finally:
        sa.event.remove(sessions.engine, "before_cursor_execute", come_first)
    assert closed_for(db) <= 0


def test_routes_that_nothing_was_sent_on_for_long_are_forgotten(db: Session) -> None:
    for seconds, domain in ((-2 * 86_400, "old.example"), (-60, "new.example")):
        assert pacing.take_turn(db, domain, seconds)
    pacing.purge_routes(db)
    assert db.scalars(sa.select(MailRoute.domain)).all() == ["new.example"]


# What others are told


@pytest.fixture
def refusals(app: Router) -> Iterator[list[Refused]]:
    """What was published of refused recipients."""
    heard: list[Refused] = []
    app.registry.registerHandler(heard.append, (Refused,))
    yield heard
    app.registry.unregisterHandler(heard.append, (Refused,))


def test_only_an_address_that_takes_no_mail_is_told_of(db: Session, refusals: list[Refused]) -> None:
    emails = [queued(db) for _ in Fault]
    for fault in (Fault.MESSAGE, Fault.SLOW, Fault.BROKEN, Fault.LATER):
        fail(db, fault)
        open_all(db)
    assert refusals == []
    error = DeliveryError("550", Fault.RECIPIENT, code=550, answer="5.1.1 No such mailbox")
    lease = leased(db)
    mark_failed(db, lease, error)
    (refusal,) = refusals
    assert (refusal.email.id, refusal.email.state) == (emails[4].id, State.DEAD)
    assert (refusal.code, refusal.enhanced_code, refusal.text) == (550, "5.1.1", "5.1.1 No such mailbox")
    # Said again, by a worker that has lost the mail.
    mark_failed(db, lease, error)
    assert len(refusals) == 1


def test_the_time_of_the_next_mail_is_known(db: Session) -> None:
    assert seconds_until_due(db) is None
    queued(db)
    assert seconds_until_due(db) == 0
    fail(db, Fault.SERVER)
    assert seconds_until_due(db) == pytest.approx(5, rel=0.2)
    open_all(db)
    fail(db, Fault.LATER)
    # Which no mail waits for.
    pacing.take_turn(db, "other.example", 5)
    assert seconds_until_due(db) == pytest.approx(60, rel=0.2)
