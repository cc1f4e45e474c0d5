"""Renders Markdown anew that an older renderer rendered, or that named something which is gone.

A module says `config.add_rendered(Rendered(...))` for each table with rendered text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.db import Base, sessions_of
from myproject.markdown.render import RENDERER_VERSION, render_markdown
from myproject.references import look_up_in
from myproject.tasks import crontab

ROWS_AT_ONCE = 50


@dataclass(frozen=True)
class Rendered:
    """A table whose column `source` is Markdown, `source_html` what was made of it, and `source_renderer` by which
    version; `changed` says so to caches, and changes what else is made from it.
    """

    model: type[Base]
    source: str
    changed: Callable[[Session, Any], None]

    def column(self, suffix: str = "") -> Any:
        return getattr(self.model, self.source + suffix)


def rerender(registry: Registry) -> None:
    """Renders all texts of older versions anew, some at a time. No transaction is open while one is rendered."""
    for rendered in registry["rendered"].values():
        last_id = 0
        while rows := next_rows(registry, rendered, last_id):
            last_id = rows[-1].id
            with sessions_of(registry).reading() as db:
                look_up = look_up_in(registry, db)
                made = {row.id: (row.source, render_markdown(row.source, look_up)) for row in rows}
            with sessions_of(registry).writing() as db:
                for id_, (source, html) in made.items():
                    keep(db, rendered, id_, source, html)


def rerender_rest(registry: Registry) -> None:
    """Makes up for a task that was lost."""
    rerender(registry)


def next_rows(registry: Registry, rendered: Rendered, after_id: int) -> list[Any]:
    id_: Any = rendered.model.id  # type: ignore[attr-defined]
    older = (rendered.column("_renderer") < RENDERER_VERSION) & (rendered.column() != "")
    statement = sa.select(id_, rendered.column().label("source")).where(id_ > after_id, older).order_by(id_)
    with sessions_of(registry).reading() as db:
        return list(db.execute(statement.limit(ROWS_AT_ONCE)))


def keep(db: Session, rendered: Rendered, id_: int, source: str, html: str) -> None:
    row = db.get(rendered.model, id_, with_for_update=True)
    # Changed meanwhile, it has been rendered.
    if row is None or getattr(row, rendered.source) != source:
        return
    setattr(row, f"{rendered.source}_html", html)
    setattr(row, f"{rendered.source}_renderer", RENDERER_VERSION)
    rendered.changed(db, row)


def add_rendered(config: Configurator, rendered: Rendered) -> None:
    """Directive: names a table with rendered text."""

    def register() -> None:
        config.registry["rendered"][rendered.model.__tablename__] = rendered

    config.action(("rendered", rendered.model.__tablename__), register)


def includeme(config: Configurator) -> None:
    config.registry["rendered"] = {}
    config.add_directive("add_rendered", add_rendered)
    config.add_task(rerender)
    config.add_periodic_task(rerender_rest, crontab(hour="4", minute="30"))
