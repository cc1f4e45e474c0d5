"""Translation: the function that marks every text of the site, and who reads in which language."""

from pyramid.config import Configurator
from pyramid.i18n import TranslationStringFactory
from pyramid.interfaces import IRequest
from translationstring import TranslationString

DOMAIN = "myproject"
LANGUAGES = ("en",)

_ = TranslationStringFactory(DOMAIN)


def negotiate_locale(request: IRequest) -> str:
    """The member's own choice, else what the browser asks for, among the languages there are."""
    identity = request.identity_if_known
    if identity is not None and identity.locale in LANGUAGES:
        return str(identity.locale)
    return request.accept_language.lookup(LANGUAGES, default="en")


def translate(request: IRequest, message: str | TranslationString) -> str:
    """The text of a message in the reader's language, its `${...}` filled in."""
    return str(request.localizer.translate(message))


def includeme(config: Configurator) -> None:
    config.add_translation_dirs("myproject:locale")
    config.set_locale_negotiator(negotiate_locale)
    config.add_request_method(translate, "translate")
