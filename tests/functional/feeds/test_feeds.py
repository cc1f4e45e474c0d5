"""What programs read: feeds, source, site map, linked data, and the files that crawlers ask for by name."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.services.hiding import hide_comment
from myproject.comments.services.writing import edit_comment
from myproject.db import utc_now
from myproject.feeds import constants as FEED
from myproject.posts.models import Post, Tag
from myproject.posts.services.writing import edit_post, render
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in

ATOM = {"a": "http://www.w3.org/2005/Atom"}
MAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture
def ada(db: Session) -> User:
    return make_user(db, "ada")


@pytest.fixture
def post(db: Session, ada: User) -> Post:
    body = 'Some **text**, [a page](/rules/) & `<a href="/x">`'
    return make_post(db, ada, "How to <keep> bees", body=body, tags=["garden"])


def entries_of(client: Client, address: str) -> list[ElementTree.Element]:
    answer = client.get(address)
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ElementTree.fromstring(answer.body).findall("a:entry", ATOM)


def titles_of(client: Client, address: str) -> list[str | None]:
    return [entry.findtext("a:title", None, ATOM) for entry in entries_of(client, address)]


def test_each_feed_holds_what_the_page_it_mirrors_shows_and_that_page_names_it(
    client: Client, db: Session, ada: User, post: Post
) -> None:
    make_post(db, make_user(db, "bob"), "Wasps")
    make_post(db, ada, "A draft", tags=["garden"], publish=False)
    make_comment(db, post, ada, "A word about honey")
    hide_comment(db, make_comment(db, post, ada, "A word about spam"), COMMENT.HiddenFor.REPORTS)
    pages = {
        "/": ("/feed.atom", ["Wasps", "How to <keep> bees"]),
        "/@ada/": ("/@ada/feed.atom", ["How to <keep> bees"]),
        f"/posts/{post.id}/{post.slug}/": (f"/posts/{post.id}/feed.atom", ["Comment on How to <keep> bees"]),
        "/@ada/comments/": ("/@ada/comments/feed.atom", ["Comment on How to <keep> bees"]),
        "/search/?q=honey": ("/search/feed.atom?q=honey", ["Comment on How to <keep> bees"]),
    }
    for page, (feed, titles) in pages.items():
        link = client.get(page).html.select_one("link[rel=alternate][type='application/atom+xml']")
        assert link is not None
        assert link["href"] == feed
        assert titles_of(client, feed) == titles
        root = ElementTree.fromstring(client.get(feed).body)
        links = {each.get("rel"): each.get("href") for each in root.findall("a:link", ATOM)}
        assert links == {"self": f"http://localhost{feed}", "alternate": f"http://localhost{page}"}
    assert titles_of(client, "/tags/garden/feed.atom") == ["How to <keep> bees"]
    garden = db.scalar(sa.select(Tag.id).where(Tag.name == "garden"))
    db.add(Tag(name="plot", synonym_of_id=garden))
    for other in ("plot", "GARDEN"):
        moved = client.get(f"/tags/{other}/feed.atom", status=301)
        assert moved.location.endswith("/tags/garden/feed.atom")


def test_a_comment_that_was_changed_is_changed_where_those_of_its_author_are(
    client: Client, db: Session, ada: User, post: Post
) -> None:
    comment = make_comment(db, post, ada, "A word about honey")
    addresses = ("/@ada/comments/", "/@ada/comments/feed.atom")
    assert all("honey" in client.get(address) for address in addresses)
    edit_comment(db, comment.id, comment.version, "A word about wax", "<p>A word about wax</p>")
    assert all("wax" in client.get(address) for address in addresses)


def test_entry_has_the_full_text_with_addresses_that_hold_elsewhere_and_a_name_that_stays(
    client: Client, db: Session, post: Post
) -> None:
    (entry,) = entries_of(client, "/feed.atom")
    name = entry.findtext("a:id", None, ATOM)
    content = entry.find("a:content", ATOM)
    assert content is not None
    assert content.get("type") == "html"
    assert '<a href="http://localhost/rules/"' in (content.text or "")
    assert "&lt;a href=" in (content.text or "")
    assert "http://localhost/x" not in (content.text or "")
    author = entry.find("a:author/a:uri", ATOM)
    assert author is not None
    assert author.text == "http://localhost/@ada/"
    edit_post(db, post.id, post.version, render("Another title", "Other text", ()))
    (again,) = entries_of(client, "/feed.atom")
    assert again.findtext("a:id", None, ATOM) == name
    assert again.findtext("a:title", None, ATOM) == "Another title"


def test_feeds_and_the_map_hold_nothing_that_not_everybody_may_see(
    client: Client, db: Session, ada: User, post: Post
) -> None:
    comment = make_comment(db, post, ada, "honey")
    comment.status, comment.removed_at = COMMENT.Status.REMOVED, utc_now()
    draft = make_post(db, ada, "A draft", tags=["garden"], publish=False)
    sign_in(client, ada)
    assert titles_of(client, f"/posts/{post.id}/feed.atom") == []
    assert titles_of(client, "/search/feed.atom?q=honey") == []
    for feed in ("/feed.atom", "/@ada/feed.atom", "/tags/garden/feed.atom"):
        assert titles_of(client, feed) == ["How to <keep> bees"]
    assert f"/posts/{draft.id}/" not in client.get("/sitemaps/0.xml")
    client.get(f"/posts/{draft.id}/feed.atom", status=404)
    client.get("/tags/no-such/feed.atom", status=404)
    client.get("/search/feed.atom", status=404)


def test_any_text_makes_a_feed_that_is_well_formed(client: Client, db: Session, ada: User) -> None:
    odd = "\x01\x0b\x1f \ufffe ]]> &amp; <![CDATA[ \u2028 \U0001f41d"
    db.add(make_post(db, ada, odd, body=odd))
    db.flush()
    db.execute(sa.update(User).where(User.id == ada.id).values(display_name=odd))
    (entry,) = entries_of(client, "/feed.atom")
    assert "]]> &amp; <![CDATA[" in (entry.findtext("a:title", "", ATOM))
    assert client.get("/sitemaps/0.xml").status_int == 200
    entries_of(client, "/search/feed.atom?q=" + quote("\x01\x0b bee \ufffe"))


def test_reader_that_has_the_feed_is_told_so_and_no_cookie_is_set(
    client: Client, db: Session, ada: User, post: Post, make_client: Callable[..., Client]
) -> None:
    member = make_client()
    sign_in(member, ada)
    found = "/search/feed.atom?q=bees"
    for reader in (client, member):
        for feed in ("/feed.atom", found):
            first = reader.get(feed)
            assert "Set-Cookie" not in first.headers
            for header, known in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
                again = reader.get(feed, headers={header: first.headers[known]}, status=304)
                assert again.body == b""
    make_post(db, ada, "News of bees")
    for feed in ("/feed.atom", found):
        assert titles_of(client, feed)[0] == "News of bees"


def test_feed_of_a_search_counts_as_the_search_it_is(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_search_address="2 per minute"))
    client.get("/search/?q=bees")
    client.get("/search/feed.atom?q=honey")
    assert int(client.get("/search/feed.atom?q=wax", status=429).headers["Retry-After"]) > 0


def test_source_is_the_markdown_as_it_was_written(client: Client, post: Post) -> None:
    answer = client.get(f"/posts/{post.id}/source.md")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == f"# How to <keep> bees\n\n{post.body}\n"
    assert f"/posts/{post.id}/source.md" in client.get(f"/posts/{post.id}/{post.slug}/")


def test_a_post_stands_as_json_beside_its_markdown_with_when_and_by_whom_it_was_written(
    client: Client, db: Session, ada: User, post: Post
) -> None:
    make_comment(db, post, ada, "A word")
    link = client.get(f"/posts/{post.id}/{post.slug}/").html.select_one("link[type='application/json']")
    assert link is not None
    assert (link["rel"], link["href"]) == (["alternate"], f"/posts/{post.id}/source.json")
    answer = client.get(link["href"])
    published = (post.published_at or utc_now()).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = f"http://localhost/posts/{post.id}/{post.slug}/"
    assert answer.headers["Link"] == f'<{address}>; rel="canonical"'
    html = answer.json["body_html"]
    assert '<a href="http://localhost/rules/"' in html
    assert answer.json == {
        "id": post.id,
        "url": address,
        "title": "How to <keep> bees",
        "link_url": None,
        "author": {"name": "ada", "display_name": "ada", "url": "http://localhost/@ada/"},
        "tags": ["garden"],
        "published_at": published,
        "edited_at": None,
        "comment_count": 1,
        "body_markdown": post.body,
        "body_html": html,
    }
    client.get(link["href"], headers={"If-None-Match": answer.headers["ETag"]}, status=304)
    edit_post(db, post.id, post.version, render("Another title", "Other text", ()))
    again = client.get(link["href"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.json["title"], again.json["body_markdown"]) == ("Another title", "Other text")
    assert again.json["edited_at"] is not None


def test_search_engines_are_told_of_a_post_and_its_comments_and_no_text_ends_the_script(
    client: Client, db: Session, ada: User
) -> None:
    post = make_post(db, ada, "</script><script>alert(1)</script>", body="x\u2028y")
    make_comment(db, post, ada, "`</script><!--` & more")
    removed = make_comment(db, post, ada, "gone")
    make_comment(db, post, ada, "an answer", removed)
    removed.status, removed.removed_at = COMMENT.Status.REMOVED, utc_now()
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    (script,) = page.html.select("script[type='application/ld+json']")
    data = json.loads(script.string or "")
    assert data["@type"] == "DiscussionForumPosting"
    assert data["headline"] == "</script><script>alert(1)</script>"
    assert data["url"] == f"http://localhost/posts/{post.id}/{post.slug}/"
    assert [comment["text"] for comment in data["comment"]] == ["</script><!-- & more", "an answer"]
    properties = {each["property"]: each["content"] for each in page.html.select("meta[property]")}
    assert properties["og:title"] == post.title
    assert properties["og:url"] == data["url"]
    draft = make_post(db, ada, "A draft", publish=False)
    sign_in(client, ada)
    assert not client.get(f"/posts/{draft.id}/{draft.slug}/").html.select("meta[property], script:not([src])")


def test_map_leads_to_every_post_in_parts(
    client: Client, db: Session, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FEED, "SITEMAP_PART", 2)
    posts = [make_post(db, ada, f"Post {number}") for number in range(5)]
    index = ElementTree.fromstring(client.get("/sitemap.xml").body)
    parts = [str(each.text) for each in index.findall("s:sitemap/s:loc", MAP)]
    found = []
    for part in parts:
        root = ElementTree.fromstring(client.get(part.removeprefix("http://localhost")).body)
        found += [each.text for each in root.findall("s:url/s:loc", MAP)]
    assert found == ["http://localhost/"] + [f"http://localhost/posts/{post.id}/{post.slug}/" for post in posts]
    client.get(f"/sitemaps/{len(parts)}.xml", status=404)


def test_crawlers_that_train_models_are_kept_out_unless_the_site_lets_them_in(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    shut = make_client().get("/robots.txt").text
    assert "Content-Signal: search=yes, ai-train=no" in shut
    assert "User-agent: GPTBot\n" in shut
    assert "\nDisallow: /\n" in shut
    assert "Sitemap: http://localhost/sitemap.xml" in shut
    allowed = make_client(make_app(site_allow_training=True)).get("/robots.txt").text
    assert "ai-train=yes" in allowed
    assert "GPTBot" not in allowed
    assert "\nDisallow: /\n" not in allowed


def test_security_txt_names_the_contact_and_an_end_within_a_year(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_app(site_security_contact="security@example.org"))
    fields = dict(line.split(": ", 1) for line in client.get("/.well-known/security.txt").text.splitlines())
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == "http://localhost/.well-known/security.txt"
    expires = datetime.fromisoformat(fields["Expires"])
    assert 0 < (expires - datetime.now(UTC)).days < 365


def test_manifest_and_favicon_show_the_picture_of_the_site(client: Client) -> None:
    manifest = client.get("/manifest.webmanifest")
    assert manifest.content_type == "application/manifest+json"
    assert client.get(manifest.json["icons"][0]["src"]).content_type == "image/svg+xml"
    assert client.get("/favicon.ico").follow().content_type == "image/svg+xml"
