"""Addresses of posts, each with its views."""

import re

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound, HTTPSeeOther

from myproject.cache import remembered
from myproject.forms.ended import posted_texts
from myproject.forms.unsent import let_go_of_kept
from myproject.posts import constants as POST
from myproject.posts.services import hiding, pages, removal, rows
from myproject.posts.views import curation, history, lists, page, tags, write
from myproject.posts.views import reading as reader
from myproject.posts.views import removal as removing
from myproject.security.permissions import Permission
from myproject.transactions import is_unsafe, reading
from myproject.users.routes.accounts import profile_of
from myproject.web.gone import Hidden, Removed
from myproject.web.pagecache import keep_for_guests
from myproject.web.request import Request
from myproject.web.templating import url

# Of a merged post, and of a hidden one; others of its addresses stay for staff and its author.
LEAD_ELSEWHERE = ("posts.view", "posts.short")
# What programs read of a post: of a merged one, they go on with the same of the other.
FOR_PROGRAMS = ("feeds.post", "feeds.source", "feeds.source.json")
# What is written to a merged post is meant for the other.
GOES_ALONG = ("comments.create",)


def post_of(request: Request) -> rows.PostPage:
    """The context of `/posts/ID/...`: the post, where the visitor may see it. Raises HTTPNotFound, Removed and
    Hidden; and redirects: for a post that was merged into another to that, for a hidden one to what is said of it.
    A comment that is sent to a merged one has the other for its context.
    """
    return find_post_of(request, int(request.matchdict["id"]))


def find_post_of(request: Request, post_id: int) -> rows.PostPage:
    post = post_or_tombstone_of(request, post_id)
    if post.merged_into_id is not None and is_unsafe(request) and request.matched_route.name in GOES_ALONG:
        return find_post_of(request, post.merged_into_id)
    if isinstance(post, rows.PostPage):
        leads_elsewhere = request.matched_route.name in LEAD_ELSEWHERE and request.method in ("GET", "HEAD")
        if post.merged_into_id is not None and leads_elsewhere:
            raise HTTPMovedPermanently(url(request, "posts.short", id=post.merged_into_id))
        if post.is_hidden and leads_elsewhere:
            raise HTTPSeeOther(url(request, "moderation.hidden.post", id=post.id))
        return post
    keep_for_guests(request, "site", f"post:{post.id}")
    if post.merged_into_id is not None:
        into = url(request, "posts.short", id=post.merged_into_id)
        if posted_texts(request):
            # A redirect would drop them.
            raise Removed("post", by_author=False, reason=post.removal_reason, merged_into=into)
        name = request.matched_route.name
        same = name if name in FOR_PROGRAMS else "posts.short"
        raise HTTPMovedPermanently(url(request, same, id=post.merged_into_id))
    raise removed(request, post)


def removed(request: Request, tombstone: removal.Tombstone) -> Removed:
    """What is raised at the addresses of a removed post that is merged into none, and of its comments."""
    may_restore = tombstone.may_restore(request.identity, request.site.retention_restore_days)
    return Removed(
        "post",
        by_author=tombstone.removed_by_author,
        reason=tombstone.removal_reason,
        restore=url(request, "posts.restore", id=tombstone.id) if may_restore else "",
    )


def post_or_tombstone_of(request: Request, post_id: int) -> rows.PostPage | removal.Tombstone:
    """The post of an address, where the visitor may see it, or what is to be said of its removal. Raises
    HTTPNotFound and Hidden.
    """
    tags = ("site", f"post:{post_id}")
    # As a guest may see it, so may everybody.
    in_the_open = remembered(request, f"post:{post_id}", tags, lambda db: pages.find_post(db, post_id, None))
    if in_the_open is not None:
        return in_the_open
    with reading(request) as db:
        post = pages.find_post(db, post_id, request.identity) or removal.find_tombstone(
            db, post_id, request.identity
        )
        is_hidden = post is None and hiding.is_hidden(db, post_id)
    if is_hidden:
        keep_for_guests(request, *tags)
        raise Hidden(url(request, "moderation.hidden.post", id=post_id))
    if post is None:
        # A number that no post has had yet may be that of the next one, which then touches this mark.
        keep_for_guests(request, *tags)
        raise HTTPNotFound
    return post


def removed_post_of(request: Request) -> rows.PostPage | removal.Tombstone:
    """The context of `/posts/ID/restore/`: the tombstone, or the post where it is back already. Raises
    HTTPNotFound.
    """
    post_id = int(request.matchdict["id"])
    with reading(request) as db:
        tombstone = removal.find_tombstone(db, post_id, request.identity)
    return tombstone or post_or_tombstone_of(request, post_id)


def includeme(config: Configurator) -> None:
    config.add_route("posts.list", "/")
    config.add_view(
        lists.list_posts,
        route_name="posts.list",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/list.html",
        guest_cache=lambda request: ("site", "posts"),
    )

    config.add_route("posts.author", "/@{name}/posts/", factory=profile_of)
    config.add_view(
        lists.list_of_author,
        route_name="posts.author",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/author.html",
        guest_cache=lambda request: ("site", "posts", f"user:{request.context.id}"),
    )

    config.add_route("posts.tags", "/tags/")
    config.add_view(
        tags.list_tags,
        route_name="posts.tags",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/tags.html",
        guest_cache=lambda request: ("site", "tags"),
    )

    config.add_route("posts.tag", "/tags/{name}/", factory=tags.tag_of)
    config.add_view(
        tags.show_tag,
        route_name="posts.tag",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/tag.html",
        guest_cache=lambda request: ("site", "posts", "tags"),
    )

    config.add_route("posts.tag.edit", "/tags/{name}/edit/", factory=tags.tag_of)
    config.add_form_view(tags.EditTag, route_name="posts.tag.edit", permission=Permission.TAG_EDIT)

    config.add_route("posts.tag.mute", "/tags/{name}/mute/", factory=tags.tag_of)
    config.add_view(
        tags.mute_tag, route_name="posts.tag.mute", request_method="POST", permission=Permission.POST_MARK
    )

    config.add_route("posts.tag.follow", "/tags/{name}/follow/", factory=tags.tag_of)
    config.add_view(
        tags.follow_tag, route_name="posts.tag.follow", request_method="POST", permission=Permission.POST_MARK
    )

    config.add_route("posts.tags.muted", "/users/me/muted-tags/")
    config.add_view(
        tags.go_to_muted, route_name="posts.tags.muted", request_method="GET", permission=Permission.POST_MARK
    )

    config.add_route("posts.new", "/posts/new/")
    config.add_form_view(write.WritePost, route_name="posts.new", permission=Permission.POST_WRITE)

    config.add_route("posts.drafts", "/drafts/")
    config.add_view(
        lists.list_drafts,
        route_name="posts.drafts",
        request_method="GET",
        permission=Permission.POST_WRITE,
        renderer="myproject:templates/posts/drafts.html",
    )
    config.add_view(
        let_go_of_kept,
        route_name="posts.drafts",
        request_method="POST",
        permission=Permission.POST_WRITE,
    )

    for name, view in (("like", reader.like_post), ("follow", reader.follow_post)):
        config.add_route(f"posts.{name}", f"/posts/{{id:[0-9]{{1,18}}}}/{name}/", factory=post_of)
        config.add_view(view, route_name=f"posts.{name}", request_method="POST", permission=Permission.POST_MARK)

    config.add_route("posts.news", "/posts/{id:[0-9]{1,18}}/news/", factory=post_of)
    config.add_view(
        reader.go_to_news, route_name="posts.news", request_method="GET", permission=Permission.POST_MARK
    )

    config.add_route("posts.read_all", "/posts/read/")
    config.add_view(
        reader.read_all, route_name="posts.read_all", request_method="POST", permission=Permission.POST_MARK
    )

    config.add_route("posts.edit", "/posts/{id:[0-9]{1,18}}/edit/", factory=post_of)
    config.add_form_view(write.EditPost, route_name="posts.edit", permission=Permission.POST_EDIT)

    config.add_route("posts.delete", "/posts/{id:[0-9]{1,18}}/delete/", factory=post_of)
    config.add_form_view(removing.RemovePost, route_name="posts.delete", permission=Permission.POST_REMOVE)

    config.add_route("posts.restore", "/posts/{id:[0-9]{1,18}}/restore/", factory=removed_post_of)
    config.add_view(
        removing.restore_post,
        route_name="posts.restore",
        request_method="POST",
        permission=Permission.POST_REMOVE,
    )

    config.add_route("posts.history", "/posts/{id:[0-9]{1,18}}/history/", factory=post_of)
    config.add_view(
        history.PostHistory,
        attr="get",
        route_name="posts.history",
        request_method="GET",
        permission=Permission.POST_VIEW,
        guest_cache=lambda request: ("site", f"post:{request.context.id}"),
    )
    config.add_view(
        history.PostHistory,
        attr="post",
        route_name="posts.history",
        request_method="POST",
        permission=Permission.POST_CURATE,
    )

    config.add_route("posts.lock", "/posts/{id:[0-9]{1,18}}/lock/", factory=post_of)
    config.add_form_view(curation.LockPost, route_name="posts.lock", permission=Permission.POST_CURATE)

    config.add_route("posts.pin", "/posts/{id:[0-9]{1,18}}/pin/", factory=post_of)
    config.add_view(
        curation.pin_post, route_name="posts.pin", request_method="POST", permission=Permission.POST_CURATE
    )

    # The words that other addresses have in the slug's place, of this module or of one above.
    reserved = "|".join(sorted(re.escape(slug) for slug in POST.RESERVED_SLUGS))
    config.add_route(
        "posts.view", f"/posts/{{id:[0-9]{{1,18}}}}/{{slug:(?!(?:{reserved})/)[^/]+}}/", factory=post_of
    )
    config.add_view(
        page.show_post,
        route_name="posts.view",
        request_method="GET",
        permission=Permission.POST_VIEW,
        renderer="myproject:templates/posts/view.html",
        guest_cache=lambda request: ("site", f"post:{request.context.id}"),
    )

    config.add_route("posts.short", "/posts/{id:[0-9]{1,18}}/", factory=post_of)
    config.add_view(
        page.redirect_to_post,
        route_name="posts.short",
        request_method="GET",
        permission=Permission.POST_VIEW,
        guest_cache=lambda request: ("site", f"post:{request.context.id}"),
    )
