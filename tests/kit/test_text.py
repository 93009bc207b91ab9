import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kit.text import match_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cairo", "  CAIRO "),
        ("São  Paulo", "SAO PAULO"),
        ("Méndez Álvaro", "mendez alvaro"),
        ("Al-Minya", "al minya"),
        ("Ma'an", "Ma\u2019an"),
        ("İstanbul", "istanbul"),
        ("Łódź", "lodz"),
        ("Straße", "STRASSE"),
        ("الإسكندرية", "الاسكندريه"),
        ("إِرْبِد", "اربد"),
        ("مــصر", "مصر"),
        ("على", "علي"),
        ("خط ٣", "خط 3"),
        ("Ca\u200biro\u202e", "cairo"),
    ],
)
def test_spellings_that_people_take_for_the_same_have_one_key(one: str, other: str) -> None:
    assert match_key(one) == match_key(other)


@pytest.mark.parametrize(("one", "other"), [("Amman", "Oman"), ("Aqaba", "Akaba"), ("A 12", "A12"), ("عمان", "عُمانية")])
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert match_key(match_key(text)) == match_key(text)
