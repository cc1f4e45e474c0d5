"""Limits of bookmarks. Imported as `from myproject.bookmarks import constants as BOOKMARK`."""

PAGE_SIZE = 50
