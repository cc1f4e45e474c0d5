"""Mail: an outbox in the database, the workers' part in emptying it, and two ways out."""

from pyramid.config import Configurator

from myproject.emails.message import MailTemplates
from myproject.emails.transport import make_transport
from myproject.settings import settings_of


def includeme(config: Configurator) -> None:
    config.include(".tasks")
    config.include(".routes")
    config.registry["mail_transport"] = make_transport(settings_of(config.registry))

    def make_templates() -> None:
        config.registry["mail_templates"] = MailTemplates(config.registry, config.get_jinja2_environment())

    # The environment is there once pyramid_jinja2's own actions have run.
    config.action("emails.templates", make_templates, order=10_000)
