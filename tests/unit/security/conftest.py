"""Settings for tests of one part, without an application."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from myproject.settings import Settings, load_settings

KEYS = {row.name: row.metadata["key"] for row in fields(Settings) if row.metadata}


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """`make_settings(captcha_min_seconds="0")` gives the settings of a site under development."""
    key = tmp_path / "secret.key"
    key.touch(mode=0o600)
    key.write_text("a key for tests only, long enough to be taken\n")

    def make(**options: str) -> Settings:
        values = {
            "site_mode": "development",
            "site_url": "https://site.example",
            "secret_key_file": str(key),
            "users_password_rounds": "4",
        } | options
        return load_settings({KEYS[name]: value for name, value in values.items()}, {})

    return make
