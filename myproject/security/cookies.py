"""Our cookies: HttpOnly, SameSite=Lax, no Domain; on https Secure and named `__Host-` (OWASP ASVS 5.0: 3.3.1
to 3.3.4).
"""

from typing import Any

from pyramid.config import Configurator

from myproject.settings import settings_of


class CookieJar:
    def __init__(self, secure: bool) -> None:
        self.secure = secure

    def name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def get(self, request: Any, name: str) -> str:
        """The cookie's value, or the empty string."""
        return str(request.cookies.get(self.name(name), ""))

    def set(self, request: Any, name: str, value: str, max_age: int | None = None) -> None:
        """Sets the cookie on the response to come; `max_age` in seconds, None until the browser closes."""

        request.add_response_callback(lambda request, response: self.put(response, name, value, max_age))

    def put(self, response: Any, name: str, value: str, max_age: int | None = None) -> None:
        """Sets the cookie on a response that is there already."""
        response.set_cookie(
            self.name(name), value, max_age=max_age, secure=self.secure, httponly=True, samesite="Lax"
        )

    def delete(self, request: Any, name: str) -> None:
        def callback(request: Any, response: Any) -> None:
            # A deletion needs the same attributes, or the browser refuses it for a `__Host-` name.
            response.set_cookie(self.name(name), "", max_age=0, secure=self.secure, httponly=True, samesite="Lax")

        request.add_response_callback(callback)


def cookies_of(registry: Any) -> CookieJar:
    return registry["cookies"]


def includeme(config: Configurator) -> None:
    config.registry["cookies"] = CookieJar(settings_of(config.registry).secure)
