"""What admins ask for and nobody should wait for."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.admin import services
from myproject.db import sessions_of
from myproject.emails.doctor.examination import examine
from myproject.settings import settings_of


def look_at_mail(registry: Registry, *, checkup_id: int) -> None:
    """Has the mail doctor look at the site's domain. No transaction is open while the DNS is asked."""
    sessions = sessions_of(registry)
    with sessions.reading() as db:
        probe = services.find_probe(db)
    examination = examine(settings_of(registry), probe)
    with sessions.writing() as db:
        services.finish_checkup(db, checkup_id, examination.findings)


def includeme(config: Configurator) -> None:
    config.add_task(look_at_mail)
