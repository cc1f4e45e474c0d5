"""What a worker process gets that only claims mails. A file of its own, for it is imported by each process."""

import os

from myproject.db import Sessions, make_engine
from myproject.emails.services.delivery import claim
from myproject.settings import Settings


def claim_all(url: str) -> list[int]:
    """Takes mail after mail from the database at `url` until there is none; gives their ids."""
    sessions = Sessions(make_engine(Settings.with_defaults(sqlalchemy_url=url)))
    mine = []
    while True:
        with sessions.writing() as db:
            lease = claim(db, f"worker:{os.getpid()}")
        if lease is None:
            sessions.engine.dispose()
            return mine
        mine.append(lease.email_id)
