"""`informer policy arrange`: the cheapest order and place of rules that no call can tell."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from informer.cli.show import print_json, print_table, say
from informer.core.errors import InformerError
from informer.pipeline.policy_replay import read_policy

if TYPE_CHECKING:
    from informer.policies.order.arrange import Arrangement
    from informer.policies.order.cost import Placed

LEAST_GAIN = 0.01  # of the cost: below that nobody should move rules


def run_arrange(rules: Path, *, json_out: bool) -> None:
    """Print what could be changed on each edge, and why the rest cannot."""
    try:
        from informer.policies.order.arrange import arrange
    except ModuleNotFoundError as error:
        raise InformerError(
            f"`pip install 'rpc-informer[arrange]'` brings what this needs: no {error.name} here"
        ) from error
    found = arrange(read_policy(rules))
    if json_out:
        print_json([document(arrangement) for arrangement in found])
        return
    if not found:
        say("No edge has two rules: there is nothing to arrange.")
    for arrangement in found:
        _print(arrangement)


def document(found: "Arrangement") -> dict[str, Any]:
    """As JSON."""
    return {
        "caller": found.caller,
        "callee": found.callee,
        "written": [_where(placed) for placed in found.written],
        "proposed": [_where(placed) for placed in found.proposed],
        "changed": found.proposed != found.written,
        "copies": list(found.copies),
        "renamed": [list(pair) for pair in found.renamed],
        "refused": [asdict(refusal) for refusal in found.refused],
        "cost_written": round(found.cost_written, 2),
        "cost_proposed": round(found.cost_proposed, 2),
        "exact": found.exact,
    }


def _where(placed: "Placed") -> dict[str, str]:
    return {"rule": placed.rule.name, "place": placed.place}


def _print(found: "Arrangement") -> None:
    say(f"{found.caller} > {found.callee}")
    if found.proposed == found.written:
        say("  as written: no order that is allowed costs less")
    elif found.cost_proposed > (1 - LEAST_GAIN) * found.cost_written:
        say(f"  as written: no order that is allowed saves {LEAST_GAIN:.0%} of the cost")
    else:
        order = ", ".join(f"{placed.rule.name} ({placed.place})" for placed in found.proposed)
        say(f"  proposed: {order}")
        say(f"  cost: {found.cost_written:.1f} as written, {found.cost_proposed:.1f} proposed")
    for rule in found.copies:
        say(f"  {rule}: a copy at the client would save the way; the rule itself stays")
    for first, second in found.renamed:
        say(f"  {first}, {second}: some denials would be counted for the other of the two")
    if found.refused:
        print_table(
            "  refused",
            ("  rule", "before or at", "because"),
            [(f"  {r.rule}", r.other, r.why) for r in found.refused],
        )
    say("")
