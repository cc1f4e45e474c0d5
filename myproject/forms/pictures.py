"""A picture that is added to a text while that is written: two fields, a button, and what the button does."""

from collections.abc import Callable
from typing import Any, ClassVar

import colander
import deform
from pyramid.interfaces import IRoutesMapper
from pyramid.response import Response

from myproject.errors import InputError
from myproject.forms.schema import UploadWidget, line, upload
from myproject.forms.view import FormView, waiting_words
from myproject.i18n import _
from myproject.pictures import ACCEPT
from myproject.security.ratelimit import RateLimited
from myproject.text import images_in
from myproject.web.request import Request

ALT_MAX_LENGTH = 300
ADD_IMAGE = deform.Button("add_image", _("Add the image"), css_class="secondary")


def image_node() -> colander.SchemaNode:
    return upload("image", _("Image"), accept=ACCEPT, hint=_("PNG, JPEG, WebP or GIF, up to ${megabytes} MB"))


def alt_node() -> colander.SchemaNode:
    return line(
        "image_alt",
        _("What the image shows"),
        max=ALT_MAX_LENGTH,
        optional=True,
        hint=_("For those who can't see it"),
    )


def without_alt_words(number: int) -> str:
    return _(
        "Images without a description: ${number}. Say what each shows, between its brackets, for those who"
        " can't see it.",
        mapping={"number": number},
    )


def max_bytes_of(request: Request) -> int:
    """How large a picture may be."""
    return request.site.pictures_max_megabytes * 1_000_000


class PictureForm(FormView):
    """A form with a picture in it. The server takes larger bodies at its address than elsewhere."""

    def make_form(self, schema: colander.SchemaNode) -> deform.Form:
        for node in schema.children:
            if isinstance(node.widget, UploadWidget):
                node.description %= {"megabytes": self.request.site.pictures_max_megabytes}
        return super().make_form(schema)

    def max_bytes(self) -> int:
        return max_bytes_of(self.request)


def picture_paths(registry: Any) -> Callable[[str], bool]:
    """Says of a path whether a form with a picture is sent there."""
    mapper = registry.getUtility(IRoutesMapper)
    views = registry["form_views"].items()
    routes = [mapper.get_route(name) for name, view in views if issubclass(view, PictureForm)]
    return lambda path: any(route.match(path) is not None for route in routes)


class TakesPictures(PictureForm):
    """A form with a text, `image_node`, `alt_node` and the button `ADD_IMAGE`."""

    pictured: ClassVar[str] = "body"

    def post(self) -> Response:
        if "add_image" in self.request.POST:
            return self.add_image()
        return super().post()

    def without_alt(self, rendered: str) -> int:
        """How many images of a text have no words for those who can't see them."""
        return [alt for _name, alt in images_in(rendered)].count("")

    def tell_without_alt(self, rendered: str) -> None:
        """Tells who has saved a text of its images without words. Nothing is refused for them."""
        if number := self.without_alt(rendered):
            self.request.flash(without_alt_words(number), "warning")

    def add_image(self) -> Response:
        """Keeps the image that was sent, and shows the form again, with what was typed and the image at the end of
        the text.
        """
        typed = self.posted()
        if self.keeps and self.request.identity is not None:
            self.request.add_finished_callback(self.keep_unless_taken)
        self.form.cstruct = self.form.widget.deserialize(self.form, typed)
        try:
            content = self.uploaded("image", self.max_bytes())
            alt = self.child("image_alt").schema.deserialize(typed.get("image_alt") or colander.null)
            markdown = self.request.keep_image(content, alt)
        except colander.Invalid as error:
            self.refuse(error.messages()[0], "image_alt")
            return self.page(422)
        except InputError as error:
            self.refuse(error.message, error.field)
            return self.page(422)
        except RateLimited as error:
            self.refuse(waiting_words(error.retry_after))
            response = self.page(429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        text = typed.get(self.pictured, "").rstrip()
        self.child(self.pictured).cstruct = f"{text}\n\n{markdown}\n" if text else f"{markdown}\n"
        self.child("image_alt").cstruct = ""
        return self.page()
