"""Limits of the admin pages. Imported as `from myproject.admin import constants as ADMIN`."""

PAGE_SIZE = 50
SESSIONS_SHOWN = 20
SEARCH_MAX_LENGTH = 100
REASON_MIN_LENGTH = 3
