"""Search: what is found by which words, in what order, and what is never found."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_from_bytes, urlencode

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.cli.main import main
from myproject.comments import constants as COMMENT
from myproject.comments.services.hiding import hide_comments_of, show_comments_of
from myproject.comments.services.writing import edit_comment
from myproject.db import sessions_of, utc_now
from myproject.personal_data import parts_of
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag
from myproject.posts.services.tags import edit_tag
from myproject.posts.services.writing import edit_post, render
from myproject.search import constants as SEARCH
from myproject.search.models import SearchEntry
from myproject.search.services.finding import MATCHING, matching_in_postgresql, search
from myproject.search.services.indexing import forget_purged
from myproject.search.services.queries import parse_query
from myproject.users.models import User
from myproject.users.services.export import person_of
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in


@pytest.fixture
def ada(db: Session) -> User:
    return make_user(db, "ada")


def found(db: Session, text: str) -> list[str]:
    """The titles of what is found, in order; of comments with `re: ` before."""
    return [f"{'re: ' * bool(row.comment_id)}{row.title}" for row in search(db, parse_query(text)).rows]


KEEP, WASPS, ANSWER = "How to keep bees", "Wasps", "re: Wasps"
ASKED: dict[str, Iterable[str]] = {
    "bees": (KEEP, ANSWER, WASPS),
    "BEE": (KEEP, ANSWER, WASPS),
    "keep bees how": (KEEP,),
    '"keep bees"': (KEEP,),
    '"bees keep"': (),
    '"bee"': (KEEP,),
    # No phrase goes from the title on into the text.
    '"bees a queen"': (),
    "bees -wasps": (KEEP, ANSWER),
    'bees -"queen bee"': (ANSWER, WASPS),
    "author:ada": (ANSWER, KEEP),
    "author:@ADA wasps": (),
    "bees author:bob": (WASPS,),
    "bees -author:ada": (WASPS,),
    "author:nobody": (),
    "tag:garden": (KEEP,),
    "tag:#Garden -tag:hive": (KEEP,),
    "bees -tag:garden": (ANSWER, WASPS),
    "before:2020": (),
    "after:2020 -bees": (),
    "after:2020-02-03 wasps": (WASPS,),
    "-after:2020": (),
    "tower": (),
    "東京": (KEEP,),
    "タワー": (KEEP,),
    "京東": (),
    "cafe": (KEEP,),
    "ＣＡＦÉ": (KEEP,),
    "o'hara": (WASPS,),
    "हिन्दी": (WASPS,),
    "मौसम": (),
    '"': (),
    "- -- : author: tag: before: after:-1": (),
}


def test_words_phrases_and_filters_find_what_has_them_titles_first_then_latest(db: Session, ada: User) -> None:
    make_post(db, ada, KEEP, body="A queen bee, 東京タワー, cafés", tags=["garden"])
    wasps = make_post(db, make_user(db, "bob"), WASPS, body="Bees fear what O'Hara calls हिन्दी")
    make_comment(db, wasps, ada, "These bees of *mine* sting")
    assert {text: found(db, text) for text in ASKED} == {text: list(titles) for text, titles in ASKED.items()}


def test_what_is_not_in_the_open_is_not_found_and_found_again_once_it_is(db: Session, ada: User) -> None:
    post = make_post(db, ada, "About bees")
    comment = make_comment(db, post, ada, "More bees")
    make_post(db, ada, "A draft of bees", publish=False)
    comment.status, comment.removed_at = COMMENT.Status.REMOVED, utc_now()
    db.flush()
    assert found(db, "bees") == ["About bees"]
    comment.status, comment.removed_at = COMMENT.Status.PUBLISHED, None
    post.status = POST.Status.WAITING
    db.flush()
    assert found(db, "bees") == []
    post.status = POST.Status.PUBLISHED
    db.flush()
    assert found(db, "bees") == ["About bees", "re: About bees"]


def test_a_comment_that_was_changed_while_a_ban_hid_it_is_found_by_its_new_words_afterwards(
    db: Session, ada: User
) -> None:
    comment = make_comment(db, make_post(db, ada, "About bees"), ada, "My number is 4711")
    db.flush()
    hide_comments_of(db, ada.id)
    said = "My number is secret"
    edit_comment(db, comment.id, comment.version, said, f"<p>{said}</p>", editor=COMMAND_LINE, reason="Private")
    db.flush()
    assert (found(db, "4711"), found(db, "secret")) == ([], [])
    show_comments_of(db, ada.id)
    assert (found(db, "4711"), found(db, "secret")) == ([], ["re: About bees"])


def test_index_changes_with_the_text_and_not_at_all_where_that_is_undone(db: Session, ada: User) -> None:
    post = make_post(db, ada, "About bees", body="honey")
    db.commit()
    edit_post(db, post.id, post.version, render("About wasps", "sugar", ()))
    db.flush()
    assert (found(db, "honey"), found(db, "sugar")) == ([], ["About wasps"])
    db.rollback()
    assert (found(db, "honey"), found(db, "sugar")) == (["About bees"], [])


def test_no_word_of_what_is_gone_stays_in_the_index(db: Session, ada: User) -> None:
    eve = make_user(db, "eve")
    post = make_post(db, ada, "About bees")
    comment = make_comment(db, post, eve, "secret")
    make_comment(db, post, ada, "an answer", comment)
    person = person_of(eve)
    for part in reversed(parts_of(db.info["registry"])):
        part.erase(db, person, True)
    assert db.scalar(sa.select(sa.func.count(SearchEntry.id))) == 2
    db.delete(post)
    db.flush()
    assert db.scalar(sa.select(sa.func.count(SearchEntry.id))) == 0
    if db.get_bind().dialect.name == "sqlite":
        # Raises an error where the index and its table differ.
        db.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('integrity-check')"))
        assert not db.scalar(sa.text("SELECT count(*) FROM search_index WHERE search_index MATCH 'secret'"))


def test_words_of_what_was_purged_in_bulk_are_forgotten(db: Session, ada: User) -> None:
    post = make_post(db, ada, "About bees")
    make_comment(db, post, ada, "bees")
    emptied = {"status": POST.Status.REMOVED, "removed_at": utc_now(), "body": ""}
    db.execute(sa.update(Post).values(emptied))
    forget_purged(db)
    assert db.scalars(sa.select(SearchEntry.post_id)).all() == [None]


def test_pages_go_on_where_the_one_before_ended_whatever_comes_meanwhile(
    client: Client, db: Session, ada: User
) -> None:
    titles = [f"Bees {number}" for number in range(SEARCH.PAGE_SIZE - 5)]
    for title in titles:
        make_post(db, ada, title, body="x")
    rest = [f"Other {number}" for number in range(10)]
    for title in rest:
        make_post(db, ada, title, body="bees")
    first = client.get("/search/", {"q": "bees"})
    make_post(db, ada, "Later bees")
    second = first.click("More results")
    shown = [heading.get_text() for page in (first, second) for heading in page.html.select(".results h2")]
    assert shown == titles[::-1] + rest[::-1]
    assert len(second.html.select(".results h2")) == 5
    assert "More results" not in second
    assert "Nothing was found" in client.get("/search/", {"q": "bees", "after": "2-1"})


def test_a_page_looks_at_so_many_matches_only_and_leads_on(
    client: Client, db: Session, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SEARCH, "CANDIDATES", 2)
    monkeypatch.setattr(SEARCH, "ROUNDS", 2)
    make_post(db, ada, "The first bees", tags=["old"])
    for number in range(5):
        make_post(db, ada, f"Bees {number}")
    first = search(db, parse_query("bees tag:old"))
    assert list(first.rows) == []
    assert first.next_cursor is not None
    page = client.get("/search/", {"q": "bees tag:old"})
    assert "Nothing was found" not in page
    assert "More results" in page.html.select_one(".pager").get_text()
    second = search(db, parse_query("bees tag:old"), first.next_cursor)
    assert [row.title for row in second.rows] == ["The first bees"]


def test_a_page_of_a_time_long_ago_is_full_however_much_matched_since(
    db: Session, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WINDOW": 4, "CANDIDATES": 8, "PAGE_SIZE": 1, "ROUNDS": 2}.items():
        monkeypatch.setattr(SEARCH, name, value)
    monkeypatch.setitem(MATCHING, "postgresql", matching_in_postgresql())
    # All of one year, which is all that the index knows of a time.
    for number in range(12):
        make_post(db, ada, f"Bees {number}").published_at = datetime(2025, 1 if number < 2 else 2, 1, tzinfo=UTC)
    db.flush()
    query = parse_query("bees before:2025-01-15")
    first = search(db, query)
    assert [row.title for row in first.rows] == ["Bees 1"]
    assert [row.title for row in search(db, query, first.next_cursor).rows] == ["Bees 0"]


def test_result_shows_the_piece_of_the_text_with_the_words_marked_and_all_else_escaped(
    client: Client, db: Session, ada: User
) -> None:
    make_post(
        db,
        ada,
        "A <b>bee</b> & more",
        body="word " * 500 + "`<script>` *Bees* sting; queen bees too" + " word" * 500,
    )
    page = client.get("/search/", {"q": 'bee "queen bees"'})
    assert "A &lt;b&gt;<mark>bee</mark>&lt;/b&gt; &amp; more" in page
    assert "word &lt;script&gt; <mark>Bees</mark> sting; <mark>queen bees</mark> too word" in page
    (excerpt,) = (each.get_text() for each in page.html.select(".results p"))
    assert len(excerpt) <= SEARCH.EXCERPT_MAX_LENGTH + 2
    assert excerpt[0] == excerpt[-1] == "…"


def test_who_searches_too_often_is_told_when_to_come_back(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_search_address="2 per minute"))
    for number in range(2):
        client.get("/search/", {"q": f"word{number}"})
    assert int(client.get("/search/", {"q": "one more"}, status=429).headers["Retry-After"]) > 0
    client.get("/search/")


def test_reindex_finds_what_was_written_past_the_site(
    write_ini: Callable[..., Path], db: Session, ada: User
) -> None:
    post = make_post(db, ada, "About bees")
    make_comment(db, post, ada, "bees")
    db.execute(sa.delete(SearchEntry))
    db.execute(sa.update(Post).values(published_at=utc_now() - timedelta(days=800)))
    db.commit()
    ini = write_ini()
    for option in ("--anew", None):
        arguments = ["--config", str(ini), "reindex", *([option] if option else [])]
        result = CliRunner().invoke(main, arguments)
        assert "Indexed 2 posts and comments" in result.output
        assert found(db, "bees") == ["About bees", "re: About bees"]
        # Its session would hold the lock of SQLite.
        db.commit()
    last_year = utc_now().year - 1
    assert found(db, f"bees before:{last_year}") == ["About bees"]


PIECES = (
    "bees",
    "author:",
    "tag:",
    "before:",
    "after:",
    "-",
    '"',
    "'",
    "(",
    ")",
    "*",
    ":",
    "^",
    "&",
    "|",
    "!",
    "\\",
    " ",
)
PIECES += (
    "NEAR",
    "AND",
    "NOT",
    "OR",
    "2026",
    "9999-12-31",
    "0001",
    "ada",
    "%",
    "=every",
    "東",
    "\u0301",
    "½",
    "ﷺ",
    "\ud800",
)
ANY_QUERY = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))


def test_no_query_is_an_error(client: Client, db: Session, ada: User) -> None:
    make_post(db, ada, "About bees", body="東京 ½ ﷺ = every")
    db.commit()

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        ANY_QUERY,
        st.one_of(st.none(), st.text(max_size=10), st.sampled_from(["0-1", "1-999999999999999999", "1-0"])),
    )
    def ask(text: str, cursor: str | None) -> None:
        sent = quote_from_bytes(text.encode(errors="surrogatepass"))
        after = "" if cursor is None else "&" + urlencode({"after": cursor.encode(errors="surrogatepass")})
        client.get(f"/search/?q={sent}{after}", status=200)

    ask()
    for sent in ("%22" * 1000, "a" * 10_000, "%00abc", "%ff", "&%ff=%00", "bees&after=%ff"):
        client.get(f"/search/?q={sent}", status=200)
    assert "About bees" in client.get("/search/?q=bees%00%ff").html.find(class_="results").get_text()
    page = client.get("/search/", {"q": "word " * 700})
    assert f"Only the first {SEARCH.TERMS_MAX} words were searched for." in page


def test_a_synonym_finds_what_its_tag_finds(db: Session, ada: User) -> None:
    make_post(db, ada, KEEP, tags=["garden"])
    make_post(db, ada, WASPS, tags=["gardening"])
    garden, other = (db.scalars(sa.select(Tag).where(Tag.name == name)).one() for name in ("garden", "gardening"))
    edit_tag(db, COMMAND_LINE, other.id, name="gardening", description="", retired=False, synonym_of=garden.name)
    assert found(db, "tag:gardening") == found(db, "tag:garden") == [WASPS, KEEP]
    assert found(db, "bees -tag:gardening") == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_takes_the_database_too_long_is_said_beside_the_field(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(sqlalchemy_pool_size=2)
    client = make_client(app)
    db.commit()
    monkeypatch.setattr(SEARCH, "STATEMENT_MILLISECONDS", 50)
    sign_in(client, ada)
    with sessions_of(app.registry).writing() as other:
        other.execute(sa.text("LOCK TABLE search_entries"))
        page = client.get("/search/", {"q": "bees"}, status=422)
        assert client.get("/search/feed.atom", {"q": "bees"}, status=503).headers["Retry-After"]
    assert "Add another word" in page.html.find(id="search-error").get_text()
    assert page.html.find(id="q")["value"] == "bees"


def test_a_search_takes_few_statements_and_a_second_one_of_a_guest_none(
    client: Client, db: Session, ada: User, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    make_post(db, ada, "About bees", body="word")
    db.commit()
    with query_counter() as statements:
        client.get("/search/?q=bees+author:ada")
    assert len([each for each in statements if not each.startswith("SET")]) <= 4
    with query_counter() as statements:
        client.get("/search/?q=bees+author:ada")
    assert statements == []
