"""A self-hosted community site on Pyramid. `main` is the list of what it is made of."""

from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router

from myproject.settings import load_settings
from myproject.web.request import Request


def main(global_config: dict[str, str], **options: Any) -> Router:
    """The WSGI application for the options of an ini file's `[app:main]` section.

    Raises `SettingsError` that lists every wrong setting at once.
    """
    settings = load_settings(options)
    defaults = {
        "tm.manager_hook": "pyramid_tm.explicit_manager",
        "tm.activate_hook": "myproject.transactions.is_unsafe",
        # Naming the member in each transaction would look them up for requests that never ask.
        "tm.annotate_user": "false",
        "tm.commit_veto": "pyramid_tm.default_commit_veto",
        "retry.attempts": 3,
    }
    with Configurator(settings=defaults | options, request_factory=Request) as config:
        config.registry["settings"] = settings
        # The floor: each may use what stands above it in this list.
        config.include("pyramid_retry")
        config.include("pyramid_tm")
        config.include("myproject.i18n")
        config.include("myproject.db")
        config.include("myproject.transactions")
        config.include("myproject.cache")
        config.include("myproject.tasks")
        config.include("myproject.storage")
        config.include("myproject.personal_data")
        config.include("myproject.references")
        config.include("myproject.rerender")
        config.include("myproject.security")
        config.include("myproject.forms")
        config.include("myproject.web")
        # The modules, lowest first. A new one is a folder and a line here.
        config.include("myproject.emails")
        config.include("myproject.users")
        config.include("myproject.posts")
        config.include("myproject.comments")
        config.include("myproject.images")
        config.include("myproject.bookmarks")
        config.include("myproject.notifications")
        config.include("myproject.search")
        config.include("myproject.feeds")
        config.include("myproject.moderation")
        config.include("myproject.admin")
        return config.make_wsgi_app()
