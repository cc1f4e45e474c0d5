"""What guards an account, on one page that leads to the others."""

from typing import Any

from myproject.users.services import second_factor
from myproject.web.request import Request


def hub(request: Request) -> dict[str, Any]:
    """The cards of `users/security.html`; each screen adds its own there."""
    few_codes = second_factor.few_recovery_codes(request.dbsession, request.member)
    return {"member": request.member, "few_codes": few_codes}
