"""What the mail server says while it is handed a mail, and what is not handed to it."""

from collections.abc import Callable

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.emails.bounces.returning import return_address
from myproject.emails.constants import Kind, Reason, State
from myproject.emails.models import Email
from myproject.emails.services.outbox import queue_mail
from myproject.users.models import User
from tests import servers
from tests.factories import make_user
from tests.functional.emails.test_bounces import BOUNCE_ADDRESS, known
from tests.outbox import deliver_due
from tests.unit.emails.samples import sample


@pytest.mark.one_database
def test_what_a_server_refuses_for_the_address_stops_optional_mail_and_what_it_refuses_for_the_site_does_not(
    make_app: Callable[..., Router], db: Session
) -> None:
    with servers.smtp_server() as server:
        smtp = {"mail_host": server.hostname, "mail_port": server.port, "mail_tls": "none"}
        registry = make_app(**BOUNCE_ADDRESS, mail_transport="smtp", **smtp).registry
        for name, answer in (("ann", servers.REFUSE), ("bob", "550 5.7.1 We block this network")):
            server.recipient_answer = answer
            reader = make_user(db, name)
            queue_mail(db, sample(to_address=reader.email, user_id=reader.id, topic="reply"))
            db.commit()
            deliver_due(registry)
        found = known(db)
        assert found is not None
        assert (found.reason, found.words) == (Reason.HARD, "550 5.1.1 No such mailbox")
        assert known(db, "bob@example.org") is None

        server.recipient_answer = servers.ACCEPT
        ann = db.query(User).filter_by(name="ann").one()
        for kind, topic in ((Kind.REPLY, "reply"), (Kind.RESET_PASSWORD, None)):
            queue_mail(db, sample(kind, topic=topic, user_id=ann.id))
        db.commit()
        deliver_due(registry)
        db.expire_all()
        kept_back, sent = db.query(Email).order_by(Email.id.desc()).limit(2)[::-1]
        assert (kept_back.state, sent.state) == (State.SUPPRESSED, State.SENT)
        assert "550 5.1.1" in (kept_back.last_error or "")
        # The one that went comes back to an address of its own.
        assert [envelope.mail_from for envelope in server.messages] == [return_address(registry, sent)]
