"""The settings of third parties that people may sign in with: the same rows, `oidc.NAME.*`, for any number of
names.

They are read by `myproject.settings`, which tells how, and lists what is wrong among its own problems.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from myproject.settings_values import LOOPBACK, hosts, one_of, text
from myproject.settings_values import setting as row

# A name is part of addresses and of environment variables, where two underscores are a dot.
KEY = re.compile(r"oidc\.([a-z0-9]+(?:[_-][a-z0-9]+)*)\.([a-z_]+)")
NAME_MAX_LENGTH = 40
ISSUER_MAX_LENGTH = 300
LABEL_MAX_LENGTH = 60
GITHUB = "https://github.com"


class Kind(StrEnum):
    OIDC = "oidc"
    GITHUB = "github"


def label(value: str) -> str:
    value = value.strip()
    if len(value) > LABEL_MAX_LENGTH or not value.isprintable():
        raise ValueError(f"say at most {LABEL_MAX_LENGTH} characters that can be read")
    return value


def issuer(value: str) -> str:
    """An issuer identifier, which is compared letter by letter (OpenID Connect Discovery 1.0, 4.3)."""
    value = value.strip()
    parts = urlsplit(value)
    try:
        wrong = parts.port == 0
    except ValueError:
        wrong = True
    wrong = wrong or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc
    if value and (wrong or parts.query or parts.fragment or not value.isprintable() or " " in value):
        raise ValueError("say the issuer's address as the provider writes it, such as https://login.example.org")
    if len(value) > ISSUER_MAX_LENGTH:
        raise ValueError(f"say an address of at most {ISSUER_MAX_LENGTH} characters")
    return value


def setting(key: str, parse: Callable[[str], Any], default: str, meaning: str, *, secret: bool = False) -> Any:
    return row(f"oidc.NAME.{key}", parse, default, meaning, secret=secret)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A third party that people may sign in with. `name` stands in addresses, `label` on buttons."""

    name: str
    kind: Kind = setting(
        "kind",
        one_of(Kind),
        "oidc",
        "`oidc`: OpenID Connect; `github`: its OAuth 2.0 (and so for the name `github`)",
    )
    issuer: str = setting(
        "issuer",
        issuer,
        "",
        "the issuer's address, letter by letter; for `github` that of an Enterprise server",
    )
    client_id: str = setting("client_id", text, "", "what the provider calls this site")
    client_secret: str = setting(
        "client_secret",
        text,
        "",
        "the secret it gave; better in a file: `oidc.NAME.client_secret_file`",
        secret=True,
    )
    label: str = setting("label", label, "", "what people read on the button; empty: NAME")
    private_hosts: tuple[str, ...] = setting(
        "private_hosts",
        hosts,
        "",
        "hosts (with port) of the provider that may be in a private network or on this machine",
    )

    @property
    def title(self) -> str:
        return self.label or ("GitHub" if self.name == "github" else self.name)


ROWS = [each for each in fields(Provider) if each.metadata]


def provider_names(keys: Iterable[str]) -> list[str]:
    """The names of the providers of which some setting is there, in the order in which they come first."""
    found = (KEY.fullmatch(key) for key in keys)
    return list(dict.fromkeys(match[1] for match in found if match))


def read_providers(
    keys: Iterable[str], read: Callable[[str, str], str], *, production: bool
) -> tuple[tuple[Provider, ...], list[str]]:
    """The providers, and what is wrong with their settings.

    `keys` are all the keys that are set, `read(key, default)` gives the text of one; it may raise OSError.
    """
    keys = list(keys)
    known = {each.metadata["key"].removeprefix("oidc.NAME.") for each in ROWS}
    known |= {f"{key}_file" for key in known}
    problems = []
    for key in keys:
        match = KEY.fullmatch(key)
        if key.startswith("oidc.") and match is None:
            problems.append(f"{key}: say oidc.NAME.KEY, with a NAME of small letters and digits")
        elif match and match[2] not in known:
            problems.append(f"{key}: there is no such setting; take it out")
    providers = []
    for name in provider_names(keys):
        provider, wrong = read_provider(name, read)
        problems += wrong or contradictions(provider, production)
        providers.append(provider)
    issuers = [provider.issuer for provider in providers]
    problems += [
        f"oidc.{provider.name}.issuer: another provider has the same; take one of them out"
        for index, provider in enumerate(providers)
        if provider.issuer in issuers[:index]
    ]
    return tuple(providers), problems


def read_provider(name: str, read: Callable[[str, str], str]) -> tuple[Provider, list[str]]:
    values: dict[str, Any] = {}
    problems = []
    defaults = {"kind": "github", "issuer": GITHUB} if name == "github" else {}
    for each in ROWS:
        key = each.metadata["key"].replace("NAME", name)
        default = defaults.get(each.name, each.metadata["default"])
        try:
            values[each.name] = each.metadata["parse"](read(key, default))
        except (ValueError, OSError) as error:
            problems.append(f"{key}: {error}")
            values[each.name] = each.metadata["parse"](default)
    if values["kind"] is Kind.GITHUB:
        values["issuer"] = values["issuer"] or GITHUB
    return Provider(name=name, **values), problems


def contradictions(provider: Provider, production: bool) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    prefix = f"oidc.{provider.name}"
    problems = []
    if len(provider.name) > NAME_MAX_LENGTH:
        problems.append(f"{prefix}: say a name of at most {NAME_MAX_LENGTH} characters")
    if not provider.issuer:
        problems.append(f"{prefix}.issuer: unset; say the issuer's address, such as https://login.example.org")
    if not provider.client_id:
        problems.append(f"{prefix}.client_id: unset; register this site with the provider, which gives you one")
    if not provider.client_secret:
        problems.append(f"{prefix}.client_secret: unset; name its file in {prefix}.client_secret_file")
    parts = urlsplit(provider.issuer)
    if parts.scheme == "http":
        if parts.netloc.lower() not in provider.private_hosts:
            problems.append(f"{prefix}.issuer: say https://, or name {parts.netloc} in {prefix}.private_hosts")
        elif production and parts.hostname not in LOOPBACK:
            problems.append(f"{prefix}.issuer: the secret would travel in the clear; say https://")
    return problems
