"""How fast mails go: a circuit breaker for the mail server, and a pace for each domain, which all workers keep.

A route that has failed is closed for a while, and then open for one mail, which finds out; the others wait.
"""

import random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY, clock, insert_for, publish
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Fault, State
from myproject.emails.errors import DeliveryError
from myproject.emails.models import UNFINISHED, Email, MailRoute
from myproject.emails.services.outbox import MailQueued, one_line


def spread(seconds: float) -> float:
    """About so many seconds, so that what failed together does not come back together."""
    return seconds * random.uniform(1 - EMAIL.JITTER, 1 + EMAIL.JITTER)  # noqa: S311 - no secret


def begin_probe(db: Session, route: str) -> bool:
    """Closes a route that failed to others, for one mail to find out; False where somebody else does, or has."""
    # Where it works again meanwhile, it must stay open: nobody would open it.
    statement = (
        sa.update(MailRoute)
        .where(MailRoute.domain == route, MailRoute.failures > 0, MailRoute.opens_at <= clock())
        .values(opens_at=clock(EMAIL.PROBE_SECONDS))
        .returning(MailRoute.domain)
    )
    return db.execute(statement, execution_options=IN_DATABASE_ONLY).first() is not None


def take_turn(db: Session, route: str, seconds: float) -> bool:
    """Closes an open route to others for some seconds; False where somebody has just done so."""
    statement = (
        insert_for(db, MailRoute)
        .values(domain=route, opens_at=clock(seconds))
        .on_conflict_do_update(
            index_elements=["domain"], set_={"opens_at": clock(seconds)}, where=MailRoute.opens_at <= clock()
        )
        .returning(MailRoute.domain)
    )
    return db.execute(statement).first() is not None


def note_failure(db: Session, domain: str, error: DeliveryError) -> None:
    """Closes the routes that the failure of a mail to `domain` says something of."""
    if error.fault is Fault.SERVER:
        close(db, EMAIL.SERVER_ROUTE, error, EMAIL.SERVER_PAUSES_SECONDS)
    elif error.fault is Fault.BROKEN:
        close(db, EMAIL.SERVER_ROUTE, error, EMAIL.SERVER_PAUSES_SECONDS, spare=EMAIL.BREAKS_OF_A_SERVER - 1)
    elif error.code:
        # The server talks to us: what it refused is of this mail, or of its domain.
        reopen(db, EMAIL.SERVER_ROUTE)
        if error.fault is Fault.SLOW:
            close(db, domain, error, EMAIL.DOMAIN_PAUSES_SECONDS)
        else:
            reopen(db, domain)


def close(db: Session, route: str, error: DeliveryError, pauses: tuple[int, int], *, spare: int = 0) -> None:
    """Counts a failure of a route. From the one after the first `spare` on, each closes it for longer."""
    words = one_line(str(error), EMAIL.ERROR_MAX_LENGTH)
    # Counted by the database: of two workers that fail at once, each counts.
    counted = (
        insert_for(db, MailRoute)
        .values(domain=route, failures=1, opens_at=clock(), last_error=words)
        .on_conflict_do_update(
            index_elements=["domain"],
            set_={"failures": MailRoute.failures + 1, "opens_at": clock(), "last_error": words},
        )
    )
    failures = db.execute(counted.returning(MailRoute.failures)).scalar_one()
    if failures <= spare:
        return
    first, longest = pauses
    # Beyond 2**20 it is the longest in any case.
    seconds = spread(min(first * 2.0 ** min(failures - spare - 1, 20), longest))
    closed = sa.update(MailRoute).where(MailRoute.domain == route).values(opens_at=clock(seconds))
    db.execute(closed, execution_options=IN_DATABASE_ONLY)


def reopen(db: Session, *routes: str) -> None:
    """Forgets the failures of routes."""
    failed = sa.update(MailRoute).where(MailRoute.domain.in_(routes), MailRoute.failures > 0)
    db.execute(failed.values(failures=0, opens_at=clock(), last_error=None), execution_options=IN_DATABASE_ONLY)


def try_now(db: Session, route: str) -> None:
    """Opens a route because an admin says so, makes what waits for it due, and tells the workers. These go on by
    lane, first what was queued first, at the pace of the domain. What waits for the mail server is due already.
    """
    reopen(db, route)
    # What others have locked is being changed already.
    later = sa.select(Email.id).where(
        sa.text(UNFINISHED),
        Email.state == State.QUEUED,
        Email.next_attempt_at > clock(),
        Email.to_domain == route,
    )
    now = sa.update(Email).where(Email.id.in_(later.with_for_update(skip_locked=True)))
    db.execute(now.values(next_attempt_at=clock()), execution_options=IN_DATABASE_ONLY)
    publish(db, MailQueued(db))


def closed_routes(db: Session) -> list[MailRoute]:
    """The routes that don't work at the moment, the mail server's first, then those closed for longest."""
    is_closed = sa.or_(MailRoute.opens_at > clock(), MailRoute.failures >= EMAIL.BREAKS_OF_A_SERVER)
    statement = sa.select(MailRoute).where(MailRoute.failures > 0, is_closed)
    order = (MailRoute.domain != EMAIL.SERVER_ROUTE, MailRoute.opens_at.desc(), MailRoute.domain)
    return list(db.scalars(statement.order_by(*order).limit(EMAIL.ROUTES_SHOWN)))


def purge_routes(db: Session) -> None:
    """Deletes routes that nothing was sent on for a day."""
    old = sa.delete(MailRoute).where(MailRoute.opens_at < clock(-EMAIL.ROUTE_KEPT_SECONDS))
    db.execute(old, execution_options=IN_DATABASE_ONLY)
