"""Passwords that somebody has just chosen."""

from typing import Any

from myproject.security.leaked_passwords import is_leaked
from myproject.security.passwords import hasher_of
from myproject.settings import settings_of
from myproject.users import errors


def hash_new_password(registry: Any, password: str) -> str:
    """The hash of a new password. Slow, and it may ask another server: call it with no transaction open.

    Raises PasswordLeaked, or RateLimited where too many are hashed at once.
    """
    check_new_password(registry, password)
    return hasher_of(registry).hash(password)


def check_new_password(registry: Any, password: str) -> None:
    """Raises PasswordLeaked. It may ask another server: call it with no transaction open."""
    if is_leaked(password, settings_of(registry).users_password_leaks_url):
        raise errors.PasswordLeaked
