"""Do the patterns say what chains do? Held against what real captures tell about their chains.

No label is used to find the patterns. Reads train-ticket, online-boutique and bookinfo-mesh below
INFORMER_DATA.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sklearn.metrics import adjusted_rand_score

from informer.chains.build import build_chains
from informer.config.settings import Settings, SourceSettings
from informer.core.tables import SHAPES
from informer.core.types import NOISE
from informer.patterns.find import Patterns, find_patterns
from informer.patterns.graphs import graphs_of
from informer.pipeline.progress import silent
from informer.pipeline.read import load_spans, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.templates import OPERATIONS, Templates

RESULT = Path(__file__).parent / "results" / "pattern_quality.json"
TRAIN_TICKET = Path("train-ticket", "clean_1415_1600.parquet")
ONLINE_BOUTIQUE = Path("online-boutique", "2022-08-22.parquet")
PAGE_SHARE = 0.01  # a set of rpcs that at least this share of the chains has is a page type
VERSION = re.compile(r"-v\d+$")
REQUEST_ID = "guid:x-request-id"


@dataclass(frozen=True)
class Learned:
    """Patterns of a capture, and what is needed to hold them against the truth."""

    found: Patterns
    shapes: list[dict[str, Any]]
    rpcs: dict[str, dict[str, Any]]
    chains: list[tuple[str, str]]  # trace id, shape id
    seconds: float  # to find the patterns

    @property
    def pattern_of(self) -> dict[str, str]:
        """By shape."""
        return {r["shape_id"]: r["pattern_id"] for r in self.found.members.to_pylist()}

    def noise(self) -> int:
        """Chains that belong to no pattern."""
        return sum(self.pattern_of[shape_id] == NOISE for _, shape_id in self.chains)


def learn(*locations: Path, correlate: str = "trace_id", where: str = "") -> Learned:
    """Spans to patterns, as `informer learn` does it."""
    settings = Settings(source=SourceSettings(correlate=correlate, where=where))
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace.create(Path(folder) / "workspace", settings) as home,
        home.scratch() as scratch,
    ):
        load_spans(scratch, sources_of([str(x) for x in locations], settings), silent)
        operations = scratch.query(OPERATIONS)
        templates = Templates(())
        templates.learn(operations)
        scratch.write("methods", templates.mapping(operations))
        build_chains(scratch, key=home.key)  # of every trace: they are held against labels
        shapes = scratch.query("select * from shapes")
        rpcs = scratch.query("select * from rpcs")
        chains: pa.Table = scratch.query("select trace_id, shape_id from chains")
    start = time.perf_counter()
    found = find_patterns(shapes, rpcs, run_id="quality")
    seconds = time.perf_counter() - start
    columns = (chains["trace_id"].to_pylist(), chains["shape_id"].to_pylist())
    by_id = {r["rpc_id"]: r for r in rpcs.to_pylist()}
    return Learned(found, shapes.to_pylist(), by_id, list(zip(*columns, strict=True)), seconds)


def apis_of(learned: Learned) -> dict[str, str]:
    """What the entry of each shape called first, by shape; Train-Ticket's gateway calls one."""
    found = {}
    for shape in learned.shapes:
        called = [edge.split(">") for edge in shape["edges"]]
        (api,) = {b for a, b in called if a == shape["entry_rpc_id"]}
        found[shape["shape_id"]] = str(learned.rpcs[api]["method"])
    return found


def gateway_apis(learned: Learned) -> dict[str, Any]:
    """Train-Ticket: the API that the gateway called against the pattern."""
    api_of = apis_of(learned)
    pattern_of = learned.pattern_of
    apis = [api_of[shape_id] for _, shape_id in learned.chains]
    patterns = [pattern_of[shape_id] for _, shape_id in learned.chains]

    def patterns_of(end: str) -> set[str]:
        return {p for a, p in zip(apis, patterns, strict=True) if a.endswith(end)}

    (login,) = patterns_of("/users/login")
    return {
        "chains": len(apis),
        "shapes": len(learned.shapes),
        "apis": len(set(apis)),
        "patterns": learned.found.patterns.num_rows,
        "noise_chains": learned.noise(),
        "ari": round(adjusted_rand_score(apis, patterns), 4),
        "patterns_of_the_booking": len(patterns_of("/preserve")),
        "shapes_of_the_booking": sum(a.endswith("/preserve") for a in api_of.values()),
        "travel_and_travel2_apart": not patterns_of("/travelservice/trips/left")
        & patterns_of("/travel2service/trips/left"),
        "login_alone": {a for a, p in zip(apis, patterns, strict=True) if p == login}
        == {a for a in apis if a.endswith("/users/login")},
        "seconds": round(learned.seconds, 2),
    }


def pages_of(learned: Learned) -> list[set[str]]:
    """The shapes of every page type."""
    shapes: dict[frozenset[str], set[str]] = {}
    chains: dict[frozenset[str], float] = {}
    for shape in learned.shapes:
        calls = frozenset(shape["rpc_ids"])
        shapes.setdefault(calls, set()).add(shape["shape_id"])
        chains[calls] = chains.get(calls, 0) + shape["chains"]
    least = PAGE_SHARE * sum(chains.values())
    return [shapes[calls] for calls, n in chains.items() if n >= least]


def page_types(learned: Learned) -> dict[str, Any]:
    """Online Boutique: sets of rpcs with at least 1 % of the chains against the pattern."""
    pattern_of = learned.pattern_of
    patterns = [{pattern_of[shape_id] for shape_id in page} for page in pages_of(learned)]
    return {
        "chains": len(learned.chains),
        "shapes": len(learned.shapes),
        "patterns": learned.found.patterns.num_rows,
        "noise_chains": learned.noise(),
        "page_types": len(patterns),
        "patterns_of_page_types": len(set().union(*patterns)),
        "page_types_in_several_patterns": sum(len(p) > 1 for p in patterns),
        "seconds": round(learned.seconds, 2),
    }


def plain_rpcs(learned: Learned) -> Counter[frozenset[tuple[str, str, str]]]:
    """The rpcs of every pattern graph, without the versions of the services."""
    found = learned.found
    graphs = graphs_of(found.patterns, found.members, SHAPES.of(learned.shapes))
    names = {
        rpc_id: (VERSION.sub("", r["caller"]), VERSION.sub("", r["callee"]), r["method"])
        for rpc_id, r in learned.rpcs.items()
    }
    return Counter(frozenset(names[r] for r in g.rpc_ids) for g in graphs.values())


def spans_and_access_logs(data: Path) -> dict[str, Any]:
    """Bookinfo: the pattern by Envoy's spans against the one by its access logs, per request."""
    mesh = data / "bookinfo-mesh"
    spans = learn(mesh / "spans_train.parquet", where="scope = 'envoy'")
    logs = learn(mesh / "access_logs" / "train", correlate="attribute:x-request-id")
    request_of = dict(
        duckdb.sql(
            f"""select trace_id, min(attributes->>'$."{REQUEST_ID}"')
            from '{mesh / "spans_train.parquet"}' where scope = 'envoy' group by trace_id"""
        ).fetchall()
    )
    by_spans = {request_of[t]: spans.pattern_of[s] for t, s in spans.chains}
    by_logs = {t: logs.pattern_of[s] for t, s in logs.chains}
    both = sorted(by_spans.keys() & by_logs.keys())
    return {
        "requests_in_spans": len(by_spans),
        "requests_in_logs": len(by_logs),
        "requests_in_both": len(both),
        "patterns_by_spans": spans.found.patterns.num_rows,
        "patterns_by_logs": logs.found.patterns.num_rows,
        "patterns_with_the_same_rpcs": sum((plain_rpcs(spans) & plain_rpcs(logs)).values()),
        "noise_chains": spans.noise() + logs.noise(),
        "ari": round(
            adjusted_rand_score([by_spans[r] for r in both], [by_logs[r] for r in both]), 4
        ),
        "labels": spans.found.patterns["label"].to_pylist(),
    }


def main() -> None:
    if "INFORMER_DATA" not in os.environ:
        sys.exit(
            "set INFORMER_DATA to the folder of train-ticket, online-boutique and bookinfo-mesh"
        )
    data = Path(os.environ["INFORMER_DATA"])
    result = {
        "train-ticket": gateway_apis(learn(data / TRAIN_TICKET)),
        "online-boutique": page_types(learn(data / ONLINE_BOUTIQUE)),
        "bookinfo-mesh": spans_and_access_logs(data),
    }
    print(f"{'capture':16} {'measure':32} value")
    for capture, measures in result.items():
        for measure, value in measures.items():
            if not isinstance(value, list):
                print(f"{capture:16} {measure.replace('_', ' '):32} {value}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
