"""The link in a mail to what its reader hears of, and where: no sign-in, no end, and no way to anything else."""

from myproject.security.keys import KeyRing
from myproject.security.links import make_link_token, read_link_token

PURPOSE = "mail choices"


def make_token(keys: KeyRing, user_id: int) -> str:
    """Characters that may stand in an address, and let whoever holds them see and change a member's choices."""
    return make_link_token(keys, PURPOSE, user_id)


def read_token(keys: KeyRing, token: str) -> int | None:
    """The number of the member whose choices the token opens; None where the site has not made it."""
    user_id = read_link_token(keys, PURPOSE, token)
    return user_id if isinstance(user_id, int) else None
