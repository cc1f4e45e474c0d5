"""All addresses of the site, for tests that walk them."""

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from pyramid.interfaces import IRoutesMapper
from pyramid.router import Router

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.posts import constants as POST
from myproject.posts.models import Post

PLACEHOLDER = re.compile(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}")


def addresses(
    app: Router, posts: Sequence[Post], comments: Sequence[Comment], words: str, **values: Sequence[Any]
) -> Iterator[str]:
    """Every route, with every value that its address may have: the numbers of these posts and comments, and
    `values` by their names. Search looks for `words`.
    """
    post_ids, comment_ids = [post.id for post in posts], [comment.id for comment in comments]
    given = {
        "slug": ["x", *(post.slug for post in posts)],
        "part": ["1"],
        "token": ["a" * 43],
        "provider": ["none"],
        "size": ["48"],
        "action": ["x"],
        "user": ["1"],
        "kind": ["reply"],
    }
    for route in app.registry.getUtility(IRoutesMapper).get_routes():
        of_comment = route.name.startswith("comments.") and route.name != "comments.create"
        of_comment |= route.name.endswith(".comment")
        numbers = comment_ids if of_comment or "/comments/" in route.pattern else post_ids
        known = given | {"id": numbers, "post_id": post_ids, "comment_id": comment_ids} | values
        names = PLACEHOLDER.findall(route.pattern)
        assert set(names) <= set(known), f"{route.name}: say which values {names} may have"
        for chosen in product(*(known[name] for name in names)):
            rest = iter(chosen)
            address = PLACEHOLDER.sub(lambda _found, rest=rest: str(next(rest)), route.pattern)
            yield address
            if route.name.endswith(("search", "search.show")):
                yield f"{address}?q={words}"
    for sort in POST.Sort:
        yield f"/?sort={sort}"
    for order, post in product(COMMENT.Order, posts):
        yield f"/posts/{post.id}/{post.slug}/?order={order}"
