"""Translation: the function that marks every text of the site, and who reads in which language.

A language is a compiled catalogue, `locale/LANGUAGE/LC_MESSAGES/myproject.mo`. Put there, it is offered from the
next start on; no code names it. The texts themselves are English.
"""

from pathlib import Path

from babel import Locale
from pyramid.config import Configurator
from pyramid.i18n import Localizer, TranslationStringFactory
from pyramid.interfaces import IRequest
from translationstring import TranslationString
from webob.acceptparse import create_accept_language_header

DOMAIN = "myproject"
LOCALE_FOLDER = Path(__file__).parent / "locale"
ENGLISH = "en"

_ = TranslationStringFactory(DOMAIN)


def find_languages(folder: Path) -> tuple[str, ...]:
    """English, and the languages that `folder` has compiled catalogues of, such as `de` or `pt_BR`.

    Raises babel's UnknownLocaleError for a folder named after no language: dates could not be written in it.
    """
    found = {catalogue.parent.parent.name for catalogue in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return (ENGLISH, *sorted(str(Locale.parse(name)) for name in found - {ENGLISH}))


LANGUAGES = find_languages(LOCALE_FOLDER)
# Browsers write pt-BR (RFC 5646), catalogues pt_BR.
BY_TAG = {language.replace("_", "-"): language for language in LANGUAGES}


def negotiate_locale(request: IRequest) -> str:
    """The member's own choice, else what the browser asks for, among the languages there are."""
    identity = request.identity_if_known
    if identity is not None and identity.locale in LANGUAGES:
        return str(identity.locale)
    return language_for(request.environ.get("HTTP_ACCEPT_LANGUAGE"))


def language_for(accept_language: str | None) -> str:
    """The language for what a browser asks for (RFC 4647, 3.4), English where there is none of those."""
    if len(LANGUAGES) == 1:
        return ENGLISH
    return BY_TAG[create_accept_language_header(accept_language).lookup(tuple(BY_TAG), default=ENGLISH)]


class Texts(dict[str, str]):
    """The texts of templates in one language, each looked up once: a page asks for some fifty."""

    def __init__(self, localizer: Localizer) -> None:
        super().__init__()
        self.localizer = localizer

    def __missing__(self, text: str) -> str:
        self[text] = translated = self.localizer.translate(text, domain=DOMAIN)
        return translated


def texts(request: IRequest) -> Texts:
    """The texts in the language of a request."""
    by_language: dict[str, Texts] = request.registry["texts"]
    found = by_language.get(request.locale_name)
    if found is None:
        found = by_language[request.locale_name] = Texts(request.localizer)
    return found


def translate(request: IRequest, message: str | TranslationString) -> str:
    """The text of a message in the reader's language, its `${...}` filled in. What no `_` marks, such as the name
    of a time zone, is no message, and stays what it is.
    """
    return str(request.localizer.translate(message)) if isinstance(message, TranslationString) else message


def includeme(config: Configurator) -> None:
    config.add_translation_dirs("myproject:locale")
    config.set_locale_negotiator(negotiate_locale)
    config.add_request_method(translate, "translate")
    config.registry["texts"] = {}
