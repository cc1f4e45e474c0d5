import pytest
from pyramid.request import Request
from pyramid.urldispatch import RoutesMapper

from myproject.web.routing import Routes

PATTERNS = (
    "/",
    "/posts/",
    "/posts/new/",
    r"/posts/{id:\d+}/{slug}/",
    "/@{name}/",
    "/{page}/",
    "/tags/{tag}/",
    "/posts/{last}",
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/posts/",
        "/posts/new/",
        "/posts/7/bees/",
        "/posts/7",
        "/@ada/",
        "/about/",
        "/tags/b/",
        "/x/y/",
        "//",
    ],
)
def test_route_is_the_one_that_pyramids_own_mapper_finds(path: str) -> None:
    ours, pyramids = Routes(), RoutesMapper()
    for pattern in PATTERNS:
        ours.connect(pattern, pattern)
        pyramids.connect(pattern, pattern)
    request = Request.blank("/")
    request.environ["PATH_INFO"] = path
    found, expected = ours(request), pyramids(request)
    assert (found["route"] and found["route"].name) == (expected["route"] and expected["route"].name)
    assert found["match"] == expected["match"]


def test_route_that_is_added_later_is_found() -> None:
    routes = Routes()
    routes.connect("first", "/first/")
    assert routes(Request.blank("/second/"))["route"] is None
    routes.connect("second", "/second/")
    assert routes(Request.blank("/second/"))["route"].name == "second"
