"""`informer patterns`."""

from pathlib import Path
from typing import Any

from informer.cli.reach import reach
from informer.cli.show import print_json, print_table, say
from informer.web.words import count

DONE = {
    "accept": "accepted: what it did was legitimate",
    "reject": "rejected: what it did irregularly stays out of training",
    "revert": "reverted to its previous model",
}


def list_patterns(workspace: Path, *, json_out: bool) -> None:
    """All patterns, the busiest first."""
    patterns = reach(workspace).patterns()
    if json_out:
        print_json(patterns)
    else:
        print_patterns(patterns)


def print_patterns(patterns: list[dict[str, Any]]) -> None:
    """Patterns as a table."""
    print_table(
        count(len(patterns), "pattern"),
        ("id", "chains>", "share>", "rpcs>", "critical", "state", "forecaster", "pattern"),
        [
            (
                p["id"],
                f"{p['chains']:,.0f}",
                f"{p['share']:.1%}",
                str(len(p["rpcs"])),
                "yes" if p["critical"] else "",
                p["state"],
                p["forecaster"],
                p["label"],
            )
            for p in patterns
        ],
    )
    for p in patterns:
        if p["why"]:
            say(f"{p['id']} is {p['state']}: {p['why']}")


def show_pattern(workspace: Path, pattern_id: str, *, json_out: bool) -> None:
    """One pattern with its graph, its forecaster and its models."""
    p = reach(workspace).pattern(pattern_id)
    if json_out:
        print_json(p)
        return
    say(f"{p['id']}  {p['label']}")
    say(f"{p['chains']:,.0f} chains, {p['share']:.1%} of all; state {p['state']}")
    if p["why"]:
        say(p["why"])
    names = [f"{r['caller']} > {r['callee']} {r['method']}" for r in p["rpcs"]]
    print_table("rpcs", ("no>", "rpc"), [(str(i), name) for i, name in enumerate(names)])
    if p["edges"]:
        edges = [(str(a), str(b), f"{w:.0%}") for a, b, w in p["edges"]]
        print_table("edges", ("from>", "to>", "share of chains>"), edges)
    say(f"Forecaster: {p['forecaster']}. {p['backtest'].get('reason', '')}")
    say(f"Model {p['version']} is in force; there were {', '.join(p['versions'])}.")


def decide_pattern(
    workspace: Path, pattern_id: str, verdict: str, note: str, *, json_out: bool
) -> None:
    """Carry out accept, reject or revert."""
    done = reach(workspace).decide("pattern", verdict, pattern_id, note)
    if json_out:
        print_json(done)
        return
    say(f"Pattern {pattern_id} {DONE[verdict]}.")
    for changed, version in done["models"].items():
        say(f"Model {version} of pattern {changed} is in force; all others are as they were.")
