"""Routes, found by the first word of the path.

Pyramid tries one pattern after the other until one fits, some hundred of them; most begin with another word.
"""

from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import IRoutesMapper
from pyramid.urldispatch import RoutesMapper
from zope.interface import implementer

# No path's first word.
OTHER = "/"


def first_word(path: str) -> str:
    return path.lstrip("/").partition("/")[0]


@implementer(IRoutesMapper)
class Routes(RoutesMapper):
    """Pyramid's own mapper, with one more for each first word: of the routes that begin with it, or with what may
    be any word, in their order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mappers: dict[str, RoutesMapper] = {}

    def connect(self, *args: Any, **options: Any) -> Any:
        self.mappers = {}
        return super().connect(*args, **options)

    def sort(self) -> None:
        words = [first_word(route.pattern) for route in self.routelist]
        of_any = ["{" in word or "*" in word for word in words]
        mappers = {}
        for wanted in {*words, OTHER}:
            mappers[wanted] = RoutesMapper()
            mappers[wanted].routelist = [
                route
                for route, word, is_any in zip(self.routelist, words, of_any, strict=True)
                if is_any or word == wanted
            ]
        # At once: other threads look meanwhile.
        self.mappers = mappers

    def __call__(self, request: Any) -> dict[str, Any]:
        """`{"route": route, "match": values}`, both None where none fits. Raises URLDecodeError."""
        if not self.mappers:
            self.sort()
        word = first_word(request.environ.get("PATH_INFO", ""))
        return (self.mappers.get(word) or self.mappers[OTHER])(request)


def includeme(config: Configurator) -> None:
    routes = Routes()
    # What `pyramid.includes` names was there before us.
    routes.__dict__.update(config.get_routes_mapper().__dict__)
    config.registry.registerUtility(routes, IRoutesMapper)
