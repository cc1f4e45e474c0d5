"""The rules of who may import what, read off the source: see docs/architecture.md."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "myproject"

# Lowest first: models and services know only what stands left of them.
MODULES = (
    "emails",
    "users",
    "posts",
    "comments",
    "images",
    "bookmarks",
    "notifications",
    "search",
    "feeds",
    "moderation",
    "admin",
)

# What a file of each kind may import of its own module. `mails` and `subscribers` stand beside the screens.
INSIDE = {
    "constants": set(),
    "errors": {"constants"},
    "models": {"constants"},
    "mails": {"constants", "models"},
    "services": {"constants", "errors", "models", "services"},
    "schemas": {"constants", "services"},
    "views": {"constants", "errors", "models", "services", "schemas", "tasks", "views", "bounces"},
    "routes": {"constants", "models", "services", "views"},
    "tasks": {"constants", "errors", "mails", "models", "services", "message", "transport", "bounces"},
    "subscribers": {"constants", "mails", "services"},
    # Parts of one module that no other has.
    "message": {"constants", "models", "services"},
    "transport": {"constants", "errors", "services"},
    "identify": {"constants", "models", "tasks"},
    "doctor": {"constants", "errors", "services", "message", "transport", "bounces", "doctor"},
    "bounces": {"constants", "models", "services", "bounces"},
}
OWN_FILES = {"emails": {"message", "transport", "doctor", "bounces"}, "users": {"identify"}}
COMMON_FILES = set(INSIDE) - {"message", "transport", "doctor", "bounces", "identify"}

# What screens may use of any module, also of a higher one.
OPEN_TO_VIEWS = {"constants", "errors", "models", "services"}
# Kinds that know nothing of HTTP.
WITHOUT_HTTP = {"constants", "errors", "models", "services", "mails"}
HTTP = ("pyramid", "webob", "deform", "myproject.transactions", "myproject.web", "myproject.forms")


@dataclass(frozen=True)
class Import:
    """`importer` imports `imported`, both dotted names; `line` is where."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: {self.imported}"


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in FILES.items()}


def is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below `node` but what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if not is_for_typing(child):
            yield child
            yield from statements(child)


def targets(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The modules, ours in full, that one import statement of file `name` names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    if node.level > 1:
        package = package.rsplit(".", node.level - 1)[0]
    base = ".".join(part for part in (package if node.level else "", node.module) if part)
    for alias in node.names:
        dotted = f"{base}.{alias.name}"
        yield dotted if dotted in FILES else base


IMPORTS = [
    Import(name, target, node.lineno)
    for name, tree in TREES.items()
    for node in statements(tree)
    if isinstance(node, ast.Import | ast.ImportFrom)
    for target in targets(name, node)
]
OURS = [each for each in IMPORTS if each.imported.split(".")[0] == "myproject"]


def place(name: str) -> tuple[str, str]:
    """The module and the kind of file of a dotted name; two empty strings for what is in no module."""
    parts = name.split(".")
    if len(parts) < 2 or parts[1] not in MODULES:
        return "", ""
    return parts[1], parts[2] if len(parts) > 2 else "__init__"


def between_modules() -> Iterator[tuple[Import, str, str, str, str]]:
    for each in OURS:
        importer, imported = place(each.importer), place(each.imported)
        if importer[0] and imported[0] and importer[0] != imported[0]:
            yield each, *importer, *imported


def told(broken: list[Import]) -> str:
    return "\n".join(["these imports break the rule:", *map(str, broken)])


def test_every_package_of_ours_is_a_module_or_part_of_the_floor():
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}

    assert packages == {*MODULES, "cli", "forms", "markdown", "security", "web"}


def test_modules_have_only_the_files_that_every_module_may_have():
    for module in MODULES:
        names = {path.stem for path in (PACKAGE / module).iterdir() if path.name != "__pycache__"}

        assert names <= COMMON_FILES | {"__init__"} | OWN_FILES.get(module, set()), module


def test_files_of_a_module_import_only_the_kinds_below_them():
    broken = [
        each
        for each in OURS
        if place(each.importer)[0]
        and place(each.importer)[0] == place(each.imported)[0]
        and place(each.importer)[1] != "__init__"
        and place(each.imported)[1] not in INSIDE[place(each.importer)[1]]
    ]

    assert not broken, told(broken)


def test_only_views_import_from_higher_modules():
    broken = [
        each
        for each, importer, kind, imported, _imported_kind in between_modules()
        if MODULES.index(imported) > MODULES.index(importer) and kind != "views"
    ]

    assert not broken, told(broken)


def test_views_import_of_higher_modules_what_has_no_screen():
    broken = [
        each
        for each, importer, _kind, imported, imported_kind in between_modules()
        if MODULES.index(imported) > MODULES.index(importer) and imported_kind not in OPEN_TO_VIEWS
    ]

    assert not broken, told(broken)


def test_no_module_imports_the_views_of_another():
    broken = [
        each for each, _importer, _kind, _imported, imported_kind in between_modules() if imported_kind == "views"
    ]

    assert not broken, told(broken)


def test_constants_import_nothing_of_ours():
    broken = [each for each in OURS if each.importer.endswith(".constants")]

    assert not broken, told(broken)


def test_models_import_only_the_database_constants_and_models():
    broken = [
        each
        for each in OURS
        if place(each.importer)[1] == "models"
        and each.imported != "myproject.db"
        and place(each.imported)[1] not in ("constants", "models")
    ]

    assert not broken, told(broken)


def test_models_services_and_mails_know_nothing_of_http():
    broken = [
        each
        for each in IMPORTS
        if place(each.importer)[1] in WITHOUT_HTTP
        and any(each.imported == name or each.imported.startswith(f"{name}.") for name in HTTP)
    ]

    assert not broken, told(broken)


def test_the_floor_knows_of_modules_only_the_constants_of_users():
    # These two stand above the modules: the list of all tables, and the command line.
    above = ("myproject.models", "myproject.cli")
    broken = [
        each
        for each in OURS
        if not place(each.importer)[0]
        and not each.importer.startswith(above)
        and place(each.imported)[0]
        and each.imported != "myproject.users.constants"
    ]

    assert not broken, told(broken)


def test_nothing_but_tools_imports_what_stands_above_the_modules():
    broken = [
        each
        for each in OURS
        if re.match(r"myproject\.(models|cli)\b", each.imported) and not each.importer.startswith("myproject.cli")
    ]

    assert not broken, told(broken)


def test_no_two_files_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for each in OURS:
        if each.imported != each.importer:
            graph[each.importer].add(each.imported)

    TopologicalSorter(graph).prepare()


def test_nothing_is_imported_inside_a_function():
    broken = [
        Import(name, ast.unparse(inner), inner.lineno)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert not broken, told(broken)


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if file.name == "__init__.py"])
def test_package_files_hold_only_what_sets_the_package_up(name: str):
    tree = TREES[name]
    imported = {each.imported for each in OURS if each.importer == name}
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]

    assert others == [], [ast.unparse(node) for node in others]
    if name == "myproject":
        assert names == ["main"]
        assert imported == {"myproject.settings", "myproject.web.request"}
    else:
        assert names in ([], ["includeme"])
        # Whoever imports a constant runs this file: it must not bring services and tables with it.
        assert imported == set(), imported


def test_the_application_is_a_list_of_includes():
    (main,) = (node for node in TREES["myproject"].body if isinstance(node, ast.FunctionDef))
    (configuring,) = (node for node in main.body if isinstance(node, ast.With))
    calls = [ast.unparse(node) for node in configuring.body]

    allowed = r"config\.include\('[a-z0-9_.]+'\)|config\.registry\['settings'\] = settings"
    assert [line for line in calls[:-1] if not re.fullmatch(allowed, line)] == []
    assert calls[-1] == "return config.make_wsgi_app()"
    # The only other statements name the settings and Pyramid's own defaults.
    assert len(main.body) == 4


def test_what_can_be_included_is():
    able, included = set(), set()
    for name, tree in TREES.items():
        package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
        if any(isinstance(node, ast.FunctionDef) and node.name == "includeme" for node in tree.body):
            able.add(name)
        for found in re.findall(r'config\.include\("([a-z0-9_.]+)"\)', FILES[name].read_text(encoding="utf-8")):
            included.add(package + found if found.startswith(".") else found)

    assert able - included == set()


def test_modules_are_included_lowest_first():
    source = FILES["myproject"].read_text(encoding="utf-8")
    included = re.findall(r'config\.include\("myproject\.([a-z]+)"\)', source)

    assert tuple(name for name in included if name in MODULES) == MODULES


def test_nothing_is_scanned_for_views():
    found = [
        f"{name}, line {node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("scan", "view_config", "view_defaults")
    ]

    assert found == []
