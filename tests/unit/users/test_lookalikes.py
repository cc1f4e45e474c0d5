"""Names that look the same, and names that nobody writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users.services.lookalikes import is_like_reserved, mixes_scripts, skeleton

CYRILLIC_A = "\N{CYRILLIC SMALL LETTER A}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lris", "Iris"),
        ("1ris", "Iris"),
        ("bob", "b0b"),
        ("BOB", "b0b"),
        ("mark", "rnark"),
        ("paypal", "paypaI"),
        ("ann", f"{CYRILLIC_A}nn"),
        ("ANN", "\N{GREEK CAPITAL LETTER ALPHA}\N{GREEK CAPITAL LETTER NU}\N{GREEK CAPITAL LETTER NU}"),
        ("scope", "ѕсоре"),
        ("ann3", "ann\N{ARABIC-INDIC DIGIT THREE}"),
        ("ann", "a\N{VARIATION SELECTOR-16}nn"),
        ("ann", "\N{FULLWIDTH LATIN SMALL LETTER A}nn"),
        # A dot above what has one shows nothing.
        ("iris", "i\u0307ri\u0307s"),
        ("jon", "j\u0307on"),
        ("iris", "\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}\u0307ris"),
        ("\u1ecbris", "i\u0323\u0307ris"),
        ("iris", "\u0130ris"),
        *((f"{letter}ris", f"{letter}\u0307ris") for letter in "\u012f\u0249\u0268\u029d\u1d96\u1e2d\u0131\u0237"),
        ("i\u0328\u0323\u0335ris", "i\u0328\u0307\u0323\u0335ris"),
        ("i\u0328ris", "i\u034f\u0307\u034f\u0328ris"),
        ("josé", "\u0237\u0307osé"),
    ],
)
def test_names_that_look_the_same_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kai", "kal"),
        ("jose", "josé"),
        ("ann-1", "ann-2"),
        ("Анна", "Инна"),
        ("e-va", "eva"),
        ("laba", "ląba"),
        ("i\u0301ris", "i\u0301\u0307ris"),
    ],
)
def test_names_that_look_different_have_two_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.text(max_size=30))
def test_the_skeleton_of_any_text_fits_its_column_and_does_not_depend_on_how_it_is_composed(text: str) -> None:
    assert len(skeleton(text)) <= USER.NAME_SKELETON_MAX_LENGTH
    assert skeleton(canonical(text)) == skeleton(canonical(canonical(text)))


@pytest.mark.parametrize("name", sorted(USER.RESERVED_NAMES))
def test_a_reserved_name_is_like_itself_in_any_case(name: str) -> None:
    assert is_like_reserved(name)
    assert is_like_reserved(name.upper())
    assert is_like_reserved(name.title())


@pytest.mark.parametrize(
    "name",
    ["admîn", "ADMİN", "admi\u0307n", "modérator", "ađmin", "ṁoderator", "rooṭ", "ÁDMIN", "stäff"]
    + [f"st{letter}ff" for letter in ("ą", "a\u0322", "a\u0345", "a\u0323\u0328", "a\U0001d16d", "Ą")]
    + ["ądmin", "modęrator", "sųpport"],
)
def test_a_mark_on_a_letter_makes_no_other_name_of_a_reserved_one(name: str) -> None:
    assert is_like_reserved(name)


@pytest.mark.parametrize(
    "name", ["adm1n", "admln", "ADMlN", "adrnin", "supp0rt", "r00t", "0fficia1", f"{CYRILLIC_A}dmin", "he1p"]
)
def test_a_name_that_reads_like_a_reserved_one_is_found(name: str) -> None:
    assert is_like_reserved(name)


@pytest.mark.parametrize("name", ["ann", "adam", "admiral", "helper", "newton"])
def test_a_name_that_only_begins_like_a_reserved_one_is_free(name: str) -> None:
    assert not is_like_reserved(name)


@pytest.mark.parametrize(
    "name", ["ann", "ann-1", "josé", "Анна", "Анна_2", "田中taro", "たなかカナ", "김ann", "नमस्ते", "ΑΝΝΑ"]
)
def test_what_people_write_together_is_no_mixture(name: str) -> None:
    assert not mixes_scripts(name)


@pytest.mark.parametrize("name", [f"{CYRILLIC_A}nn", "roοt", "аΑa", "김たな", "annन", "ann\N{CHEROKEE LETTER A}"])
def test_letters_of_scripts_that_nobody_writes_together_are_a_mixture(name: str) -> None:
    assert mixes_scripts(name)
