"""What can go wrong with a post, in words for its author."""

from myproject.errors import EditedMeanwhile, InputError
from myproject.i18n import _


class NotVerified(InputError):
    message = _("Verify your address before you publish. Until then you can keep drafts.")


class EditConflict(EditedMeanwhile):
    message = _(
        "This post was changed since you opened it. Yours is below, unsaved, under the present text: "
        "take over what is new, and save again."
    )


class TooManyDrafts(InputError):
    message = _("You have a great many drafts. Publish or empty some before you save another.")


class NotRestorable(InputError):
    message = _("This can't be restored: its text is gone, or it was merged into another post")


class RemovedMeanwhile(InputError):
    message = _("This post was removed while you wrote. Your text is below, unsaved.")


class NoLongerYours(InputError):
    message = _("The time to change this is over. Your text is below, unsaved; ask the site's staff to change it.")


class TooManyPinned(InputError):
    message = _("Three posts are pinned already: take one off first")


class AlreadyAnswered(InputError):
    message = _("Somebody else has answered this meanwhile, or its author took it back")


class TooManyLinks(InputError):
    """`most` links are allowed, `links` were written, for `days` more."""

    field = "body"

    def __init__(self, most: int, links: int, days: int) -> None:
        numbers = {"most": most, "links": links, "days": days}
        super().__init__(
            _(
                "New members put at most ${most} links into a text, and this has ${links}. Take some out for now: "
                "you can write as many as you like in ${days} days, or as soon as some of your posts stand.",
                mapping=numbers,
            )
        )


class TooManyImages(InputError):
    """`most` images are allowed, `images` were put in, for `days` more."""

    field = "body"

    def __init__(self, most: int, images: int, days: int) -> None:
        numbers = {"most": most, "images": images, "days": days}
        super().__init__(
            _(
                "New members put at most ${most} images into a text, and this has ${images}. Take some out for "
                "now: you can show as many as you like in ${days} days, or as soon as some of your posts stand.",
                mapping=numbers,
            )
        )


class TooSoon(InputError):
    """A new member leaves `pause` minutes between two posts; the next is taken in `minutes`."""

    def __init__(self, pause: int, minutes: int) -> None:
        super().__init__(
            _(
                "New members leave ${pause} minutes between two posts. Nothing is lost: publish this one in "
                "${minutes} minutes.",
                mapping={"pause": pause, "minutes": minutes},
            )
        )


class RetiredTag(InputError):
    field = "tags"

    def __init__(self, name: str) -> None:
        super().__init__(_("The tag “${name}” is given to no new post: choose another", mapping={"name": name}))


class UnknownTag(InputError):
    field = "tags"

    def __init__(self, name: str) -> None:
        super().__init__(_("There is no tag “${name}”: choose among those that there are", mapping={"name": name}))


class TagTaken(InputError):
    message = _("Another tag has this name")
    field = "name"


class NoSuchTag(InputError):
    message = _("Name another tag that there is, and that stands for itself")
    field = "synonym_of"
