"""What the views of accounts need of a request beside its form."""

from myproject.users.services.accounts import Client
from myproject.web.request import Request


def client_of(request: Request) -> Client:
    return Client(request.client_addr, request.user_agent or "")
