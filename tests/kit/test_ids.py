import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kit.ids import PLACE_MAX, SERIAL_MAX, new_id, pack, unpack


def test_ids_ascend_and_never_repeat_within_a_process() -> None:
    made = [new_id() for _ in range(20_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_made_by_many_threads_never_repeat() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [each for batch in pool.map(lambda _: [new_id() for _ in range(2_000)], range(8)) for each in batch]

    assert len(set(made)) == len(made)


def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000

    made = new_id()

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= before + 10_000


@given(st.integers(0, SERIAL_MAX), st.integers(0, PLACE_MAX))
def test_a_packed_id_gives_back_its_serial_and_place(serial: int, place: int) -> None:
    packed = pack(serial, place)

    assert packed.version == 8
    assert unpack(packed) == (serial, place)
    assert unpack(UUID(str(packed))) == (serial, place)


@given(st.integers(0, SERIAL_MAX), st.integers(0, PLACE_MAX), st.integers(0, 127))
def test_an_id_with_one_bit_changed_names_another_place_or_none(serial: int, place: int, bit: int) -> None:
    assert unpack(UUID(int=pack(serial, place).int ^ 1 << bit)) != (serial, place)


def test_what_we_did_not_pack_is_not_unpacked() -> None:
    assert [unpack(other) for other in (uuid4(), new_id(), UUID(int=0), UUID(int=2**128 - 1))] == [None] * 4


@pytest.mark.parametrize(("serial", "place"), [(-1, 0), (SERIAL_MAX + 1, 0), (0, -1), (0, PLACE_MAX + 1)])
def test_what_does_not_fit_is_a_bug(serial: int, place: int) -> None:
    with pytest.raises(AssertionError):
        pack(serial, place)
