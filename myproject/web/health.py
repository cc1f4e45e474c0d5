"""`/health/live`: the process answers. `/health/ready`: it can serve, for the database answers too."""

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.response import Response
from sqlalchemy.exc import SQLAlchemyError

from myproject.security.permissions import Permission
from myproject.transactions import reading
from myproject.web.request import Request

RETRY_SECONDS = 10


def live(request: Request) -> Response:
    return Response("alive\n", content_type="text/plain")


def ready(request: Request) -> Response:
    try:
        with reading(request) as db:
            db.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return Response("the database is away\n", content_type="text/plain", status=503, retry_after=RETRY_SECONDS)
    return Response("ready\n", content_type="text/plain")


def includeme(config: Configurator) -> None:
    for name, view in (("live", live), ("ready", ready)):
        config.add_route(f"health.{name}", f"/health/{name}")
        config.add_view(view, route_name=f"health.{name}", request_method="GET", permission=Permission.SITE_VIEW)
