"""What stands between the server and the modules: ingress, static files, page cache, templates, errors,
health.
"""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    # Tweens from the outside in: headers (security) > last resort > ingress > static > page cache > transaction
    # and exception views.
    config.include(".request")
    config.include(".routing")
    config.include(".bodies")
    config.include(".ingress")
    config.include(".static")
    config.include(".pagecache")
    config.include(".templating")
    config.include(".errors")
    config.include(".last_resort")
    config.include(".gone")
    config.include(".health")
    config.include(".pages")
    config.include(".machines")
