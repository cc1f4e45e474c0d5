"""A picture that is added to a text while that is written: two fields, a button, and what the button does."""

from collections.abc import Callable
from typing import Any, ClassVar

import colander
import deform
from pyramid.interfaces import IRoutesMapper
from pyramid.response import Response

from myproject.errors import InputError
from myproject.forms.schema import UploadWidget, line, upload
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pictures import ACCEPT
from myproject.text import images_in
from myproject.transactions import commit
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


def picture_paths(registry: Any) -> Callable[[str], bool]:
    """Says of a path whether a form with a picture is sent there."""
    mapper = registry.getUtility(IRoutesMapper)
    views = registry["form_views"].items()
    routes = [mapper.get_route(name) for name, view in views if issubclass(view, PictureForm)]
    return lambda path: any(route.match(path) is not None for route in routes)


class TakesPictures(PictureForm):
    """A form with a text, `image_node`, `alt_node` and the button `ADD_IMAGE`, which does nothing but take the
    picture.
    """

    pictured: ClassVar[str] = "body"

    def act(self) -> Response:
        """A picture that was chosen is taken first, whichever button was pressed."""
        adding = "add_image" in self.request.POST
        if adding or self.is_chosen("image"):
            self.take_image()
        return self.page() if adding else super().act()

    def without_alt(self, rendered: str) -> int:
        """How many images of a text have no words for those who can't see them."""
        return [alt for _name, alt in images_in(rendered)].count("")

    def tell_without_alt(self, rendered: str) -> None:
        """Tells who has saved a text of its images without words. Nothing is refused for them."""
        if number := self.without_alt(rendered):
            self.request.flash(without_alt_words(number), "warning")

    def take_image(self) -> None:
        """Keeps the image that was sent, and puts it at the end of the text, as if it had been typed.

        Raises InputError or RateLimited.
        """
        posted = self.request.POST
        self.show_posted()
        try:
            alt = self.child("image_alt").schema.deserialize(self.posted().get("image_alt") or colander.null)
        except colander.Invalid as error:
            raise InputError(error.messages()[0], "image_alt") from None
        markdown = self.request.keep_image(self.uploaded("image", max_bytes_of(self.request)), alt, once=True)
        # It stands, whatever becomes of the text; and that is rendered with no transaction open.
        commit(self.request)
        text = self.posted().get(self.pictured, "").rstrip()
        posted[self.pictured] = f"{text}\n\n{markdown}\n" if text else f"{markdown}\n"
        posted["image_alt"] = ""
        del posted["image"]
        self.show_posted()
