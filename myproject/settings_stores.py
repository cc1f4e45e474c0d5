"""Settings of databases, Redis, tasks, files and caches."""

from dataclasses import dataclass
from pathlib import Path

from myproject.settings_values import at_least, boolean, database, path, redis_address, setting


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Where things are kept, and who works on them."""

    sqlalchemy_url: str = setting(
        "sqlalchemy.url",
        database,
        "sqlite:///var/site.sqlite",
        "the database: `sqlite:///FILE` or `postgresql://...`",
        secret=True,
    )
    sqlalchemy_pool_size: int = setting(
        "sqlalchemy.pool_size", at_least(1), "8", "connections kept open by one process"
    )
    sqlalchemy_max_overflow: int = setting(
        "sqlalchemy.max_overflow", at_least(0), "8", "connections one process may open beyond those"
    )
    sqlalchemy_busy_timeout: int = setting(
        "sqlalchemy.busy_timeout",
        at_least(1),
        "5000",
        "milliseconds to wait for a lock (SQLite and PostgreSQL)",
    )
    sqlalchemy_statement_timeout: int = setting(
        "sqlalchemy.statement_timeout",
        at_least(1),
        "15000",
        "milliseconds one statement may take (PostgreSQL)",
    )
    sqlalchemy_connect_timeout: int = setting(
        "sqlalchemy.connect_timeout", at_least(1), "3", "seconds to wait for a connection (PostgreSQL)"
    )
    sqlalchemy_pool_timeout: int = setting(
        "sqlalchemy.pool_timeout", at_least(1), "5", "seconds to wait for a free connection of the pool"
    )
    redis_url: str = setting(
        "redis.url",
        redis_address,
        "",
        "Redis for cache, limits and tasks, such as `redis://localhost/0`; empty: one process",
        secret=True,
    )
    tasks_embedded: bool = setting("tasks.embedded", boolean, "true", "run a worker thread inside the web process")
    tasks_file: Path = setting(
        "tasks.file", path, "var/tasks.sqlite", "the queue's own file where there is no Redis"
    )
    storage_folder: Path = setting(
        "storage.folder", path, "var/files", "where pictures and exports of members are kept"
    )
    pictures_max_megabytes: int = setting(
        "pictures.max_megabytes",
        at_least(1, 100),
        "10",
        "how large a picture may be that a member sends; the server takes three times that where there are"
        " pictures in a form, so that one which is larger loses no text, and so must a proxy in front of it",
    )
    cache_size: int = setting(
        "cache.size", at_least(0), "33554432", "bytes the in-memory cache may hold (without Redis)"
    )
    cache_guest_seconds: int = setting(
        "cache.guest_seconds",
        at_least(0),
        "60",
        "how long a page for guests may be served from cache; 0 turns it off",
    )
    cache_user_seconds: int = setting(
        "cache.user_seconds", at_least(0), "300", "how long a member's row stays in cache"
    )
