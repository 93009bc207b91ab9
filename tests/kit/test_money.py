from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kit.money import MINOR_MAX, MalformedAmount, Money, UnknownCurrency, exponent, half_up, total

CURRENCIES = st.sampled_from(["EGP", "JPY", "KWD", "USD", "TND"])
AMOUNTS = st.integers(-MINOR_MAX, MINOR_MAX)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EGP", 1250),
        ("12.5", "EGP", 1250),
        ("12", "EGP", 1200),
        ("0", "JPY", 0),
        ("1250", "JPY", 1250),
        ("1.250", "KWD", 1250),
        ("-3.20", "EGP", -320),
    ],
)
def test_an_amount_is_read_in_the_decimals_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.505", "EGP"),
        ("12.5", "JPY"),
        ("1.2505", "KWD"),
        ("", "EGP"),
        ("twelve", "EGP"),
        ("12,50", "EGP"),
        ("NaN", "EGP"),
        ("Infinity", "EGP"),
        ("1E99", "EGP"),
        ("1E999999999", "EGP"),
        ("10000000000000.01", "EGP"),
    ],
)
def test_what_the_currency_cannot_say_is_no_amount_of_it(text: str, currency: str) -> None:
    with pytest.raises(MalformedAmount):
        Money.parse(text, currency)


def test_a_currency_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        exponent("XYZ")
    with pytest.raises(UnknownCurrency):
        Money.parse("1", "egp")


@given(AMOUNTS, CURRENCIES)
def test_what_is_written_is_read_as_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Money.parse(money.amount, currency) == money


def test_an_amount_is_written_with_all_decimals_of_its_currency() -> None:
    written = [Money(5, currency).amount for currency in ("EGP", "JPY", "KWD")]

    assert written == ["0.05", "5", "0.005"]


@given(st.integers(0, MINOR_MAX), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_parts_add_up_to_the_whole_and_none_is_off_by_more_than_one(minor: int, weights: list[int]) -> None:
    parts = Money(minor, "EGP").allocate(weights)

    assert total(parts, currency="EGP") == Money(minor, "EGP")
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Decimal(part.minor) - Decimal(minor) * weight / sum(weights)) < 1


def test_what_is_left_over_goes_to_the_largest_remainders_then_to_the_first() -> None:
    split = [part.minor for part in Money(100, "EGP").allocate([1, 1, 1])]
    uneven = [part.minor for part in Money(10, "EGP").allocate([3, 3, 3, 1])]

    assert (split, uneven) == ([34, 33, 33], [3, 3, 3, 1])


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_half_up_rounds_as_decimals_do(numerator: int, denominator: int) -> None:
    assert half_up(numerator, denominator) == int(
        (Decimal(numerator) / denominator + Decimal("0.5")).to_integral_value(rounding="ROUND_FLOOR")
    )


@pytest.mark.parametrize(("minor", "percent", "part"), [(333, 50, 167), (332, 50, 166), (1, 50, 1), (1, 49, 0)])
def test_a_percentage_is_rounded_half_up(minor: int, percent: int, part: int) -> None:
    assert Money(minor, "EGP").percent(percent) == Money(part, "EGP")


def test_currencies_never_mix() -> None:
    with pytest.raises(AssertionError):
        Money(1, "EGP") + Money(1, "USD")
    with pytest.raises(AssertionError):
        Money(1, "EGP") - Money(1, "USD")


def test_money_is_true_unless_it_is_nothing() -> None:
    assert [bool(Money(minor, "EGP")) for minor in (0, 1, -1)] == [False, True, True]
