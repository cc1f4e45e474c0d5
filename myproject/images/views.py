"""The screens of images."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.forms.pictures import PictureForm, max_bytes_of
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.images import constants as IMAGE
from myproject.images import errors, schemas, services
from myproject.pagination import BadCursor
from myproject.rerender import rerender
from myproject.security.keys import keys_of
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import limiter_of
from myproject.storage import storage_of
from myproject.tasks import enqueue
from myproject.transactions import reading
from myproject.web.pictures import serve_picture
from myproject.web.request import Request


def keep_image(request: Request, content: bytes | None, alt: str, *, once: bool = False) -> str:
    """Makes an image of what was sent (at most one byte more than may be), and gives the Markdown that shows it.
    With `once`, what the member has sent so before is that image: a form that is sent twice says the same twice.

    Raises NoImage, ImageTooBig, ImageUnreadable, TooManyImages, NotVerified, or RateLimited.
    """
    member = request.member
    if content is None:
        raise errors.NoImage
    if not may_publish(request.identity, request.site.users_require_verified_email):
        raise errors.NotVerified
    source = services.source_of(keys_of(request.registry), member.id, content) if once else None
    with reading(request) as db:
        same = services.find_same(db, source) if source else None
    if same is not None:
        services.touch_image(request.dbsession, same.name)
        return services.markdown_of(same.name, alt)
    limiter_of(request.registry).hit("image_account", str(member.id))
    with reading(request) as db:
        services.check_room(db, member.id)
    picture = services.make_picture(content, max_bytes_of(request))
    name = services.keep_picture(storage_of(request.registry), picture)
    image = services.add_image(request.dbsession, member.id, name, picture, alt, source)
    return services.markdown_of(image.name, alt)


def show_image(request: Request) -> Response:
    """An image. Who has its address may see it. Raises HTTPNotFound."""
    return serve_picture(request, services.file_name(request.matchdict["name"]))


class Images(PictureForm):
    """A member's images, and a form to send one more. A script is answered in JSON."""

    schema = schemas.NewImage
    title = _("Your images")
    template = "myproject:templates/images/list.html"
    buttons = (deform.Button("send", _("Send the image")),)

    def submit(self, data: dict[str, Any]) -> Response:
        markdown = self.request.keep_image(self.uploaded("image", max_bytes_of(self.request)), data["image_alt"])
        if self.for_script():
            return Response(json={"markdown": markdown}, status=201)
        self.request.flash(_("The image is here. Copy the line beside it into your text."))
        return self.redirect("images.list")

    def for_script(self) -> bool:
        return self.request.headers.get("Accept", "").startswith("application/json")

    def page(self, status: int = 200) -> Response:
        if status == 200 or not self.for_script():
            return super().page(status)
        fields = [self.form, *self.form.children]
        messages = [message for field in fields if field.error for message in field.error.messages() if message]
        return Response(json={"error": " ".join(map(self.request.translate, messages))}, status=status)

    def values(self) -> dict[str, Any]:
        try:
            with reading(self.request) as db:
                page = services.list_images(db, self.request.member.id, self.request.GET.get("after"))
        except BadCursor:
            raise HTTPNotFound from None
        return {"page": page, "markdown_of": services.markdown_of, "orphan_days": IMAGE.ORPHAN_DAYS}


class DeleteImage(FormView):
    """Asks, and deletes an image: one's own, or as staff."""

    schema = schemas.NoFields
    title = _("Delete this image?")
    template = "myproject:templates/images/delete.html"
    buttons = (deform.Button("delete", _("Delete it"), css_class="danger"),)

    def values(self) -> dict[str, Any]:
        return {"image": self.request.context}

    def submit(self, data: dict[str, Any]) -> Response:
        image, member = self.request.context, self.request.member
        others = None if image.author_id == member.id else actor_of(self.request)
        services.delete_image(self.request.dbsession, image.id, others)
        enqueue(self.request.dbsession, rerender)
        self.request.flash(_("The image is gone"))
        return self.redirect("images.list") if others is None else self.redirect("posts.list")


def image_of(request: Request) -> Any:
    """The context of `/images/NAME/...`. Raises HTTPNotFound."""
    with reading(request) as db:
        image = services.find_image(db, request.matchdict["name"])
    if image is None:
        raise HTTPNotFound
    return image
