"""What several of the admins' screens need."""

from typing import Any
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPConflict, HTTPNotFound
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject import audit
from myproject.admin import schemas
from myproject.db import Base
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.forms.words import present_words
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.transactions import reading


def number_of(text: str | None) -> int | None:
    """A number in an address, None where there is none. Raises HTTPNotFound for anything else."""
    if not text:
        return None
    number = row_number(text)
    if number is None:
        raise HTTPNotFound
    return number


def changes(db: Session, target: Base | type[Base] | None) -> dict[str, Any]:
    """What `changes` of `admin/pieces.html` shows: the audit of one row, of a table, or of a row that is not there
    yet.
    """
    wanted: dict[str, str | int] = {} if target is None else {"on": target.__tablename__}
    if isinstance(target, Base):
        wanted["number"] = target.id  # type: ignore[attr-defined]
    return {
        "entries": [] if target is None else audit.list_entries(db, target),
        "audit_query": urlencode(wanted),
        "action_titles": schemas.ACTION_TITLES,
        "value_titles": schemas.value_titles,
    }


class Choices(FormView):
    """A form of choices, with one reason for what is changed. It acts on those alone that differ from what its
    page showed, so that of two admins who have it open none undoes what the other did. The schema has a `shown`
    field for each choice.
    """

    def lock(self, db: Session) -> None:
        """Has others who send the form for the same row wait until this one is acted upon."""

    def present(self, db: Session) -> dict[str, str]:
        """What each choice is now, by the name of its field."""
        raise NotImplementedError

    def change(self, wanted: dict[str, str], reason: str) -> Response:
        """Makes the choices that are wanted, at least one, so."""
        raise NotImplementedError

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            present = self.present(db)
        return present | {f"shown_{name}": value for name, value in present.items()} | {"reason": ""}

    def submit(self, data: dict[str, Any]) -> Response:
        db = self.request.dbsession
        wanted, overtaken = {}, False
        self.lock(db)
        for name, value in self.present(db).items():
            shown, chosen = self.child(f"shown_{name}"), self.child(name)
            if data[name] == shown.cstruct:
                # Left as it was on the page: what it is now stays, and stands in the form that comes back.
                chosen.cstruct = value
            elif value == shown.cstruct:
                wanted[name] = data[name]
            elif value != data[name]:
                title = self.request.translate(dict(chosen.widget.values)[value])
                self.refuse(present_words(title), name)
                overtaken = True
            # Who sends it again has seen what is there.
            shown.cstruct = value
        if overtaken:
            self.refuse(_("Somebody else changed this since you opened it. Nothing of yours is saved yet."))
            return self.page(HTTPConflict.code)
        if not wanted:
            raise InputError(_("Nothing was changed: it stands so already"))
        return self.change(wanted, data["reason"])
