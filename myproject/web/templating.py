"""Jinja2: its options, and what every template has at hand."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from pyramid.config import Configurator
from pyramid.events import BeforeRender
from pyramid.interfaces import IRoutesMapper

from myproject.i18n import texts
from myproject.security.flash import take_flashes
from myproject.settings import settings_of
from myproject.web.dates import ago, day, exact_words

# What every template has at hand, and what asks for nothing of the template's.
DIRECT = frozenset({"_", "url", "static", "ago", "csrf_field", "translate"})

PATHS_REMEMBERED = 4096


def url(request: Any, route_name: str, **params: Any) -> str:
    """The path of a route: `request.route_path` without its options, and some six times as fast."""
    return request.script_name + path(request.registry, route_name, params)


def site_url(registry: Any, route_name: str, **params: Any) -> str:
    """The absolute address of a route, from `site.url`: for mails, feeds and canonical links, never from the
    Host header.
    """
    return settings_of(registry).site_url + path(registry, route_name, params)


def path(registry: Any, route_name: str, params: dict[str, Any]) -> str:
    made: Callable[..., str] = registry["path"]
    return made(route_name, **params)


def remembering_paths(registry: Any) -> Callable[..., str]:
    """The function that makes paths of routes; it remembers the latest."""

    @lru_cache(PATHS_REMEMBERED)
    def make(route_name: str, **params: Any) -> str:
        made = registry.getUtility(IRoutesMapper).generate(route_name, params)
        # Pyramid quotes the @ of a pattern, which may stand in a path as it is (RFC 3986, 3.3); not in values.
        return str(made.replace("%40", "@"))

    return make


def add_globals(event: BeforeRender) -> None:
    request = event.get("request")
    if request is None:
        return
    # What the view gave stands beside the event's own values.
    neutral = isinstance(event.rendering_val, dict) and event.rendering_val.get("neutral", False)
    event["identity"] = None if neutral else request.identity
    event["site"] = request.site
    event["url"] = partial(url, request)
    event["site_url"] = partial(site_url, request.registry)
    event["static"] = request.registry["static"].address
    event["flashes"] = partial(take_flashes, request)
    event["csrf_field"] = request.csrf_field
    event["ago"] = partial(ago, request)
    event["on_day"] = partial(day, request)
    event["exact"] = partial(exact_words, request)
    event["translate"] = request.translate
    # In place of pyramid_jinja2's, which look every text up anew.
    event["_"] = event["gettext"] = texts(request).__getitem__


class DirectCalls(CodeGenerator):
    """Has templates call what `add_globals` gives them straight. Jinja would look each time whether it wants to
    know the template's names: a tenth of the time of a page with a hundred texts and links.
    """

    def visit_Call(self, node: nodes.Call, frame: Frame, **options: Any) -> None:  # type: ignore[override]
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if name not in DIRECT or node.dyn_args or node.dyn_kwargs:
            super().visit_Call(node, frame, **options)
            return
        self.visit(node.node, frame)
        self.write("(")
        for argument in (*node.args, *node.kwargs):
            # A keyword writes itself with its name.
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")


def includeme(config: Configurator) -> None:
    def call_directly() -> None:
        # Those of pages: forms and mails are given less.
        config.get_jinja2_environment(".html").code_generator_class = DirectCalls

    # Before the first template is read.
    config.action("web.templating", call_directly, order=9_000)
    # Of routes that take no values.
    config.registry["path"] = remembering_paths(config.registry)
    config.add_settings(
        {
            "jinja2.extensions": "jinja2.ext.i18n",
            "jinja2.i18n.domain": "myproject",
            "jinja2.trim_blocks": "true",
            "jinja2.lstrip_blocks": "true",
            "jinja2.undefined": "strict",
            "jinja2.directories": "myproject:templates",
        }
    )
    config.include("pyramid_jinja2")
    config.add_jinja2_renderer(".html")
    config.add_subscriber(add_globals, BeforeRender)
