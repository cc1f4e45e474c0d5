"""Who makes a request: the little that permissions and pages need of a member, as the cache holds it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from myproject.users import constants as USER


@dataclass(frozen=True, slots=True)
class Identity:
    """A signed-in member. `session_id` is the row of the sign-in that made this request, `authenticated_at` when
    its owner last proved in it who they are.
    """

    id: int
    name: str
    display_name: str
    email: str
    verified: bool
    role: USER.Role
    status: USER.Status
    locale: str
    time_zone: str
    theme: str
    avatar: str
    second_factor: bool
    terms_version: str
    session_id: int
    authenticated_at: datetime
    # Whether that was by a passkey: two factors in one, something they have and what unlocks it.
    by_passkey: bool = False
    # The account goes in some days, if its owner does not keep it.
    leaving: bool = False
    # The site keeps something that they wrote in some form, and could not send.
    has_kept_text: bool = False
    # The number of the validator that this browser is to get; 0 where it keeps the one it has. And for how many
    # seconds its cookie lives.
    next_validator: int = 0
    seconds_left: int = 0

    @property
    def is_staff(self) -> bool:
        return self.role <= USER.Role.STAFF

    @property
    def is_admin(self) -> bool:
        return self.role == USER.Role.ADMIN

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Identity":
        return cls(**value | {"role": USER.Role(value["role"]), "status": USER.Status(value["status"])})
