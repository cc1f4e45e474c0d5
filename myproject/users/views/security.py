"""What guards an account, on one page that leads to the others."""

from typing import Any

from myproject.web.request import Request


def hub(request: Request) -> dict[str, Any]:
    """The cards of `users/security.html`; each screen adds its own there."""
    return {"member": request.member}
