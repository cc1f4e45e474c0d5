"""Markdown of members as HTML: what each feature gives, that nothing harmful passes, that cost is bounded."""

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myproject.markdown.code import CODE_LINE_MAX_CHARACTERS, CODE_MAX_CHARACTERS, LANGUAGES, highlight_css
from myproject.markdown.limits import (
    MAX_BLOCK_TOKENS,
    MAX_COLUMNS,
    MAX_MENTIONS,
    MAX_NESTING,
    MAX_RUN,
    MAX_STEPS,
    TEXT_MAX_BYTES,
    TooCostly,
)
from myproject.markdown.links import BARE_URL_MAX_LENGTH, URL_MAX_LENGTH
from myproject.markdown.references import Known
from myproject.markdown.render import PARSER, new_env, plain_paragraphs, render_markdown
from myproject.markdown.sanitiser import UNPRINTABLE, sanitise

REL = 'rel="nofollow ugc noopener"'

UNTIMED = settings(deadline=None)  # a busy machine is no failure


# What each feature gives


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a *b* **c** `d`", "<p>a <em>b</em> <strong>c</strong> <code>d</code></p>\n"),
        ("~~gone~~", "<p><s>gone</s></p>\n"),
        ("one\\\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("> quote", "<blockquote>\n<p>quote</p>\n</blockquote>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        ("---", "<hr>\n"),
        ("    code < 1", '<pre tabindex="0"><code>code &lt; 1\n</code></pre>\n'),
        ("1 < 2 & 3 > 2", "<p>1 &lt; 2 &amp; 3 &gt; 2</p>\n"),
        ("", ""),
    ],
)
def test_common_markdown_gives_plain_html(source: str, html: str) -> None:
    assert render_markdown(source) == html


def test_headings_begin_at_h3_and_end_at_h6() -> None:
    levels = re.findall(
        r"<h(\d)>", render_markdown("\n".join("#" * n + " a" for n in range(1, 7)) + "\n\nb\n==\n")
    )

    assert levels == ["3", "4", "5", "6", "6", "6", "3"]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("2 2", "3 3"),
        ("2 3 2", "3 4 3"),
        ("1 4 2 4", "3 4 4 5"),
        ("3 2 1", "3 3 3"),
        ("2 6 1 2", "3 4 3 4"),
    ],
)
def test_no_level_of_headings_is_left_out_on_the_way_down(typed: str, shown: str) -> None:
    source = "\n\n".join("#" * int(level) + " a" for level in typed.split())
    assert re.findall(r"<h(\d)>a</h\1>", render_markdown(source)) == shown.split()


@pytest.mark.parametrize(
    ("source", "href"),
    [
        ("[a](https://example.org/x?y=1&z=2#f)", "https://example.org/x?y=1&amp;z=2#f"),
        ('[a](http://example.org "a title")', "http://example.org"),
        ("[a](mailto:a@example.org)", "mailto:a@example.org"),
        ("[a](/posts/1/x/?page=2#comment-3)", "/posts/1/x/?page=2#comment-3"),
        ("[a][r]\n\n[r]: /about/", "/about/"),
    ],
)
def test_link_carries_rel_and_nothing_else(source: str, href: str) -> None:
    assert render_markdown(source) == f'<p><a href="{href}" {REL}>a</a></p>\n'


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "\\\\evil.example", "evil", "?q", "#f", "ftp://a.b", "https:evil"],
)
def test_link_elsewhere_than_web_mail_or_own_path_stays_text(target: str) -> None:
    assert "<a" not in render_markdown(f"[a]({target})")


def test_link_longer_than_the_limit_stays_text() -> None:
    assert "<a" in render_markdown(f"[a](/{'x' * (URL_MAX_LENGTH - 1)})")
    assert "<a" not in render_markdown(f"[a](/{'x' * URL_MAX_LENGTH})")


def test_link_without_target_is_its_text() -> None:
    assert render_markdown("[a]() b") == "<p>a b</p>\n"


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            "see https://example.org/a_b_c/__x__.",
            f'see <a href="https://example.org/a_b_c/__x__" {REL}>https://example.org/a_b_c/__x__</a>.',
        ),
        ("*http://example.org*", f'<em><a href="http://example.org" {REL}>http://example.org</a></em>'),
        ("(HTTPS://example.org)", f'(<a href="HTTPS://example.org" {REL}>HTTPS://example.org</a>)'),
        (
            "https://bücher.example",
            f'<a href="https://xn--bcher-kva.example" {REL}>https://bücher.example</a>',
        ),
    ],
)
def test_bare_address_becomes_a_link(source: str, html: str) -> None:
    assert render_markdown(source) == f"<p>{html}</p>\n"


@pytest.mark.parametrize(
    "source",
    [
        "notes.md and www.example.org",
        "ftp://example.org",
        "xhttp://example.org",
        "http://",
        "`http://example.org`",
    ],
)
def test_other_text_does_not_become_a_link(source: str) -> None:
    assert "<a" not in render_markdown(source)


def test_bare_address_of_absurd_length_or_brackets_stays_text() -> None:
    assert "<a" not in render_markdown("http://example.org/" + "a" * BARE_URL_MAX_LENGTH)
    assert "<a" not in render_markdown("http://example.org/" + "(a)" * 30)


def test_link_inside_a_link_is_not_made() -> None:
    assert render_markdown("[a https://b.example c](/x)").count("<a") == 1


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            '![a *cat*](https://example.org/cat.png "t")',
            f'<a href="https://example.org/cat.png" {REL}>a cat</a>',
        ),
        ("![](/static/x.png)", f'<a href="/static/x.png" {REL}>/static/x.png</a>'),
        ("[![a cat](https://t.example/c.png) b](/x)", f'<a href="/x" {REL}>a cat b</a>'),
        ("![a]() b", "a b"),
    ],
)
def test_image_becomes_a_link_with_its_alternative_text(source: str, html: str) -> None:
    assert render_markdown(source) == f"<p>{html}</p>\n"


def test_table_scrolls_and_is_named_by_its_head() -> None:
    html = render_markdown('| *Name* | "Age" & |\n|---|--:|\n| Ada | 36 |\n')

    assert html == (
        '<div class="table-scroll" tabindex="0" role="region" '
        'aria-label="Name, &quot;Age&quot; &amp;"><table>\n'
        '<thead>\n<tr>\n<th><em>Name</em></th>\n<th>"Age" &amp;</th>\n</tr>\n</thead>\n'
        "<tbody>\n<tr>\n<td>Ada</td>\n<td>36</td>\n</tr>\n</tbody>\n</table></div>\n"
    )


def test_table_without_words_in_its_head_is_no_region() -> None:
    assert '<div class="table-scroll" tabindex="0"><table>' in render_markdown("| | |\n|-|-|\n| a | b |\n")


@pytest.mark.parametrize("outer", ["|", ""])
def test_table_of_more_columns_than_people_read_stays_text(outer: str) -> None:
    def source(columns: int) -> str:
        return "\n".join(f"{outer}{'|'.join([cell] * columns)}{outer}" for cell in ("*a*", "-", "b"))

    widest = render_markdown(source(MAX_COLUMNS))
    assert (widest.count("<th>"), widest.count("<td>")) == (MAX_COLUMNS, MAX_COLUMNS)
    wider = render_markdown(source(MAX_COLUMNS + 1))
    assert "<table>" not in wider
    assert wider.count("<em>a</em>") == MAX_COLUMNS + 1


@pytest.mark.parametrize("marker", "*_~")
def test_run_of_more_markers_than_emphasis_nests_stays_text(marker: str) -> None:
    run = marker * (MAX_RUN + 1)
    assert render_markdown(f"a {run}b{run} {marker * 2}c{marker * 2}").startswith(f"<p>a {run}b{run} <")
    assert len(re.findall("<(?:strong|s)>", render_markdown(f"a {marker * 20}b{marker * 20}"))) == 10


def test_fenced_code_is_highlighted_by_classes() -> None:
    assert render_markdown('```python title="x"\nif "<b>":\n```') == (
        '<pre tabindex="0"><code class="highlight"><span class="k">if</span> '
        '<span class="s2">"&lt;b&gt;"</span><span class="p">:</span>\n</code></pre>\n'
    )


@pytest.mark.parametrize(
    "code",
    [
        "```nonsense\nif x:\n```",
        "```\nif x:\n```",
        "```python\n" + "x = 1\n" * (CODE_MAX_CHARACTERS // 6 + 1) + "```",
        "```python\n" + "x" * (CODE_LINE_MAX_CHARACTERS + 1) + "\n```",
        "```java\n" + "\n" * 200 + "x\n```",
    ],
    ids=["unknown language", "no language", "long", "long line", "blanks"],
)
def test_code_that_is_not_highlighted_is_plain(code: str) -> None:
    html = render_markdown(code)

    assert html.startswith('<pre tabindex="0"><code>')
    assert "<span" not in html


def test_highlighting_ends_where_all_code_together_is_long() -> None:
    block = "```python\n" + "x = 1\n" * 500 + "```\n\n"

    assert render_markdown(block * 5).count('class="highlight"') == 2


def test_every_highlighted_language_has_a_lexer() -> None:
    for language in LANGUAGES:
        assert 'class="highlight"' in render_markdown(f"```{language}\nx\n```")


def test_text_above_the_limit_of_bytes_is_refused() -> None:
    assert render_markdown("é" * (TEXT_MAX_BYTES // 2))
    with pytest.raises(ValueError, match="65536"):
        render_markdown("é" * (TEXT_MAX_BYTES // 2) + "a")


@pytest.mark.parametrize("source", ["a\x00b", "a\x0bb", "a\ud800b", "a\ufffeb", "a&#12;b", "a&#xD800;b", "a&#0;b"])
def test_characters_that_xml_cannot_hold_are_replaced(source: str) -> None:
    assert render_markdown(source) == "<p>a\ufffdb</p>\n"


def test_threads_share_the_renderer() -> None:
    sources = [
        f"# {n}\n\n[a](/x/{n}) ![b](/y/{n})\n\n|{n}|\n|-|\n\n```python\nx = {n}\n```\n" * 5 for n in range(40)
    ]
    expected = [render_markdown(source) for source in sources]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render_markdown, sources)) == expected


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_token_colours_have_contrast_on_light_and_dark_pages() -> None:
    pairs = re.findall(r"light-dark\((\S+), (\S+)\)", highlight_css())

    assert len(pairs) > 20
    for light, dark in pairs:
        assert light == "currentcolor" or min(contrast(light, "#ffffff"), contrast(light, "#f6f6f6")) >= 4.5
        assert dark == "currentcolor" or min(contrast(dark, "#000000"), contrast(dark, "#1c1c1c")) >= 4.5


def test_style_rules_name_the_classes_that_highlighting_gives() -> None:
    html = render_markdown('```python\n# c\ndef f(): return "s" + 1\n```')
    classes = set(re.findall(r'<span class="(\w+)">', html))

    assert {"c1", "k", "nf", "s2"} <= classes
    assert all(f".{name}" in highlight_css() for name in classes)


# Nothing harmful passes

VECTORS = [
    # raw HTML
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<IMG SRC=javascript:alert(1)>",
    "<img/src/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe>",
    "<object data=data:text/html;base64,PHNjcmlwdD4=></object>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<input autofocus onfocus=alert(1)>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<body onload=alert(1)>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=javascript:alert(1)//>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<p style=position:fixed id=login class=button data-x=1>x</p>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href=/x onclick=alert(1) target=_blank ping=//evil.example>x</a>",
    "<a href='//evil.example'>x</a>",
    "<xss onmouseover=alert(1) tabindex=1>x</xss>",
    "<template><script>alert(1)</script></template>",
    "<textarea></textarea><script>alert(1)</script>",
    "<title></title><img src=x onerror=alert(1)>",
    "<plaintext><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<<script>alert(1);//<</script>",
    "<img src='x' onerror\x0b=alert(1)>",
    "<img src=x\x00onerror=alert(1)>",
    # links
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](<java\tscript:alert(1)>)",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](javascript%3Aalert(1))",
    "[x](\\javascript:alert(1))",
    "[x](java\\script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](\u00a0javascript:alert(1))",
    "[x](&nbsp;javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](VBScript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](data:image/png;base64,iVBORw0KGgo=)",
    "[x](DATA:text/html,<script>alert(1)</script>)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.org/1)",
    "[x](view-source:javascript:alert(1))",
    "[x](feed:javascript:alert(1))",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "[x](/%09/evil.example)",
    '[x](https://example.org/"onmouseover="alert(1))',
    "[x](https://example.org/'onmouseover='alert(1))",
    '[x](/a "\\" onmouseover=alert(1) x=\\"")',
    "[x](/a '\"><img src=x onerror=alert(1)>')",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[x][r]\n\n[r]: <javascript:alert(1)> 'onerror=alert(1)'",
    "[r]\n\n[r]: data:text/html,x",
    "[<img src=x onerror=alert(1)>](/a)",
    "[x](/a)<script>alert(1)</script>",
    "<javascript:alert(1)>",
    "<JAVASCRIPT:alert(1)>",
    "<data:text/html,<script>alert(1)</script>>",
    "<vbscript:msgbox(1)>",
    "<https://example.org/onmouseover=alert(1)>",
    '<https://example.org/"onmouseover="alert(1)>',
    'https://example.org/"onmouseover="alert(1)',
    "https://example.org/<script>alert(1)</script>",
    "https://example.org/`<img src=x onerror=alert(1)>`",
    # images
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x](https://evil.example/track.png)",
    '![x](/a "onerror=alert(1)")',
    '!["onerror="alert(1)](x)',
    "![](http://10.0.0.1/x.png)",
    "![<script>alert(1)</script>](/a)",
    "![[x](javascript:alert(1))](/a)",
    "[![x](javascript:alert(1))](javascript:alert(1))",
    # code, tables, headings
    "```<script>alert(1)</script>\nx\n```",
    '```" onmouseover="alert(1)\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "```php\n<?php echo '<img src=x onerror=alert(1)>' ?>\n```",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    '| "onmouseover="alert(1) | <script> |\n|---|---|\n| <img src=x onerror=alert(1)> | b |\n',
    '| "><script>alert(1)</script> |\n|---|\n',
    "# <script>alert(1)</script> {#id onclick=alert(1)}",
    "> <script>\n> alert(1)\n> </script>",
    "- <style>\n- *{color:red}\n- </style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "*<script>*alert(1)*</script>*",
]

ATTRIBUTES = {
    "a": {"href", "rel", "id"},
    "img": {"src", "alt", "width", "height", "loading"},
    "li": {"class", "id"},
    "ol": {"class", "start"},
    "pre": {"tabindex"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class", "tabindex", "role", "aria-label"},
}
# fmt: off
ELEMENTS = {
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre",
    "s", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}
# fmt: on


class Harm(HTMLParser):
    """Collects what must not be in the HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, ()):
                self.found.append(f"{tag}[{name}]")
            # Browsers drop blanks and controls from addresses before they look for a scheme.
            if name == "href":
                target = re.sub(r"[\x00-\x20\x7f-\xa0]", "", value or "").lower()
                if not re.match(r"https?://|mailto:|/(?![/\\])|#note(ref)?-[0-9a-f]{8}-[0-9]+\Z", target):
                    self.found.append(f"{tag}[{name}={value}]")
            if name == "src" and not re.fullmatch(r"/images/[0-9a-f]{32}\.webp", value or ""):
                self.found.append(f"{tag}[{name}={value}]")
            if name == "id" and not re.fullmatch(r"note(ref)?-[0-9a-f]{8}-[0-9]+", value or ""):
                self.found.append(f"{tag}[{name}={value}]")
            classes = r"highlight|table-scroll|task|footnotes|[a-z][a-z0-9]{0,2}|"
            if name == "class" and not re.fullmatch(classes, value or ""):
                self.found.append(f"{tag}[{name}={value}]")
            if name == "rel" and value != "nofollow ugc noopener":
                self.found.append(f"{tag}[{name}={value}]")

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.found.append("processing instruction")


def test_there_are_vectors_enough_and_the_reader_sees_harm() -> None:
    assert len(set(VECTORS)) >= 60
    assert Harm("<p onclick=x><a href=' jAva&#9;script:x'>").found == [
        "p[onclick]",
        "a[href= jAva\tscript:x]",
    ]
    assert Harm("<svg/onload=x><!-- -->").found == ["<svg>", "svg[onload]", "comment"]


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_markdown_gives_harmless_html(vector: str) -> None:
    html = render_markdown(vector)

    assert Harm(html).found == []
    assert sanitise(html) == html


@pytest.mark.parametrize("vector", VECTORS)
def test_parser_alone_lets_no_element_through(vector: str) -> None:
    html = PARSER.render(UNPRINTABLE.sub("\ufffd", vector), new_env(vector))

    # The alignment of table cells and `rel` are the sanitiser's part.
    assert [harm for harm in Harm(html).found if "[style]" not in harm] == []


@pytest.mark.parametrize("vector", VECTORS)
def test_sanitiser_alone_lets_no_harm_through(vector: str) -> None:
    html = sanitise(vector)

    assert Harm(html).found == []
    assert sanitise(html) == html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ('<p id="a" class="b" data-c="d" style="e" title="f">x</p>', "<p>x</p>"),
        ('<pre tabindex="5" class="highlight">x</pre>', "<pre>x</pre>"),
        ('<div role="alert" class="table-scroll modal">x</div>', '<div class="table-scroll">x</div>'),
        ('<span class="k button">x</span>', '<span class="k">x</span>'),
        ('<a href="//evil.example" rel="follow">x</a>', f"<a {REL}>x</a>"),
        ("<img src=/x.png onerror=x>", "<img>"),
        ("<img src=//e.example/images/00.webp width=0 height=1e9 loading=eager>", "<img>"),
        ('<li id="content">x</li><a id="form" href="#form">x</a>', f"<li>x</li><a {REL}>x</a>"),
        ("<h1>x</h1>", "x"),
    ],
)
def test_sanitiser_keeps_only_what_the_renderer_makes(html: str, clean: str) -> None:
    assert sanitise(html) == clean


# Fragments that mean something to the parser, so that random texts reach its corners.
# fmt: off
FRAGMENTS = st.sampled_from([
    "[", "]", "(", ")", "![", "](", "](/x)", "*", "**", "_", "~~", "`", "```", "```python\n", "<", ">", "&",
    "&#", ";", "\\", "\n", "\n\n", "    ", "- ", "1. ", "> ", "# ", "|", "|-|\n", "\n---\n", "http://", "://",
    "a", "b ", '"', "'", ":", "@", "!", "=", "[a]: /x\n", "[a]", "~~~", "\t", "<a@b.cd>", "<script>", "\r",
    "[^a]", "[^a]: ", "- [x] ", "@ann", "![a](/images/00000000000000000000000000000000.webp)",
    "javascript:", "\x00", "&nbsp;", "&#13;", "\ud800", "\u2028", "<!--", "]]>", "é", "%", "\u202e",
])
# fmt: on
MARKDOWN = st.lists(FRAGMENTS | st.text(max_size=5), max_size=40).map("".join)


@UNTIMED
@given(st.text() | MARKDOWN)
@example("&#13;&#10;")
@example("![a](/x)" * 3)
def test_any_text_renders_to_harmless_html_that_sanitising_leaves_alone(source: str) -> None:
    html = render_markdown(source)

    assert Harm(html).found == []
    assert sanitise(html) == html


@UNTIMED
@given(st.text() | MARKDOWN)
@example("a&#13;b")
def test_any_html_is_sanitised_to_a_fixed_point(source: str) -> None:
    html = sanitise(source.encode("utf-8", "replace").decode())

    assert Harm(html).found == []
    assert sanitise(html) == html


# Task lists, footnotes, names and pictures


def test_items_that_begin_with_a_box_are_tasks() -> None:
    source = "- [ ] a\n- [x] **b**\n- [X] c\n- [x]\n- [x](/a) d\n- `[x] e`\n\n[ ] f"
    html = render_markdown(source)

    assert re.findall(r'<li class="task">(.*?)</li>', html) == ["☐ a", "☑ <strong>b</strong>", "☑ c"]
    assert len(re.findall("<li>", html)) == 3
    assert "<p>[ ] f</p>" in html


def test_footnotes_stand_below_the_text_and_lead_there_and_back() -> None:
    html = render_markdown(
        "One[^b], two[^a], one again[^b], none[^c].\n\n[^a]: The *a*.\n[^b]: The b.\n[^d]: Unused."
    )
    key = re.search(r"#note-(\w+)-1", html)
    assert key
    id_ = f"-{key[1]}-"

    assert html.count(f'<sup><a href="#note{id_}1"') == 2
    assert html.count(f'id="noteref{id_}1"') == 1
    assert f'<li id="note{id_}1"><p>The b. <a href="#noteref{id_}1" {REL}>' in html
    assert f'<li id="note{id_}2"><p>The <em>a</em>. <a href="#noteref{id_}2" {REL}>' in html
    assert "none[^c]" in html
    assert "Unused" not in html


def test_footnotes_of_two_texts_on_a_page_do_not_meet() -> None:
    def ids(source: str) -> set[str]:
        return set(re.findall(r'id="(.*?)"', render_markdown(source)))

    assert len(ids("a[^1]\n\n[^1]: x")) == 2
    assert not ids("a[^1]\n\n[^1]: x") & ids("b[^1]\n\n[^1]: y")


NOBODY = [
    "`@Ann`", "    @Ann", "[@Ann](/x)", "ann@Ann.org", "me.@Ann", "/@Ann", "https://x.example/@Ann", "\\@Ann",
    "@Ann@example.org", "@Anna", "@", "@-Ann", "<ann@Ann.org>", "![@Ann](https://x.example/a.png)", "@@Ann",
]  # fmt: skip


def look_up(members: Collection[str], images: Collection[str]) -> Known:
    here = {"Ann": "ann", "JOSÉ": "josé", "अदिति": "अदिति"}
    return Known({name: here[name] for name in members if name in here}, dict.fromkeys(images, (640, 480)))


def test_names_of_members_become_links_in_any_script_and_beside_any_mark() -> None:
    source = '@Ann, @JOSÉ\'s (@अदिति) **@Ann** _@Ann_ @Ann-\n@Nobody "@Ann"'
    html = render_markdown(source, look_up)

    assert re.findall(r'<a href="(.*?)" [^>]*>(.*?)</a>', html) == [
        ("/@ann/", "@Ann"),
        ("/@jos%C3%A9/", "@JOSÉ"),
        ("/@%E0%A4%85%E0%A4%A6%E0%A4%BF%E0%A4%A4%E0%A4%BF/", "@अदिति"),
        *[("/@ann/", "@Ann")] * 4,
    ]
    assert "@Nobody" in html


@pytest.mark.parametrize("source", NOBODY)
def test_code_addresses_and_links_name_nobody(source: str) -> None:
    assert "/@ann/" not in render_markdown(source, look_up)


def test_all_that_a_text_names_is_asked_for_once() -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def remember(members: Collection[str], images: Collection[str]) -> Known:
        asked.append((list(members), list(images)))
        return Known()

    names = [f"n{number}" for number in range(MAX_MENTIONS + 5)]
    render_markdown(" ".join(f"@{name}" for name in names) + f" @n1 ![](/images/{PICTURE}.webp)", remember)
    render_markdown("nobody", remember)
    assert asked == [(names[:MAX_MENTIONS], [PICTURE])]


PICTURE = "0123456789abcdef" * 2


def test_picture_of_ours_is_shown_with_its_size_and_alternative_text() -> None:
    shown = f'<img src="/images/{PICTURE}.webp" alt="a &quot;cat" width="640" height="480" loading="lazy">'

    assert render_markdown(f'![a *"cat*](/images/{PICTURE}.webp "t")', look_up) == f"<p>{shown}</p>\n"
    within = render_markdown(f'[![a "cat](/images/{PICTURE}.webp)](/x)', look_up)
    assert within == f'<p><a href="/x" {REL}>{shown}</a></p>\n'


@pytest.mark.parametrize(
    "target",
    [f"https://evil.example/images/{PICTURE}.webp", f"/images/{PICTURE}.png", f"/images/../{PICTURE}.webp"],
)
def test_picture_from_elsewhere_is_never_shown(target: str) -> None:
    assert "<img" not in render_markdown(f"![x]({target})", look_up)


def test_picture_that_is_gone_is_a_link() -> None:
    assert "<img" not in render_markdown(f"![x](/images/{PICTURE}.webp)")


# The cost is bounded


def fill(unit: str, size: int = TEXT_MAX_BYTES) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def wide_table(columns: int, rows: str) -> str:
    return f"|{'a|' * columns}\n|{'-|' * columns}\n{rows}"


COSTLY = {
    "open images": fill("!["),
    "open links": fill("["),
    "open links and emphasis": fill("[**a "),
    "nested links": "[" * 8000 + "a" + "](/x)" * 8000,
    "nested images": "![" * 8000 + "a" + "](/x)" * 8000,
    "links without end": fill("[a]("),
    "reference without end": fill("[a\n"),
    "many references": fill("[a][b"),
    "long reference used often": "[a]: http://x.example/" + "y" * 1900 + "\n\n" + fill("[a] ", 20_000),
    "emphasis runs": fill("*a_ "),
    "emphasis inside words": fill("a**b"),
    "alternating emphasis": fill("*_"),
    "nested emphasis": "*a " * 1000 + "b*" * 1000,
    "strikethrough": fill("~~a "),
    "strong emphasis": fill("***a "),
    "runs of emphasis": fill("*" * MAX_RUN + "a "),
    "headings": fill("# a\n"),
    "headings by their line": fill("a\n=\n"),
    "paragraphs": fill("a\n\n"),
    "addresses in brackets": fill("<http://a.b>"),
    "mail addresses in brackets": fill("<a@b.cd>"),
    "lazy quote": "> " * 20 + "a\n" + fill("b\n", 50_000),
    "quotes in lists": fill("> - > - a\n"),
    "list of short lines": fill("- a\n"),
    "table of empty cells": wide_table(MAX_COLUMNS, fill("x\n", 60_000)),
    "long table": "a|b\n-|-\n" + fill("a|b\n", 65_000),
    "addresses without host": fill("http://["),
    "autolinks without end": fill("<http://"),
    "short addresses": fill("http://a "),
    "entities": fill("&"),
    "declarations": fill("<![CDATA["),
    "escapes": fill("\\*"),
    "lines": fill("a\n"),
    "references to a note": "[^a]: x\n\n" + fill("[^a]", 65_000),
    "open references to notes": "[^a]: x\n\n" + fill("[^", 65_000),
    "notes": "".join(f"[^{n}]: x\n" for n in range(6_000)),
    "notes in lists": fill("- [^a]: b\n"),
    "blocks of a note": "[^a]\n\n[^a]: x\n" + fill("    y\n\n", 65_000),
    "tasks": fill("- [ ] a\n"),
    "tasks in tasks": fill("- [ ] "),
    "names": fill("@ann "),
}


@pytest.mark.parametrize("source", COSTLY.values(), ids=COSTLY.keys())
def test_text_made_to_be_slow_is_shown_as_plain_paragraphs(source: str) -> None:
    assert render_markdown(source) == sanitise(plain_paragraphs(source))


@pytest.mark.parametrize("source", COSTLY.values(), ids=COSTLY.keys())
def test_parser_gives_up_soon_after_its_limit_of_steps(source: str) -> None:
    env = new_env(source)
    with pytest.raises(TooCostly):
        PARSER.render(source, env)

    assert env["steps"] <= MAX_STEPS + MAX_RUN


CHEAP = {
    "backticks": fill("`"),
    "growing backticks": "".join("a" + "`" * n for n in range(1, 361)),
    "one address of brackets": "http://example.org/" + fill("(", 60_000),
    "nested quotes": fill(">"),
    "nested lists": "".join("  " * n + "- a\n" for n in range(250)),
    "stars": fill("*"),
    "stars after a word": "a" + fill("*", 60_000),
    "stars around a word": fill("*", 30_000) + "a" + fill("*", 30_000),
    "waves": "a" + fill("~", 60_000),
    "wide table": wide_table(8_000, fill("|x", 30_000)),
    "wide table of empty cells": wide_table(8_000, fill("x\n", 1_000)),
    "one word": fill("a"),
    "blanks": fill(" "),
    "line ends": fill("\n"),
    "pipes": fill("|"),
    "fences": "\n".join("`" * n for n in range(360, 3, -1)),
    "code of brackets": "```\n" + fill('{"a": [1, 2, "_x_"], "b*": `c` },\n', 60_000) + "\n```\n",
}


@pytest.mark.parametrize("source", CHEAP.values(), ids=CHEAP.keys())
def test_odd_but_cheap_text_needs_few_steps(source: str) -> None:
    env = new_env(source)
    tokens = PARSER.parse(source, env)

    assert env["steps"] <= MAX_STEPS
    assert len(tokens) <= MAX_BLOCK_TOKENS


@UNTIMED
@given(st.lists(FRAGMENTS, min_size=1, max_size=4).map("".join))
def test_no_repetition_nests_elements_without_limit(unit: str) -> None:
    depth = deepest = 0
    for closing, name in re.findall(r"<(/?)(\w+)", render_markdown(fill(unit, 2000))):
        if name not in ("br", "hr"):
            depth += -1 if closing else 1
            deepest = max(deepest, depth)

    # Blocks and the text inside them are limited each by itself; a table's cell stands five deeper.
    assert deepest <= 2 * MAX_NESTING + 6


def test_long_text_of_a_person_keeps_its_markdown() -> None:
    chapter = (
        "## A chapter\n\n"
        + "Some *words* with a [link](https://example.org/page) and `code`, and more words to fill the line. " * 8
        + "\n\n- one\n- two\n\n> a quote\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    )
    html = render_markdown(chapter * (TEXT_MAX_BYTES // len(chapter)))

    assert html.count("<h3>") == html.count("<table>") == TEXT_MAX_BYTES // len(chapter)


def test_plain_paragraphs_keep_words_and_line_ends() -> None:
    assert plain_paragraphs("a <b>\r\nc\n \n\nd *e*\n") == "<p>a &lt;b&gt;<br>c</p>\n<p>d *e*</p>\n"
