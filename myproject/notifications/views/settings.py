"""What a member hears of, and where: kinds by channels, and the posts and tags that they follow or have muted."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.emails.services import choosing
from myproject.emails.services.wanting import give_up_unwanted
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.notifications import constants as NOTE
from myproject.notifications import schemas
from myproject.notifications.services import choices
from myproject.notifications.views.inbox import after_of
from myproject.posts.services import attention, tags
from myproject.security.keys import keys_of
from myproject.transactions import reading
from myproject.users.models import User
from myproject.users.services.accounts import can_sign_in
from myproject.web.request import Request


class Settings(FormView):
    """Kinds by channels, how often there is a digest, and below what was chosen for posts and tags."""

    title = _("What you hear of, and where")
    template = "myproject:templates/notifications/settings.html"

    @property
    def member_id(self) -> int:
        """Whose choices these are."""
        return self.request.member.id

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
        member_id = self.member_id
        with reading(self.request) as db:
            chosen = choices.read_choices(db, member_id)
            values: dict[str, Any] = {
                "digest": str(int(choices.read_digest(db, member_id))),
                "without_texts": choices.wants_no_texts(db, member_id),
            }
        for kind, choice in chosen.items():
            values |= {schemas.inbox_field(kind): choice.inbox, schemas.mail_field(kind): str(int(choice.mail))}
        return {name: value for name, value in values.items() if name in self.form.schema}

    def values(self) -> dict[str, Any]:
        after, member_id = after_of(self.request), self.member_id
        with reading(self.request) as db:
            return {
                "posts": attention.list_attention(db, member_id, after),
                "followed": tags.list_followed(db, member_id),
                "muted": tags.list_muted(db, member_id),
            }

    def submit(self, data: dict[str, Any]) -> Response:
        db, member_id = self.request.dbsession, self.member_id
        present = choices.read_choices(db, member_id)
        for kind in NOTE.Kind:
            inbox = data.get(schemas.inbox_field(kind), present[kind].inbox)
            mail = NOTE.Way(int(data.get(schemas.mail_field(kind), present[kind].mail)))
            if (inbox, mail) != (present[kind].inbox, present[kind].mail):
                choices.set_choice(db, member_id, kind, inbox, mail)
        choices.set_digest(db, member_id, NOTE.Digest(int(data["digest"])))
        choices.set_without_texts(db, member_id, data["without_texts"])
        give_up_unwanted(db, member_id)
        self.request.flash(_("Your choice is saved"))
        return self.redirect(self.request.matched_route.name, **self.request.matchdict)


class Link:
    """The context of `/notifications/settings/TOKEN/`: the member whose choices a link in their mail opens. Raises
    HTTPNotFound where the site has not made the link, and where that member is gone or shut out.
    """

    def __init__(self, request: Request) -> None:
        user_id = choosing.read_token(keys_of(request.registry), request.matchdict["token"])
        with reading(request) as db:
            user = db.get(User, user_id) if user_id is not None else None
            if user is None or not can_sign_in(user):
                raise HTTPNotFound
            self.user_id = user.id


class LinkedSettings(Settings):
    """The same choices without a sign-in, for whoever has the link of a mail; of the member nothing but these."""

    template = "myproject:templates/notifications/choices.html"

    @property
    def member_id(self) -> int:
        return int(self.request.context.user_id)

    def values(self) -> dict[str, Any]:
        # Whoever is signed in makes no difference, nor is to be seen.
        return {"neutral": True}
