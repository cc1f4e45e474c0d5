"""What posts hold of a person."""

from pyramid.config import Configurator

from myproject.posts.services import personal, writing


def includeme(config: Configurator) -> None:
    config.add_rendered(writing.RENDERED)
    config.add_personal_data("posts", export=personal.export_posts, erase=personal.erase_posts)
