"""Plain forms of people's text: canonical names, header lines, slugs, excerpts, plain mails."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myproject.text import (
    SLUG_MAX_LENGTH,
    canonical,
    clean_line,
    excerpt,
    is_name,
    is_visible,
    plain_text,
    render_markdown,
    slugify,
)

UNTIMED = settings(deadline=None)  # a busy machine is no failure


# The form in which two spellings are one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "aDA"),
        (" ada\t", "ada"),
        ("ａｄａ", "ada"),
        ("\u212aelvin", "kelvin"),
        ("Straße", "STRASSE"),
        ("ﬁn", "fin"),
        ("e\u0301", "É"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ada@ﾞexample.org", "ADA@\u3099example.org"),
    ],
)
def test_spellings_that_look_alike_are_canonically_one(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


def test_different_names_stay_different() -> None:
    assert len({canonical(name) for name in ("ada", "adа", "ad a", "àda", "ıda", "ida")}) == 6


@UNTIMED
@given(st.text())
@example("\u1fb3\u0313")
@example("\u0345\u0301")
def test_canonical_is_idempotent(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@UNTIMED
@given(st.text(), st.sampled_from(["", " ", "\t", "\n", "\u00a0", "\u3000"]))
def test_canonical_knows_no_case_width_or_outer_blanks(text: str, blank: str) -> None:
    composed = unicodedata.normalize("NFKC", text)

    assert canonical(blank + composed + blank) == canonical(text) == canonical(canonical(text).casefold())


# One clean line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  a   b\t c ", "a b c"),
        ("Subject\r\nBcc: everybody@example.org", "Subject Bcc: everybody@example.org"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a b c d e f"),
        ("a\x00\x08\x1b[31mb\x7f\x9b", "a[31mb"),
        ("user\u202eexe.txt\u202c", "userexe.txt"),
        ("\u2066a\u2067b\u2068c\u2069", "abc"),
        ("a \u202e b", "a b"),
        ("a\ud800b", "ab"),
        ("שלום\u200f!", "שלום\u200f!"),
    ],
)
def test_line_is_cleaned(text: str, line: str) -> None:
    assert clean_line(text) == line


FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@UNTIMED
@given(st.text() | st.text(alphabet="a \t\r\n\x0b\x0c\x00\x1c\x1f\x7f\x85\u2028\u202e\u2069\ud800\u00a0"))
def test_clean_line_never_holds_a_control_character(text: str) -> None:
    line = clean_line(text)

    assert not FORBIDDEN.search(line)
    assert line == line.strip() == clean_line(line)
    assert "  " not in line


# Slugs


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Hello, World!", "hello-world"),
        ("  --A  b_c--  ", "a-b-c"),
        ("Füße & Ärger", "füße-ärger"),
        ("Ｗｉｄｅ ½", "wide-1-2"),
        ("東京の話 2026", "東京の話-2026"),
        ("हिन्दी में", "हिन्दी-में"),
        ("../../etc/passwd?x=1#y", "etc-passwd-x-1-y"),
        ("<script>alert('x')</script>", "script-alert-x-script"),
        ("", "post"),
        ("🎉 !!!", "post"),
        ("\u0301", "post"),
        ("x" * 100, "x" * SLUG_MAX_LENGTH),
        ("x" * (SLUG_MAX_LENGTH - 1) + " y", "x" * (SLUG_MAX_LENGTH - 1)),
    ],
)
def test_title_becomes_a_slug(title: str, slug: str) -> None:
    assert slugify(title) == slug


@UNTIMED
@given(st.text())
def test_slug_is_words_of_letters_digits_and_their_marks(title: str) -> None:
    slug = slugify(title)

    assert 1 <= len(slug) <= SLUG_MAX_LENGTH
    for word in slug.split("-"):
        assert word
        assert word[0].isalnum()
        assert all(c.isalnum() or unicodedata.category(c).startswith("M") for c in word)


@UNTIMED
@given(st.text())
def test_slug_of_a_slug_is_itself(title: str) -> None:
    assert slugify(slugify(title)) == slugify(title)


# Excerpts


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("<p>one <em>tw</em>o</p>\n<ul>\n<li>three</li>\n<li>four</li>\n</ul>\n", 160, "one two three four"),
        ("<p>one<br>two</p>", 160, "one two"),
        ("# Title\n\nSome **bold** [text](https://example.org).", 160, "Title Some bold text."),
        ("<p>one two three</p>", 13, "one two three"),
        ("<p>one two three</p>", 12, "one two…"),
        ("<p>one two three</p>", 8, "one two…"),
        ("<p>one, two</p>", 6, "one…"),
        ("<p>" + "日本語" * 10 + "</p>", 5, "日本語日…"),
        ("<p>a &amp; b &lt;c&gt;</p>", 160, "a & b <c>"),
        ("<p>aaa &amp;&amp;&amp; b</p>", 6, "aaa…"),
        ("<p>e\u0301e\u0301e\u0301</p>", 4, "e\u0301…"),
        ("", 160, ""),
    ],
)
def test_excerpt_is_plain_and_cut_between_words(text: str, length: int, expected: str) -> None:
    assert excerpt(text, length) == expected


@UNTIMED
@given(st.text(), st.integers(2, 200))
def test_excerpt_fits_its_length_and_is_one_line(source: str, length: int) -> None:
    line = excerpt(source, length)

    assert len(line) <= length
    assert line == " ".join(line.split())


@UNTIMED
@given(st.text(alphabet="ab &<>;#1\n", max_size=5000), st.integers(2, 200))
def test_excerpt_begins_as_the_whole_text_does(source: str, length: int) -> None:
    html = render_markdown(source)

    assert excerpt(html, 1_000_000).startswith(excerpt(html, length).removesuffix("…"))


def test_excerpt_of_a_long_text_is_that_of_its_beginning() -> None:
    beginning = "word &amp; " * 300

    assert excerpt(f"<p>{beginning}</p>" + "<p>x</p>" * 50_000, 1000) == excerpt(f"<p>{beginning}</p>", 1000)


# Plain mails

SOURCE = """\
# Title

Hello *you* & [a link](https://example.org/x), <https://example.org>,
<a@example.org> ![a cat](https://example.org/cat.png)\\
next line

> a quote
>
> > deeper
> - item

- a
- b
  - c

1. - x
   - y
10. z

    more of z

after

```python
def f():

    return "<b>"
```

| a | b |
|---|---|
| 1 | &lt;2&gt; |
| 3 | |
| | 4 |

---

end
"""

PLAIN = """\
Title

Hello you & a link (https://example.org/x), https://example.org, a@example.org a cat (https://example.org/cat.png)
next line

> a quote
>
> > deeper
>
> - item

- a
- b
  - c

1. - x
   - y
2. z

   more of z

after

    def f():

        return "<b>"

a | b
1 | <2>
3 |
| 4

---

end"""


def test_plain_text_is_readable() -> None:
    assert plain_text(render_markdown(SOURCE)) == PLAIN


def test_plain_text_of_a_costly_text_is_its_words() -> None:
    source = "a ![\n" * 10_000

    assert plain_text(render_markdown(source)) == source.strip()


@UNTIMED
@given(st.text())
def test_plain_text_never_fails_and_holds_no_control_character(source: str) -> None:
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\ud800-\udfff]", plain_text(render_markdown(source)).replace("\x0c", "\n")
    )


@pytest.mark.parametrize("name", ["anna", "Ærø-2", "नमस्ते", "ไทยดี", "a_b-c", "e\u0301a"])
def test_a_name_is_letters_of_any_script(name: str) -> None:
    assert is_name(name, "-_")


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a--b", "a b", "\u3164\u3164", "a" + "\u0301" * 4, "\u0301a", "a\u200bb"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    assert not is_name(name, "-_")


@pytest.mark.parametrize("text", ["\u200b\u200b", "\u2800", "\u3164", " \n\t", "\u0301\u0301", "\u2066\u2069"])
def test_what_shows_nothing_is_not_visible(text: str) -> None:
    assert not is_visible(text)


def test_footnotes_are_numbers_in_a_mail_and_nothing_in_an_excerpt() -> None:
    html = render_markdown("Bees[^1] sleep.\n\n[^1]: All *night*.")

    assert plain_text(html) == "Bees[1] sleep.\n\n1. All night."
    assert excerpt(html) == "Bees sleep. All night."
