"""The shape of what the forms of images take."""

from myproject.forms.pictures import alt_node, image_node
from myproject.forms.schema import Schema


class NewImage(Schema):
    image = image_node()
    image_alt = alt_node()


class NoFields(Schema):
    """A question whose answer is its button."""
