"""The page behind the link that every mail has which can be stopped, and the button that mail programs press."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.emails.services import unsubscribing
from myproject.security.keys import keys_of
from myproject.users.models import User
from myproject.web.request import Request


class Unsubscribe:
    """Looking changes nothing, for programs look into mails; a POST acts, whoever sends it (RFC 8058, 3.1).

    The answer is the same for everybody and knows no member, so that neither a sign-in nor a cookie is asked for,
    used or given.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        stop = unsubscribing.read_token(keys_of(request.registry), request.matchdict["token"])
        if stop is None:
            raise HTTPNotFound
        self.stop = stop

    def get(self) -> dict[str, Any]:
        return self.page(done=False)

    def post(self) -> dict[str, Any]:
        db = self.request.dbsession
        user = db.get(User, self.stop.user_id)
        # Of who is gone, an empty row stays. A post's page is for who reads it; the link needs none.
        if user is not None and user.email:
            unsubscribing.unsubscribe(db, self.stop)
        return self.page(done=True)

    def page(self, *, done: bool) -> dict[str, Any]:
        return {"neutral": True, "done": done, "words": self.stop.words, "post_id": self.stop.post_id}
