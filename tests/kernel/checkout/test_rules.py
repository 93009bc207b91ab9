from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.checkout.rules import platform_part


@given(
    bps=st.integers(0, 10_000),
    parts=st.lists(st.integers(0, 10**7), min_size=1, max_size=8).filter(any),
)
def test_the_platforms_parts_of_a_refund_add_up_to_its_fee(bps: int, parts: list[int]) -> None:
    fare = sum(parts)
    fee = (fare * bps * 2 + 10_000) // 20_000
    returned, shares = 0, []
    for part in parts:
        shares.append(platform_part(fee=fee, fare=fare, returned_before=returned, returned_now=part))
        returned += part

    assert sum(shares) == fee
    assert all(0 <= share <= part for share, part in zip(shares, parts, strict=True))


def test_of_nothing_there_is_no_part() -> None:
    assert platform_part(fee=0, fare=0, returned_before=0, returned_now=0) == 0
