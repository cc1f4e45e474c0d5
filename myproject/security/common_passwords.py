"""Passwords and words that guessing programs try first (OWASP ASVS 5.0: 6.2.4; NIST SP 800-63B-4, 3.1.1.2).

The lists are those of zxcvbn: passwords from leaks, and the commonest words of English, its films, and names. They
ship with the package, so nothing is asked of anybody.
"""

import runpy
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path


def is_common(password: str, minimum: int) -> bool:
    """Whether a password of at least `minimum` characters is one of those tried first, in capitals or not."""
    return password.casefold() in common_passwords(minimum)


@lru_cache(maxsize=2)
def common_passwords(minimum: int) -> frozenset[str]:
    """The listed ones of at least `minimum` characters. For ten: 13,600 in 1.3 MB, read in 30 ms when first asked
    for.

    The package itself builds tables at import that nobody here needs, and would hold 14 MB for ever; so the file
    of the lists is run by itself.
    """
    package = find_spec("zxcvbn")
    assert package is not None
    assert package.submodule_search_locations
    file = Path(package.submodule_search_locations[0]) / "frequency_lists.py"
    lists = runpy.run_path(str(file))["FREQUENCY_LISTS"]
    return frozenset(word for words in lists.values() for word in words if len(word) >= minimum)
