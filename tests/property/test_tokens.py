"""Tokens that travel with calls: what was written is read again, and nothing else is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.policies.grpc.trail import MOST_BYTES, TrailError, Trails

KEY = b"sixteen bytes it is, or more"
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=20)
RPCS = st.lists(NAMES, max_size=32).map(tuple)
NOW = st.integers(0, 2**40)


@given(NAMES, NAMES, NAMES, RPCS, NOW)
def test_what_was_written_is_read_again(
    caller: str, callee: str, method: str, chain: tuple[str, ...], now_s: int
) -> None:
    for keys in ((), (KEY,)):
        token = Trails(keys).write(caller, callee, method, chain, now_s)
        trail = Trails(keys).read(token, callee, method, now_s)
        assert (trail.caller, trail.chain) == (caller, chain)
        assert trail.onward == (*chain, f"{caller}>{callee}:{method}")


@given(NAMES, RPCS, NOW, st.data())
def test_a_byte_that_changed_on_the_way_is_not_believed(
    caller: str, chain: tuple[str, ...], now_s: int, data: st.DataObject
) -> None:
    token = bytearray(Trails((KEY,)).write(caller, "cart", "Get", chain, now_s))
    place = data.draw(st.integers(0, len(token) - 1))
    token[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TrailError):
        Trails((KEY,)).read(bytes(token), "cart", "Get", now_s)


@given(st.binary(max_size=200) | st.binary(min_size=MOST_BYTES, max_size=MOST_BYTES + 9))
def test_whatever_comes_is_read_or_refused(token: bytes) -> None:
    for keys in ((), (KEY,)):
        try:
            trail = Trails(keys).read(token, "cart", "Get", 0)
        except TrailError:
            continue
        assert not keys
        assert len(trail.chain) <= 32
