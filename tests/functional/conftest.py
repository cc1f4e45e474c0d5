"""What tests of screens have besides."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import site_options

# Where many come at once, a request that waits for a second connection while it holds one stops all of them.
ONE_CONNECTION = {"sqlalchemy.pool_size": 1, "sqlalchemy.max_overflow": 0, "sqlalchemy.pool_timeout": 1}


@pytest.fixture
def app_settings(database_url: str, site_folder: Path) -> Callable[..., dict[str, str]]:
    """As everywhere, but that a request which takes two connections at once fails."""
    return partial(site_options, database_url, site_folder, **ONE_CONNECTION)
