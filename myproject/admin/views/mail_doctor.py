"""The mail doctor's page: what was found, when, and a new look; a probe to oneself, and what its headers tell."""

from datetime import timedelta
from typing import Any

import deform
from pyramid.response import Response

from myproject.admin import constants as ADMIN
from myproject.admin import schemas, services, tasks
from myproject.db import utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.doctor.examination import sender_of
from myproject.emails.doctor.findings import MARK_TITLES, TOPIC_TITLES, Finding
from myproject.emails.doctor.probe import NoHeaders, Probe, read_probe
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.tasks import enqueue
from myproject.transactions import reading


class MailDoctor(FormView):
    """The DNS is slow, so a task asks it, and the page shows what that has found."""

    schema = schemas.Headers
    title = _("Mail doctor")
    template = "myproject:templates/admin/mail_doctor.html"
    buttons = (deform.Button("look", _("Look now")), deform.Button("probe", _("Send me a probe")))

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            checkup, asked_at = services.find_checkups(db)
        late = timedelta(seconds=ADMIN.CHECKUP_SECONDS)
        return {
            "checkup": checkup,
            "findings": [Finding.from_json(value) for value in (checkup and checkup.findings) or []],
            "asked_at": asked_at,
            "overdue": asked_at is not None and utc_now() - asked_at > late,
            "sender": sender_of(self.request.site),
            "topic_titles": TOPIC_TITLES,
            "mark_titles": MARK_TITLES,
        }

    def submit(self, data: dict[str, Any]) -> Response:
        probe = self.read(data["headers"]) if data["headers"].strip() else None
        if "probe" in self.request.POST:
            self.send_probe()
        if probe is not None or "probe" not in self.request.POST:
            db = self.request.dbsession
            enqueue(db, tasks.look_at_mail, checkup_id=services.ask_for_checkup(db, probe).id)
        return self.redirect("admin.mail_doctor")

    def read(self, headers: str) -> Probe:
        try:
            return read_probe(headers, sender_of(self.request.site).rpartition("@")[2])
        except NoHeaders:
            text = _("These are no headers of a mail. Copy the source of the probe, from its first line on.")
            raise InputError(text, "headers") from None

    def send_probe(self) -> None:
        member = self.request.member
        mail = Mail(
            EMAIL.Kind.PROBE,
            member.email,
            to_name=member.display_name or member.name,
            context={"name": member.name},
            user_id=member.id,
            expires_in=timedelta(hours=1),
            locale=self.request.locale_name,
        )
        queue_mail(self.request.dbsession, mail)
        self.request.flash(_("A probe is on its way to ${email}", mapping={"email": member.email}))
