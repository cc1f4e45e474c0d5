"""What tests of third parties do at the site."""

import webtest

from tests.conftest import Client, form_with


def leave(client: Client, provider: str, page: str = "/users/login/", **fields: str) -> str:
    """Presses the provider's button on a page, and gives the address that the browser is sent to."""
    action = f"/users/oidc/{provider}/start/"
    form = next(form for form in client.get(page).forms.values() if form.action.endswith(action))
    return address_in(form.submit(status=200))


def address_in(answer: webtest.TestResponse) -> str:
    """The address to which the page that leaves the site leads."""
    address = answer.headers["Refresh"].removeprefix("0; url=")
    assert answer.html.select_one("main a.button")["href"] == address
    return address


def connect(client: Client, provider: str) -> str:
    """Presses "Connect" on the page of one's connections, and gives the address that the browser is sent to."""
    page = client.get("/users/me/connections/")
    return address_in(form_with(page, "connect").submit("connect", value=provider, status=200))


def fill_registration(page: webtest.TestResponse, **values: object) -> webtest.TestResponse:
    form = form_with(page, "accept_tos")
    for name, value in ({"accept_tos": True} | values).items():
        form[name] = value
    return form.submit(status="*")
