"""Security: the policy and everything it stands on. Each file says which rule it holds."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".keys")
    config.include(".cookies")
    config.include(".passwords")
    config.include(".ratelimit")
    config.include(".windows")
    config.include(".captcha")
    config.include(".csrf")
    config.include(".flash")
    config.include(".validators")
    config.include(".policy")
    config.include(".terms")
    config.include(".reauth")
    config.include(".headers")
    config.include(".oidc")
