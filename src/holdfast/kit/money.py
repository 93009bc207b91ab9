"""Count money exactly: integers in the minor unit of one currency."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from functools import cache, lru_cache
from typing import Self

from babel.core import get_global
from babel.numbers import get_currency_precision

from holdfast.kit.errors import Invalid

MINOR_MAX = 10**15  # far above any price, far below 2^63: sums of a million of them still fit a BIGINT


@dataclass(eq=False)
class MalformedAmount(Invalid):
    """{amount!r} is not an amount of {currency}: write a plain decimal with at most {digits} decimals."""

    amount: str
    currency: str
    digits: int


@dataclass(eq=False)
class UnknownCurrency(Invalid):
    """{currency!r} is not a currency of ISO 4217."""

    currency: str


@lru_cache(maxsize=10_000)
def amount_of(minor: int, currency: str) -> str:
    """So many minor units as a decimal string in the major unit."""
    digits = exponent(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (piastres, cents, whole yen) with its currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: str | Decimal, currency: str) -> Self:
        """Read a decimal in the major unit. MalformedAmount where the currency has fewer decimals."""
        digits = exponent(currency)
        try:
            scaled = Decimal(amount).scaleb(digits)
        except DecimalException:
            raise MalformedAmount(str(amount)[:40], currency, digits) from None
        if not scaled.is_finite() or abs(scaled) > MINOR_MAX or scaled != scaled.to_integral_value():
            raise MalformedAmount(str(amount)[:40], currency, digits)
        return cls(int(scaled), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @property
    def amount(self) -> str:
        """The decimal string in the major unit that travels in JSON beside the currency."""
        return amount_of(self.minor, self.currency)

    def __add__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.minor - other.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def percent(self, percent: int) -> Self:
        """That many percent of it, half-up."""
        return type(self)(half_up(self.minor * percent, 100), self.currency)

    def allocate(self, weights: Sequence[int]) -> list[Self]:
        """Split by weights so that the parts add up to the whole (largest remainders first, then the order given)."""
        total = sum(weights)
        assert total > 0
        parts = [self.minor * weight // total for weight in weights]
        remainders = [self.minor * weight % total for weight in weights]
        left = self.minor - sum(parts)
        for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:left]:
            parts[index] += 1
        return [type(self)(part, self.currency) for part in parts]

    def _same(self, other: Self) -> None:
        assert self.currency == other.currency, f"{self.currency} and {other.currency} do not add up"


def total(parts: Iterable[Money], *, currency: str) -> Money:
    """The sum; zero of that currency where there are no parts."""
    result = Money.zero(currency)
    for part in parts:
        result += part
    return result


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded half up, for values of at least zero."""
    assert numerator >= 0
    assert denominator > 0
    return (2 * numerator + denominator) // (2 * denominator)


@cache
def exponent(currency: str) -> int:
    """How many decimals a currency has (0, 2 or 3). UnknownCurrency where there is none of that name."""
    if currency not in get_global("all_currencies"):
        raise UnknownCurrency(currency[:8])
    return get_currency_precision(currency)
