"""Raw figures come back from disk as they were, and no row is lost for another."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from kept_figures import FOUND, MISSED, WEAK, row
from made_world import Attack, made_world
from quality.fingerprint import fingerprint
from quality.kept import keep, kept_rows
from quality.table import table_of


def keep_one(path: Path, name: str) -> None:
    keep(path, ("whole", name), row(FOUND, commit=name))


def test_what_was_kept_comes_back_with_every_field(tmp_path: Path) -> None:
    path = tmp_path / "bank" / "bank-101.json"
    keep(path, ("whole", "ours"), row(FOUND, MISSED, WEAK))
    back = kept_rows(path)["whole", "ours"]
    figures = back.evaluated.figures[5]
    assert figures.campaigns[:2] == (FOUND, MISSED)
    assert repr(figures.campaigns[2]) == repr(WEAK)  # NaN equals nothing, itself included
    assert figures.false_by_day.tolist() == [0, 1]
    assert figures.false_by_day.dtype == np.int64
    assert (figures.days, back.evaluated.seconds) == (1.5, 12.5)
    assert repr(back.evaluated.vus) == repr({"p1": 0.25, "p2": float("nan")})
    assert (back.commit, back.world) == ("abc", "w")


def test_a_row_that_is_measured_again_leaves_the_others_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    keep(path, ("whole", "ours"), row(FOUND))
    keep(path, ("whole", "theirs"), row(MISSED))
    before = path.read_text().splitlines()
    keep(path, ("whole", "ours"), row(FOUND, commit="def"))
    after = path.read_text().splitlines()
    changed = [line for line, old in zip(after, before, strict=True) if line != old]
    assert len(changed) == 1
    assert '"ours"' in changed[0]
    assert kept_rows(path)["whole", "ours"].commit == "def"


def test_rows_that_are_kept_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Each holds the folder by a handle of its own, as another process would."""
    path = tmp_path / "a.json"
    names = [f"detector {n}" for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_one, [path] * len(names), names))
    assert {name for _, name in kept_rows(path)} == set(names)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nothing_is_kept_of_a_source_that_was_never_measured(tmp_path: Path) -> None:
    assert kept_rows(tmp_path / "none.json") == {}


def test_a_table_is_made_of_all_sources_and_says_what_each_row_is_of() -> None:
    kept = {
        "bank 1": {
            ("whole", "Informer"): row(FOUND, MISSED, commit="new"),
            ("whole", "random"): row(MISSED, MISSED, commit="old", world="other"),
            ("clean", "Informer"): row(false=3),
        },
        "bank 2": {("whole", "Informer"): row(FOUND, FOUND, commit="new")},
    }
    told = table_of("two banks", kept)
    ours, random = told["detectors"]
    assert (told["campaigns"], told["days"]) == (4, 3.0)
    assert ours["recall_z8"][0] == 1.0
    assert ours["recall_novel"][0] == 0.0
    assert ours["sources"] == [2, 2]
    assert ours["same_traffic"]
    assert ours["commits"] == ["new"]
    assert random["sources"] == [1, 2]
    assert not random["same_traffic"]
    assert told["false_per_day_clean"]["1"] == {"per_day": 2.0, "count": 3, "days": 1.5}


def test_a_table_does_not_hang_on_the_order_in_which_rows_were_kept() -> None:
    rows = {("whole", "Informer"): row(FOUND), ("whole", "sixty lines"): row(MISSED)}
    turned = dict(reversed(rows.items()))
    assert table_of("a", {"s": rows}) == table_of("a", {"s": turned})


def test_worlds_of_the_same_traffic_have_one_name_and_others_another() -> None:
    world = made_world(attacks=[Attack(1, 100, 24, 3.0)])
    again = made_world(attacks=[Attack(1, 100, 24, 3.0)])
    assert fingerprint(world) == fingerprint(again)
    assert fingerprint(world) != fingerprint(made_world(attacks=[Attack(1, 100, 24, 3.1)]))
    assert fingerprint(world) != fingerprint(replace(world, events=()))
