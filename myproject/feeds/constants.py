"""Limits of feeds and of the site map. Imported as `from myproject.feeds import constants as FEED`."""

POSTS_MAX = 20
COMMENTS_MAX = 50
# A part of the site map holds posts whose numbers lie so close; the protocol allows 50,000 addresses.
SITEMAP_PART = 10_000
# So many comments of a page are told to search engines, and so much of each.
LINKED_COMMENTS_MAX = 10
LINKED_TEXT_MAX_LENGTH = 500
