"""Mails with a link that lets their reader do one thing, once."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import accounts, tokens


def mail_link(
    db: Session,
    user: User,
    purpose: USER.TokenPurpose,
    kind: Kind,
    context: dict[str, Any],
    life: timedelta,
    *,
    email: str = "",
    code: str | None = None,
    owner: User | None = None,
) -> None:
    """Mails a link for one purpose, good for `life`; older ones of the purpose end. It goes to the address of
    `user`, or to `email`, which they are to have with it. Templates get the nickname and the token beside the
    `context`; `code` is good in place of the link.

    Where the address is another account's, the mail tells its `owner` that they have one, and nobody gets the
    link: whoever asks sees no difference, and waits as long (OWASP ASVS 5.0: 6.3.8).

    Raises RateLimited where `queue_mail` does. Then all is as before: older links are good still.
    """
    with db.begin_nested():
        tokens.end_tokens(db, user.id, purpose)
        token = tokens.add_token(db, user, purpose, life, code, email)
        if owner is not None:
            queue_mail(db, accounts.mail_to(owner, Kind.ALREADY_REGISTERED, {}))
            return
        # At an address that they only say is theirs somebody else may read.
        reader = {"to_address": email, "to_name": user.name} if email else {"proven": user.verified}
        queue_mail(db, accounts.mail_to(user, kind, {"token": token} | context, expires_in=life, **reader))
