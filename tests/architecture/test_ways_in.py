"""Every way into an account ends at one decision, `can_sign_in`: who calls what stands here, and a new caller
fails until it has been looked at (OWASP ASVS 5.0: 6.1.3, 6.3.4).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "myproject"

# Called function -> the functions that call it, as `file:Class.function` below `myproject/users`.
EXPECTED = {
    # The decision, and those who ask it.
    "can_sign_in": {
        "services/sign_ins.py:check_can_sign_in",
        # What links in mails do for an account that is shut: nothing.
        "services/passwords.py:ask_for_reset",
        "services/passwords.py:start_reset",
        "services/passwords.py:reset_password",
        "services/addresses.py:confirm_change",
        "services/lost_second_factor.py:begin",
        "settings.py:Link.__init__",
        # Whose second factor stays, however long they have waited.
        "services/second_factor.py:carry_out_reset",
        # Whose sign-ins end with a changed status.
        "services/roles.py:change_status",
    },
    "check_can_sign_in": {"services/sign_ins.py:open_session", "services/sign_ins.py:begin_session"},
    # The ways in: what proves who somebody is, and then opens a session.
    "open_session": {
        "services/sign_ins.py:sign_in",
        "services/connections.py:sign_in",
        "views/passkeys.py:sign_in",
    },
    "sign_in": {"views/login.py:Login.submit", "views/oidc.py:arrive_to_sign_in"},
    "end_second_factor": {
        "services/second_factor.py:try_code",
        "views/passkeys.py:show_second_factor",
    },
    "sign_ins.begin_session": {
        # An account that was made a moment ago, and a password that was changed a moment ago.
        "views/register.py:Register.enter",
        "views/oidc.py:RegisterByProvider.submit",
        "views/passwords.py:ChangePassword.submit",
    },
    "begin_session": {
        "services/sign_ins.py:open_session",
        "services/sign_ins.py:end_second_factor",
        # The cookie of a session that one of the above has begun, or of one that lives and is made fresh.
        "views/enter.py:enter",
        "views/enter.py:enter_afresh",
        "views/oidc.py:arrive_to_prove",
        "views/register.py:Register.enter",
        "views/oidc.py:RegisterByProvider.submit",
        "views/passwords.py:ChangePassword.submit",
    },
    # The row itself.
    "UserSession": {"services/sign_ins.py:begin_session"},
}

# Its `open_session` is one of HTTP.
OTHER_MODULE = "myproject.security.outbound"


def calls(node: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every call below `node`, as (called, by whom): `f` or `module.f`, and `Class.function`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name | ast.Attribute):
            yield ast.unparse(child.func), ".".join(inside)
        named = (child.name,) if isinstance(child, ast.FunctionDef | ast.ClassDef) else ()
        yield from calls(child, (*inside, *named))


def callers() -> dict[str, set[str]]:
    """The callers of what `EXPECTED` names; `module.f` counts as `f`, unless it is named itself."""
    found: dict[str, set[str]] = {name: set() for name in EXPECTED}
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE / "users") if file.is_relative_to(PACKAGE / "users") else file.name
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [
            node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == OTHER_MODULE
        ]
        others = {alias.name for node in imports for alias in node.names} | {"outbound.open_session"}
        for called, caller in calls(tree):
            name = called if called in EXPECTED else called.rpartition(".")[2]
            if name in EXPECTED and called not in others:
                found[name].add(f"{path}:{caller}")
    return found


def test_the_ways_into_an_account_are_those_that_were_looked_at() -> None:
    assert callers() == EXPECTED


def test_a_call_is_found_wherever_it_stands() -> None:
    source = "class A:\n def f(self):\n  return [g(x.h(1)) for x in y]\nh(2)"
    assert set(calls(ast.parse(source))) == {("g", "A.f"), ("x.h", "A.f"), ("h", "")}
