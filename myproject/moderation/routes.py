"""Addresses of moderation, each with its views. Members who are not staff get 404 below `/moderation/`, but at the
log.
"""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther

from myproject.comments.routes import comment_of, for_members
from myproject.moderation.services import hidden
from myproject.moderation.services.queue import Item
from myproject.moderation.views import bans, queue, reporting
from myproject.posts.routes import post_of
from myproject.security.permissions import Permission, permits
from myproject.transactions import reading
from myproject.users.routes.accounts import user_for
from myproject.web.request import Request
from myproject.web.templating import url

POST = "/posts/{id:[0-9]{1,18}}"
COMMENT = "/comments/{id:[0-9]{1,18}}"


def hidden_of(request: Request) -> hidden.HiddenText | None:
    """The context of `/posts/ID/hidden/` and `/comments/CID/hidden/`, for members. Raises HTTPNotFound and, where
    the text is not hidden, a redirect to it.
    """
    identity, number = request.identity, int(request.matchdict["id"])
    # The permission is for members, whatever the text; by the policy, which also asks for a second factor.
    if identity is None or not request.has_permission(Permission.HIDDEN_VIEW, request):
        return None
    is_post = request.matched_route.name.startswith("moderation.hidden.post")
    site = request.site
    with reading(request) as db:
        found = hidden.find_hidden(
            db,
            number,
            identity,
            is_post=is_post,
            vouch_comments=site.moderation_vouch_comments,
            cooldown_minutes=site.moderation_cooldown_minutes,
        )
    if found is None and request.method in ("GET", "HEAD", "POST"):
        raise HTTPSeeOther(url(request, "posts.short" if is_post else "comments.view", id=number))
    return found


def case_of(request: Request) -> Item | None:
    """The context of `/moderation/cases/ID/`. Raises HTTPNotFound, to staff only: nobody else learns what is
    there.
    """
    return queue.case_of(request) if permits(Permission.WAITING_ANSWER, request.identity, None) else None


def includeme(config: Configurator) -> None:
    for what, address, context_of in (("post", POST, post_of), ("comment", COMMENT, for_members(comment_of))):
        config.add_route(f"moderation.report.{what}", f"{address}/report/", factory=context_of)
        config.add_form_view(
            reporting.ReportText, route_name=f"moderation.report.{what}", permission=Permission.FLAG_WRITE
        )
        name = f"moderation.hidden.{what}"
        config.add_route(name, f"{address}/hidden/", factory=hidden_of)
        config.add_view(
            reporting.show_hidden,
            route_name=name,
            request_method="GET",
            permission=Permission.HIDDEN_VIEW,
            renderer="myproject:templates/moderation/hidden.html",
        )
        config.add_view(reporting.vouch, route_name=name, request_method="POST", permission=Permission.HIDDEN_VIEW)

    config.add_route("moderation.queue", "/moderation/")
    config.add_view(
        queue.list_queue,
        route_name="moderation.queue",
        request_method="GET",
        permission=Permission.WAITING_ANSWER,
        renderer="myproject:templates/moderation/queue.html",
    )
    config.add_route("moderation.case", "/moderation/cases/{id:[0-9]{1,18}}/", factory=case_of)
    config.add_form_view(queue.AnswerCase, route_name="moderation.case", permission=Permission.WAITING_ANSWER)

    config.add_route("moderation.bans", "/moderation/bans/")
    config.add_view(
        bans.list_bans,
        route_name="moderation.bans",
        request_method="GET",
        permission=Permission.BAN_SET,
        renderer="myproject:templates/moderation/bans.html",
    )
    config.add_route(
        "moderation.ban", "/moderation/members/{id:[0-9]{1,18}}/", factory=user_for(Permission.BAN_SET)
    )
    config.add_form_view(bans.BanMember, route_name="moderation.ban", permission=Permission.BAN_SET)

    config.add_route("moderation.log", "/moderation/log/")
    config.add_view(
        queue.show_log,
        route_name="moderation.log",
        request_method="GET",
        permission=Permission.SITE_VIEW,
        renderer="myproject:templates/moderation/log.html",
        guest_cache=lambda request: ("site", "log"),
    )
