"""After a legitimate change that stays: what does accepting it cost, and what does it save?

usage: update_claim.py [--seed SEED]... [--no-bank] [--no-mesh]

Learns 14 clean days of the simulated bank (seeds 101 to 103 unless others are given), then lets
one pattern grow for good, and in another world deploys a service that changes one pattern's calls
for good; and learns bookinfo-mesh below INFORMER_DATA, where a version of a service goes. A person
looks four hours after the change and accepts what is open about it. Three more looks of a day
follow, with that accept and without it. Prints every change and puts it into
results/update_claim.json as soon as it is measured; seeds below 100, which are for building, are
not kept.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from informer.core.types import Json
from informer.pipeline.learn import learn
from quality.acceptance import Acceptance, accepted
from quality.kept import commit_here, write_whole
from quality.lasting import Lasting, mesh, simulated

RESULTS = Path(__file__).parent / "results" / "update_claim.json"
SEEDS = (101, 102, 103)
FIRST_HELD_OUT = 100


def main() -> None:
    """Measure every change, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", action="append", type=int, default=[])
    parser.add_argument("--no-bank", action="store_true")
    parser.add_argument("--no-mesh", action="store_true")
    given = parser.parse_args()
    commit, seeds = commit_here(), () if given.no_bank else given.seed or SEEDS
    for world, one in _measured(seeds, mesh_too=not given.no_mesh):
        _print(world, one)
        if min(seeds, default=FIRST_HELD_OUT) >= FIRST_HELD_OUT:
            _keep({"world": world, "commit": commit, **asdict(one)})


def _measured(seeds: Sequence[int], *, mesh_too: bool) -> Iterator[tuple[str, Acceptance]]:
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            train, changes = simulated(Path(folder), seed)
            for one in _accepted(train, changes, Path(folder)):
                yield f"bank {seed}", one
    if mesh_too:
        train, change = mesh()
        with tempfile.TemporaryDirectory() as folder:
            for one in _accepted(train, iter([change]), Path(folder)):
                yield "bookinfo-mesh A", one


def _accepted(train: Path, changes: Iterator[Lasting], folder: Path) -> Iterator[Acceptance]:
    """Learn once, then take every change from there."""
    learn_s = 0.0
    for number, change in enumerate(changes):
        if number == 0:
            started = time.process_time()
            learn([train], folder / "learned", settings=change.settings)
            learn_s = time.process_time() - started
        own = folder / f"change-{number}"
        own.mkdir()
        yield accepted(change, folder / "learned", learn_s, own)


def _keep(row: Json) -> None:
    """In place of an earlier row of this change in this world."""
    rows: list[Json] = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    others = [r for r in rows if (r["world"], r["change"]) != (row["world"], row["change"])]
    rows = sorted([*others, row], key=lambda r: (r["world"], r["change"]))
    write_whole(RESULTS, json.dumps({"results": rows}, indent=1) + "\n")


def _print(world: str, one: Acceptance) -> None:
    print(f"== {world}: {one.change}")
    noticed = "-" if one.noticed_after_h is None else f"{one.noticed_after_h:.1f} h after it"
    print(f"told: {', '.join(one.kinds) or 'nothing'}; {noticed}")
    for name, of in (("ignored", one.ignored), ("accepted", one.accepted)):
        quiet = "not in the looks" if of.quiet_after_h is None else f"{of.quiet_after_h:.1f} h"
        print(
            f"{name:8} next 24 h: {of.false_24h} false, {of.about_24h} of them about it; "
            f"{of.told_24h} told of it in all; open {of.open_h:.1f} h; quiet after {quiet}"
        )
    print(
        f"accept {one.accept_s:.1f} s of CPU for {one.relearned} patterns, learn {one.learn_s:.1f} "
        f"s; of {one.others} others {one.others_equal} bit-equal, "
        f"files {'equal' if one.files_equal else 'CHANGED'}\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
