"""Pace: no stream is read far ahead of another that has more to give; and the gate of servers."""

from collections import Counter

from informer.service.limits import Gate
from informer.service.pace import PATIENCE_S, Progress, limit_s


def limit(streams: dict[str, Progress], name: str, *, now_s: float = 0.0) -> float | None:
    return limit_s(streams, name, most_ahead_s=10, now_s=now_s)


def test_one_stream_may_be_read_as_far_as_it_goes() -> None:
    assert limit({"a": Progress(5)}, "a") is None


def test_the_stream_behind_holds_the_others_until_it_is_at_its_end() -> None:
    behind = Progress(100)
    streams = {"behind": behind, "other": Progress(200), "ahead": Progress(300)}
    assert limit(streams, "ahead") == 110
    assert limit(streams, "behind") == 210
    behind.at_end = True
    assert limit(streams, "ahead") == 210


def test_the_stream_behind_all_others_may_always_be_read() -> None:
    streams = {"a": Progress(100), "b": Progress(100), "c": Progress(90)}
    found = limit(streams, "c")
    assert found is not None
    assert found > 90


def test_a_stream_of_which_nothing_came_is_waited_for_but_not_for_ever() -> None:
    streams = {"a": Progress(100), "silent": Progress()}
    assert limit(streams, "a") == float("-inf")
    assert limit(streams, "a", now_s=PATIENCE_S + 1) is None


def test_a_gate_has_room_for_others_when_one_takes_all_it_can() -> None:
    refused: Counter[str] = Counter()
    gate = Gate(refused, "too_many", most=5, most_from_one=3)
    assert [gate.enter("one") for _ in range(4)] == [True, True, True, False]
    assert [gate.enter("other") for _ in range(3)] == [True, True, False]
    assert refused == {"too_many": 2}
    gate.leave("one")
    assert gate.enter("other")
    for _ in range(2):
        gate.leave("one")
    for _ in range(3):
        gate.leave("other")
    assert gate.enter("one")
