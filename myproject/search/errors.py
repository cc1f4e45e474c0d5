"""What a search can say no to."""


class TooMuch(Exception):
    """So much fits that the database did not find the latest of it within `SEARCH.STATEMENT_MILLISECONDS`."""
