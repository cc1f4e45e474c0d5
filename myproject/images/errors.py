"""What can go wrong with images, in words for the member."""

from myproject.errors import InputError, TooManyBytes
from myproject.i18n import _


class ImageTooBig(TooManyBytes):
    message = _("This image is too big: send one of up to ${megabytes} MB and 24 megapixels")
    field = "image"


class ImageUnreadable(InputError):
    message = _("This is no image that can be read: send a PNG, JPEG, WebP or GIF")
    field = "image"


class NoImage(InputError):
    message = _("Choose an image first")
    field = "image"


class TooManyImages(InputError):
    message = _("You have as many images as one may have: delete some on the page of your images")
    field = "image"


class NotVerified(InputError):
    message = _("Verify your address first")
    field = "image"
