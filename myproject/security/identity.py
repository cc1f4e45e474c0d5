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
    # Since when optional mail does not go to their address, for it comes back, or they called it spam.
    mail_stopped_at: datetime | None = None
    mail_complained: bool = False
    # The site keeps something that they wrote in some form, and could not send.
    has_kept_text: bool = False
    # They may not comment for now (`users.services.bans`).
    is_banned: bool = False
    # The number of the validator that this browser is to get; 0 where it keeps the one it has. And for how many
    # seconds its cookie lives; 0 for as long as the browser is open.
    next_validator: int = 0
    seconds_left: int = 0

    @property
    def masked_email(self) -> str:
        """The address as its owner knows it again, and who looks over their shoulder does not: a…@example.org."""
        local, _at, domain = self.email.rpartition("@")
        return f"{local[:1]}…@{domain}"

    @property
    def is_staff(self) -> bool:
        return self.role <= USER.Role.STAFF

    @property
    def is_admin(self) -> bool:
        return self.role == USER.Role.ADMIN

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Identity":
        stopped_at = value.get("mail_stopped_at")
        typed = {
            "role": USER.Role(value["role"]),
            "status": USER.Status(value["status"]),
            "mail_stopped_at": datetime.fromisoformat(stopped_at) if stopped_at else None,
        }
        return cls(**value | typed)
