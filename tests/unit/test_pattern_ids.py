"""A pattern keeps its id from one learning run to the next."""

from pattern_shapes import Call, Seen, Tables, call

from informer.patterns.find import Patterns, Previous, find_patterns
from informer.patterns.identity import new_id


def page(name: str, *more: Call) -> Call:
    calls = [call(f"{name}-{i}:get") for i in range(4)]
    return call("web:/*", *calls, *more)


def run(
    run_id: str, seen: dict[str, Seen], previous: tuple[Tables, Patterns] | None = None
) -> tuple[Tables, Patterns, dict[str, str]]:
    """What was found, and the pattern of everything that was seen, by its name."""
    tables = Tables(seen.values())
    known = None
    if previous is not None:
        before, patterns = previous
        known = Previous(patterns.patterns, patterns.members, before.shapes)
        tables.rpc_rows = before.rpc_rows | tables.rpc_rows
    found = find_patterns(tables.shapes, tables.rpcs, run_id=run_id, previous=known)
    belongs = {row["shape_id"]: row["pattern_id"] for row in found.members.to_pylist()}
    return tables, found, {k: belongs[s] for k, s in zip(seen, tables.ids, strict=True)}


def test_ids_are_the_same_when_traffic_shifts() -> None:
    *first, before = run("1", {"a": Seen(page("a"), 900), "b": Seen(page("b"), 100)})
    *_, after = run("2", {"b": Seen(page("b"), 900), "a": Seen(page("a"), 100)}, tuple(first))
    assert after == before


def test_a_pattern_whose_every_shape_is_new_keeps_its_id() -> None:
    *first, before = run("1", {"a": Seen(page("a"), 900), "b": Seen(page("b"), 300)})
    audit = call("audit:log")
    deployed = {"a": Seen(page("a", audit), 900), "b": Seen(page("b"), 300)}
    *_, after = run("2", deployed, tuple(first))
    assert after == before


def test_a_new_pattern_gets_a_new_id_and_a_vanished_one_retires() -> None:
    *first, before = run("1", {"a": Seen(page("a"), 900), "b": Seen(page("b"), 300)})
    _, found, after = run("2", {"a": Seen(page("a"), 900), "c": Seen(page("c"), 300)}, tuple(first))
    assert after["a"] == before["a"]
    assert after["c"] not in before.values()
    rows = {row["pattern_id"]: row for row in found.patterns.to_pylist()}
    assert rows[before["b"]]["state"] == "retired"
    assert rows[before["b"]]["chains"] == 0
    assert not rows[before["b"]]["critical"]
    assert {row["run_id"] for row in rows.values()} == {"2"}


def test_a_retired_pattern_is_not_told_again_and_comes_back_under_its_id() -> None:
    both = {"a": Seen(page("a"), 900), "b": Seen(page("b"), 300)}
    tables, found, before = run("1", both)
    tables, found, _ = run("2", {"a": both["a"]}, (tables, found))
    tables, found, _ = run("3", {"a": both["a"]}, (tables, found))
    assert found.patterns.num_rows == 1
    *_, after = run("4", both, (tables, found))
    assert after == before


def test_the_larger_part_of_a_split_pattern_keeps_the_id() -> None:
    base = [call(f"s{i}:get") for i in range(6)]
    plain, extra = call("web:GET", *base), call("web:GET", *base, call("x:get"))
    other = call("web:GET", call("y:get"), call("z:get"))
    *first, before = run("1", {"plain": Seen(plain, 600), "extra": Seen(extra, 500)})
    assert before["plain"] == before["extra"]
    *_, after = run("2", {"plain": Seen(plain, 600), "other": Seen(other, 500)}, tuple(first))
    assert after["plain"] == before["plain"] != after["other"]


def test_two_machines_give_one_shape_one_id() -> None:
    assert new_id("5fe8db3c01aa", taken=set()) == new_id("5fe8db3c01aa", taken={"p123456"})


def test_an_id_that_is_taken_grows() -> None:
    short = new_id("5fe8db3c01aa", taken=set())
    longer = new_id("5fe8db3c01aa", taken={short})
    assert longer.startswith(short)
    assert longer != short
