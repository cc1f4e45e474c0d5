"""Members with a second factor, and the phones that show their codes."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security import totp
from myproject.security.keys import keys_of
from myproject.users.models import Authenticator, User
from myproject.users.services import accounts, second_factor

CLIENT = accounts.Client("127.0.0.1", "a test")


def code_of(secret: str, steps_ahead: int = 0) -> str:
    """What the app shows now, or shows that many steps later."""
    return totp.code_at(secret, totp.step_at(utc_now()) + steps_ahead)


@dataclass(frozen=True)
class Phone:
    """An app with a member's secret, and the recovery codes that they have kept."""

    secret: str
    codes: list[str]

    def code(self, steps_ahead: int = 0) -> str:
        return code_of(self.secret, steps_ahead)


def turn_on(db: Session, user: User) -> Phone:
    """Gives a member a second factor; the code that the app shows now is not used up by that."""
    keys = keys_of(db.info["registry"])
    token = second_factor.begin_adding(db, keys, user.id)
    secret = second_factor.find_adding(db, keys, token, user.id)
    assert secret is not None
    code = code_of(secret)
    codes = second_factor.turn_on(db, keys, token, code, user_id=user.id, session_id=0, client=CLIENT)
    db.get_one(Authenticator, user.id).last_step = 0
    return Phone(secret, codes)
