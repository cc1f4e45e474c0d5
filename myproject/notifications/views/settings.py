"""What a member hears of, and where: kinds by channels, and the posts and tags that they follow or have muted."""

from typing import Any

import colander
import deform
from pyramid.response import Response

from myproject.db import reading
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.notifications import constants as NOTE
from myproject.notifications import schemas
from myproject.notifications.services import choices
from myproject.notifications.views.inbox import after_of
from myproject.posts.services import attention, tags


class Settings(FormView):
    """Kinds by channels, how often there is a digest, and below what was chosen for posts and tags."""

    title = _("What you hear of, and where")
    template = "myproject:templates/notifications/settings.html"

    def make_schema(self) -> colander.SchemaNode:
        return schemas.settings()

    def make_form(self, schema: colander.SchemaNode) -> deform.Form:
        form = super().make_form(schema)
        # The same form, with a table for the kinds.
        form.widget.template = "notification_choices"
        fields = {child.name: child for child in form.children}
        form.kinds = [
            (title, fields.get(schemas.inbox_field(kind)), fields.get(schemas.mail_field(kind)), kind.name)
            for kind, title in schemas.KIND_TITLES.items()
        ]
        form.digest, form.without_texts = fields["digest"], fields["without_texts"]
        return form

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            chosen = choices.read_choices(db, self.request.member.id)
            values: dict[str, Any] = {
                "digest": str(int(choices.read_digest(db, self.request.member.id))),
                "without_texts": choices.wants_no_texts(db, self.request.member.id),
            }
        for kind, choice in chosen.items():
            values |= {schemas.inbox_field(kind): choice.inbox, schemas.mail_field(kind): str(int(choice.mail))}
        return {name: value for name, value in values.items() if name in self.form.schema}

    def values(self) -> dict[str, Any]:
        after, member_id = after_of(self.request), self.request.member.id
        with reading(self.request) as db:
            return {
                "posts": attention.list_attention(db, member_id, after),
                "followed": tags.list_followed(db, member_id),
                "muted": tags.list_muted(db, member_id),
            }

    def submit(self, data: dict[str, Any]) -> Response:
        db, member_id = self.request.dbsession, self.request.member.id
        present = choices.read_choices(db, member_id)
        for kind in NOTE.Kind:
            inbox = data.get(schemas.inbox_field(kind), present[kind].inbox)
            mail = NOTE.Way(int(data.get(schemas.mail_field(kind), present[kind].mail)))
            if (inbox, mail) != (present[kind].inbox, present[kind].mail):
                choices.set_choice(db, member_id, kind, inbox, mail)
        choices.set_digest(db, member_id, NOTE.Digest(int(data["digest"])))
        choices.set_without_texts(db, member_id, data["without_texts"])
        self.request.flash(_("Your choice is saved"))
        return self.redirect("notifications.settings")
