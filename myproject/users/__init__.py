"""Members: registration, signing in and out, verified addresses, passwords, profiles."""

from pyramid.config import Configurator

from myproject.settings import settings_of
from myproject.tasks import crontab
from myproject.users import services, tasks


def includeme(config: Configurator) -> None:
    registry = config.registry
    seconds = settings_of(registry).cache_user_seconds
    registry["identify"] = services.make_identify(registry, registry["cache"], seconds)
    config.add_task(tasks.touch_session)
    config.add_periodic_task(tasks.purge, crontab(hour="3", minute="20"))
    config.include(".routes")
