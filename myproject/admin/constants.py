"""Limits of the admin pages. Imported as `from myproject.admin import constants as ADMIN`."""

PAGE_SIZE = 50
SESSIONS_SHOWN = 20
SEARCH_MAX_LENGTH = 100

# Looks of the mail doctor: how many are kept, and when one that is not over has gone wrong.
CHECKUPS_KEPT = 10
CHECKUP_SECONDS = 60
REASON_MIN_LENGTH = 3
