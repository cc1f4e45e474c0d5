"""The request, typed: what our own parts add to Pyramid's."""

from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.interfaces import IRequestExtensions, IRequestFactory
from pyramid.request import Request as PyramidRequest
from sqlalchemy.orm import Session
from translationstring import TranslationString

from myproject.settings import Settings, settings_of

if TYPE_CHECKING:
    from myproject.markdown.references import LookUp
    from myproject.notifications.services.inbox import Unread
    from myproject.security.flash import Level
    from myproject.security.identity import Identity
    from myproject.web.marks import Marked


class Request(PyramidRequest):
    """Names and types only: the modules that add a method say what it does."""

    if TYPE_CHECKING:
        dbsession: Session
        signed_in_member: "Identity | None"
        identity_if_known: "Identity | None"
        session_token: str
        context: Any
        look_up: "LookUp"
        unread: "Unread"
        placed_parts: list[bytes]

        def translate(self, message: str | TranslationString) -> str: ...
        def flash(self, message: str | TranslationString, level: "Level" = "success") -> None: ...
        def csrf_field(self) -> Markup: ...
        def keep_image(self, content: bytes | None, alt: str, *, once: bool = False) -> str: ...
        def allow_hosts(self, hosts: tuple[str, ...]) -> None: ...

    # The shared part of the post's page that is shown: its marks name the comments on it.
    shown: "Marked | None" = None
    # The latest notification about that post that is not in the member's inbox and waits to be mailed; 0: none.
    waiting: int = 0

    # Whether the form that was posted keeps what was typed, if it is not taken.
    keeps_text: bool = False

    @property
    def identity(self) -> "Identity | None":
        """Who asks, as the security policy says; Pyramid would look for the policy each time."""
        return self.signed_in_member

    @property
    def client_addr(self) -> str:
        """The client's address as the server tells it. WebOb would believe any X-Forwarded-For; the server
        believes the configured proxies only (`proxy.count`).
        """
        return str(self.environ.get("REMOTE_ADDR", ""))

    @property
    def site(self) -> Settings:
        return settings_of(self.registry)

    @property
    def time_zone(self) -> str:
        """The IANA name of the zone in which the reader sees times: the member's choice, else the site's."""
        identity = self.identity_if_known
        return identity.time_zone if identity and identity.time_zone else self.site.site_timezone

    @property
    def member(self) -> "Identity":
        """The signed-in member, on views whose permission is for members only."""
        assert self.identity is not None
        return self.identity


def includeme(config: Configurator) -> None:
    """Puts what modules have added to the request into its class, once.

    Pyramid would make a new class for every request that has added properties, which takes as long as a query.
    """

    def settle() -> None:
        registry = config.registry
        added = registry.getUtility(IRequestExtensions)
        registry.registerUtility(type("Request", (Request,), added.methods | added.descriptors), IRequestFactory)
        added.methods.clear()
        added.descriptors.clear()

    config.action("web.request", settle, order=10_000)
