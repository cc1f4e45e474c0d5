"""What posts hold of a person."""

from pyramid.config import Configurator

from myproject.posts import services


def includeme(config: Configurator) -> None:
    config.add_personal_data("posts", export=services.export_posts, erase=services.erase_posts)
