"""Every text that people read can be translated, and a new language needs no change of code."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from myproject.i18n import find_languages
from tests.architecture.copies import REPOSITORY, copy_site, run, run_tests

PACKAGE = REPOSITORY / "myproject"
TEMPLATES = PACKAGE / "templates"
FILES = sorted(file for file in TEMPLATES.rglob("*.*") if file.is_file())
LETTERS = re.compile(r"[^\W\d_]")

# Any real language but English would do: dates need one that Babel knows.
LANGUAGE = "eo"
MARKED = r"⟦[^⟦⟧]*⟧"

# Attributes that are read out or shown.
SPOKEN = frozenset(
    {"alt", "aria-description", "aria-label", "aria-roledescription", "label", "placeholder", "title"}
)
UNREAD = frozenset({"script", "style"})

# Calls of ours whose text people read, and where in the call it stands.
TEXT_ARGUMENTS = {
    "Button": (1, "title"),
    "Invalid": (1, "msg"),
    "InputError": (0, "message"),
    "checkbox": (1, "title"),
    "choice": (1, "title"),
    "email": (1, "title"),
    "flash": (0, "message"),
    "line": (1, "title"),
    "paragraph": (1, "title"),
    "password": (1, "title"),
}
TEXT_KEYWORDS = frozenset({"description", "error", "hint", "max_err", "min_err", "missing_msg", "title"})
TEXT_NAMES = frozenset({"title", "message"})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The site's texts, as `make messages` collects them."""
    file = tmp_path_factory.mktemp("messages") / "myproject.pot"
    run(REPOSITORY, "-m", "babel.messages.frontend", "--quiet", "extract", "-F", "babel.cfg", "-o", str(file), ".")
    with file.open("rb") as stream:
        return read_po(stream)


def texts(catalogue: Catalog) -> Iterator[str]:
    for message in catalogue:
        if message.id:
            yield from [message.id] if isinstance(message.id, str) else message.id


# What is extracted


def test_texts_of_templates_schemas_and_dates_are_extracted(catalogue: Catalog) -> None:
    found = set(texts(catalogue))
    assert {"Page not found", "Nickname or email", "Wrong email or password", "just now"} <= found
    assert {"${n} minute ago", "${n} minutes ago"} <= found


def test_texts_begin_and_end_with_no_blank(catalogue: Catalog) -> None:
    # A block over several lines is extracted as it stands, unless it says `trimmed`.
    assert [text for text in texts(catalogue) if text != text.strip() or "\n" in text] == []


# Templates


def constant_text(node: nodes.Node) -> str:
    """The text that an expression prints as it stands in the template, without what a call (`_`) gives."""
    if isinstance(node, nodes.TemplateData):
        return str(node.data)
    if isinstance(node, nodes.Const):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, nodes.CondExpr):
        return constant_text(node.expr1) + (constant_text(node.expr2) if node.expr2 else "")
    if isinstance(node, nodes.Or | nodes.And):
        return constant_text(node.left) + constant_text(node.right)
    if isinstance(node, nodes.Concat):
        return "".join(map(constant_text, node.nodes))
    if isinstance(node, nodes.Filter) and node.node is not None:
        return constant_text(node.node)
    return ""


def source_text(source: str) -> str:
    """A template's own text, in its order: what stands between its expressions and inside of them."""
    tree = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    return "".join(constant_text(node) for output in tree.find_all(nodes.Output) for node in output.nodes)


class Reader(HTMLParser):
    """Collects what people read of HTML: text, and the attributes that are shown or read out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        values = dict(attributes)
        self.texts += [value or "" for name, value in attributes if name in SPOKEN]
        if tag == "meta" and values.get("name") == "description":
            self.texts.append(values.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if not self.inside or self.inside[-1] not in UNREAD:
            self.texts.append(data)


def read_by_people(name: str, source: str) -> list[str]:
    text = source_text(source)
    if name.endswith(".txt"):
        return [text]
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader.texts


def untranslated(name: str, source: str) -> list[str]:
    return [text.strip() for text in read_by_people(name, source) if LETTERS.search(text)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TEMPLATES).as_posix())
def test_template_holds_no_text_outside_of_translation_functions(file: Path) -> None:
    assert untranslated(file.name, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        "<p>{{ 'Hello' }}</p>",
        "<p>{{ name or 'nobody' }}</p>",
        "<p>{{ 'yes' if name else _('no') }}</p>",
        "<p>{% if name %}{% for n in name %}Hello {{ n }}{% endfor %}{% endif %}</p>",
        '<img alt="A cat" src="cat.png">',
        "<button aria-label=\"{{ 'Close' }}\">×</button>",
        "{% macro button() %}<button>Send</button>{% endmacro %}",
        "{% block title %}Home{% endblock %}",
    ],
)
def test_forgotten_text_is_found(source: str) -> None:
    assert untranslated("page.html", source)


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ _('Hello') }} {{ name }} × 3</p>",
        "<p>{% trans name=name %}Hello {{ name }}{% endtrans %}</p>",
        "<p class=\"{{ 'big' if name else 'small' }}\">{{ name|default('') }}</p>",
        "<style>p { color: red }</style>{# a comment #}",
    ],
)
def test_translated_text_is_let_through(source: str) -> None:
    assert untranslated("page.html", source) == []


# Python


def is_plain_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(LETTERS.search(node.value))


def plain_texts(tree: ast.AST) -> Iterator[ast.expr]:
    """Texts for people that are plain strings: of fields, buttons, errors, flashes and titles."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position, keyword = TEXT_ARGUMENTS.get(name, (len(node.args), ""))
            candidates = node.args[position : position + 1]
            candidates += [each.value for each in node.keywords if each.arg in TEXT_KEYWORDS | {keyword}]
        elif isinstance(node, ast.ClassDef):
            candidates = [
                line.value
                for line in node.body
                if isinstance(line, ast.Assign)
                and any(isinstance(name, ast.Name) and name.id in TEXT_NAMES for name in line.targets)
            ]
        else:
            continue
        yield from filter(is_plain_text, candidates)


def test_texts_of_forms_errors_and_flashes_go_through_the_translation_function() -> None:
    # The command line speaks English.
    files = [file for file in sorted(PACKAGE.rglob("*.py")) if "cli" not in file.relative_to(PACKAGE).parts]
    found = [
        f"{file.relative_to(REPOSITORY)}, line {node.lineno}: {ast.unparse(node)}"
        for file in files
        for node in plain_texts(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


# Another language


def write_pseudo_catalogue(catalogue: Catalog, folder: Path) -> None:
    """Compiles a catalogue that gives each text as itself between brackets."""
    translated = Catalog(locale=LANGUAGE, domain="myproject")
    for message in catalogue:
        if isinstance(message.id, str) and message.id:
            translated.add(message.id, f"⟦{message.id}⟧")
        elif message.id:
            translated.add(message.id, tuple(f"⟦{text}⟧" for text in message.id))
    file = folder / LANGUAGE / "LC_MESSAGES" / "myproject.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        write_mo(stream, translated)


def test_language_is_added_by_its_catalogue_alone(catalogue: Catalog, tmp_path: Path) -> None:
    site = copy_site(tmp_path)
    write_pseudo_catalogue(catalogue, site / "myproject" / "locale")
    run_tests(site, "-k", "sqlite", "tests/architecture/pseudo_language.py")


def test_languages_are_english_and_those_with_a_compiled_catalogue(tmp_path: Path) -> None:
    for name in ("pt_BR", "de"):
        (tmp_path / name / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "de" / "LC_MESSAGES" / "myproject.po").touch()
    assert find_languages(tmp_path) == ("en",)
    for name in ("pt_BR", "de"):
        (tmp_path / name / "LC_MESSAGES" / "myproject.mo").touch()
    assert find_languages(tmp_path) == ("en", "de", "pt_BR")
