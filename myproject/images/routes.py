"""Addresses of images, each with its views."""

from pyramid.config import Configurator

from myproject.images import views
from myproject.security.permissions import Permission

NAME = "{name:[0-9a-f]{32}}"


def includeme(config: Configurator) -> None:
    config.add_request_method(views.keep_image, "keep_image")

    config.add_route("images.list", "/images/")
    config.add_form_view(views.Images, route_name="images.list", permission=Permission.IMAGE_WRITE)

    config.add_route("images.view", f"/images/{NAME}.webp")
    config.add_view(
        views.show_image, route_name="images.view", request_method="GET", permission=Permission.IMAGE_VIEW
    )

    config.add_route("images.delete", f"/images/{NAME}/delete/", factory=views.image_of)
    config.add_form_view(views.DeleteImage, route_name="images.delete", permission=Permission.IMAGE_DELETE)
