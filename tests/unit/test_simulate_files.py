"""What is written: the same bytes for the same seed, in the columns of the table."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from informer.core.errors import InformerError
from informer.core.tables import SPANS
from informer.core.types import Json
from informer.simulate.read import scenario_of
from informer.simulate.words import coded
from informer.simulate.write import simulate
from simulated_traffic import ATTACK, FROM_NS, simulated, tiny


def prints(folder: Path) -> dict[str, str]:
    return {
        str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    noise = {"sigma": 0.1, "shared_sigma": 0.1, "dispersion": 0.02}
    defects = {"lost": 0.01, "skew_ms": 5, "raw_paths": 20, "sampling": 0.5}
    given = tiny(ATTACK | {"jitter_minutes": 60}, noise=noise, defects=defects)
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        simulated(tmp_path / name, given, seed)
    assert prints(tmp_path / "one") == prints(tmp_path / "two")
    assert prints(tmp_path / "one")["labels.csv"] != prints(tmp_path / "other")["labels.csv"]


def test_a_text_stands_once_in_a_dictionary() -> None:
    column = coded(np.array([0, 1, 2, -1]), ["v1", "v1", "v2"])
    assert column.to_pylist() == ["v1", "v1", "v2", None]
    assert column.dictionary.to_pylist() == ["v1", "v2"]


def test_a_longer_simulation_begins_like_a_shorter_one(tmp_path: Path) -> None:
    longer = {"title": "tiny", "days": 3, "train_days": 1}
    _, short, _ = simulated(tmp_path / "short", tiny(noise={"sigma": 0.2}))
    _, long, _ = simulated(tmp_path / "long", tiny(noise={"sigma": 0.2}, scenario=longer))
    assert short.equals(long)


def test_spans_have_the_columns_of_the_table_and_ids_that_no_two_requests_share(
    tmp_path: Path,
) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(ATTACK))
    assert set(SPANS.names) - set(train.column_names) == {"scope"}
    roots = [
        set(t.filter(pc.is_null(t["parent_span_id"]))["trace_id"].to_pylist())
        for t in (train, test)
    ]
    entries = sum(pc.sum(pc.is_null(t["parent_span_id"])).as_py() for t in (train, test))
    assert len(roots[0] | roots[1]) == entries


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    given: Json = tiny()
    with pytest.raises(InformerError, match="-o must be an absent or empty folder"):
        simulate(scenario_of(given, "tiny"), tmp_path, seed=0, from_ns=FROM_NS)
