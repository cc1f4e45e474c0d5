"""Keys and variables that name no setting: what is mistyped would else go unread, and its default hold."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

PREFIX = "MYPROJECT_"
# Read by others: by the `myproject` command, and by the tests.
OTHER_VARIABLES = re.compile("MYPROJECT_(CONFIG|TESTS_.*)")
# Sections that belong to the libraries which `main` includes, and to the debug toolbar.
LIBRARIES = {"pyramid", "jinja2", "retry", "tm", "debugtoolbar"}
# Below these, similar words say something else.
SIMILAR_KEY, SIMILAR_VARIABLE = 0.6, 0.85


def variable(key: str) -> str:
    """The environment variable that gives a setting."""
    return PREFIX + key.upper().replace(".", "__")


def problems_of_unknown(keys: Iterable[str], options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """What is said of each key of the ini file's section, and each variable, that is none of the settings `keys`.

    Sections named after an add-on of `pyramid.includes` are that add-on's; names below `oidc.` are checked where
    they are read.
    """
    known = {name for key in keys for name in (key, f"{key}_file")}
    return [*unknown_options(known, options), *unknown_variables(known, environ)]


def unknown_options(known: set[str], options: Mapping[str, str]) -> list[str]:
    others = LIBRARIES | {
        name.rpartition(".")[2].removeprefix("pyramid_") for name in options.get("pyramid.includes", "").split()
    }
    # `users_registration` is none of Pyramid's own keys without a section, but a mistake.
    flat = {key.replace(".", "_"): key for key in known}
    problems = []
    for name in sorted(options.keys() - known):
        section, dot, _rest = name.partition(".")
        if name in flat:
            problems.append(f"{name}: there is no such setting; do you mean {flat[name]}?")
        elif dot and section not in others and section != "oidc":
            near = get_close_matches(name, known, n=1, cutoff=SIMILAR_KEY)
            problems.append(f"{name}: there is no such setting; {mend(near)}")
    return problems


def unknown_variables(known: set[str], environ: Mapping[str, str]) -> list[str]:
    variables = {variable(key) for key in known}
    squeezed = {squeeze(name): name for name in variables}
    problems = []
    for name in sorted(environ.keys() - variables):
        if not name.startswith(PREFIX) or name.startswith(variable("oidc.")) or OTHER_VARIABLES.fullmatch(name):
            continue
        near = get_close_matches(squeeze(name), squeezed, n=1, cutoff=SIMILAR_VARIABLE)
        # Two underscores are a dot of ours. Without them it may be another program's: orchestrators make variables
        # such as MYPROJECT_SERVICE_HOST out of the names of services.
        if near or "__" in name:
            problems.append(f"{name}: there is no such setting; {mend([squeezed[each] for each in near])}")
    return problems


def squeeze(variable: str) -> str:
    """A variable's name without what all have in common, and without what is easily mistyped."""
    return re.sub("_+", "_", variable.removeprefix(PREFIX)).lower()


def mend(near: list[str]) -> str:
    return f"do you mean {near[0]}?" if near else "take it out (docs/settings.md has them all)"
