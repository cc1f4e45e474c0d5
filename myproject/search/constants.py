"""Limits of search. Imported as `from myproject.search import constants as SEARCH`."""

from datetime import timedelta

# Of what somebody asks for, this much is read.
QUERY_MAX_LENGTH = 200
TERMS_MAX = 12
# A longer word is cut: PostgreSQL takes lexemes of up to 2 KB, and nobody types one.
WORD_MAX_LENGTH = 60
# A shorter word is found whole only: too much begins with it.
PREFIX_MIN_LENGTH = 3
# PostgreSQL tells words no further into a text apart by their place.
WORDS_MAX = 16_000

PAGE_SIZE = 20
# So many matches are looked at for one page. What a page may cost is bounded by them, however large the site.
CANDIDATES = 500
ROUNDS = 6
# In PostgreSQL, common words are found among so many of the latest entries.
WINDOW = 4000
STATEMENT_MILLISECONDS = 3000

# As much of a text is read for the piece that a result shows of it.
EXCERPT_SOURCE_MAX = 20_000
EXCERPT_MAX_LENGTH = 240

SIMILAR_MAX = 5
SIMILAR_WORDS = 8
SIMILAR_CANDIDATES = 200
# The share of words that two titles must have in common to be called alike.
SIMILAR_ENOUGH = 0.5
SAME_LINK_PERIOD = timedelta(days=30)

REINDEX_BATCH = 200

# SQLite's index is merged in transactions of so many pages of 4 kB, some 30 milliseconds each, for so many seconds
# before other work has its turn.
MERGE_PAGES = 250
MERGE_PAUSE_SECONDS = 0.1
MERGE_SECONDS = 5
