"""Whom a rendered text mentions."""

from collections.abc import Collection

from myproject.markdown.limits import MAX_MENTIONS
from myproject.markdown.references import Known
from myproject.markdown.render import render_markdown
from myproject.notifications.services.facts import mentioned_in


def know_all(members: Collection[str], images: Collection[str]) -> Known:
    return Known({name: name for name in members})


def test_a_link_that_somebody_wrote_to_a_profile_mentions_nobody() -> None:
    written = (
        "[@ann](/@ann/) [@ann][1] <a href='/@ann/' class='mention'>ann</a> @josé\n\n[1]: /@ann/ 'class=mention'"
    )
    assert mentioned_in(render_markdown(written, know_all)) == {"josé"}


def test_a_text_mentions_no_more_members_than_its_limit() -> None:
    names = [f"user{number}" for number in range(MAX_MENTIONS + 10)]
    written = "\n".join(f"- @{name} and [@{name}](/@{name}/)" for name in names)
    assert mentioned_in(render_markdown(written, know_all)) == set(names[:MAX_MENTIONS])
