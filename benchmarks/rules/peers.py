"""The same decisions by cedarpy and by casbin, in an environment of their own.

usage: python peers.py < {"rules": [[caller, callee, method, tier], ...], "calls": [[...], ...]}

Each is used the way its own documents say is fast: Cedar's policies are parsed once, casbin's
enforcer keeps its rules by caller, callee and method. The tier is a header, "*" any. Reads orders
on stdin, a line each ("cedarpy" or "casbin"), decides all calls once and answers with the seconds
it took and the decisions.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import casbin
import cedarpy

MODEL = """
[request_definition]
r = sub, obj, act, tier
[policy_definition]
p = sub, obj, act, tier
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act && (p.tier == "*" || r.tier == p.tier)
"""


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    deciders = {"cedarpy": _cedar(asked["rules"]), "casbin": _casbin(asked["rules"])}
    prepared = {name: prepare(asked["calls"]) for name, (prepare, _) in deciders.items()}
    print(json.dumps({"cedarpy": cedarpy.__name__, "casbin": casbin.__name__}), flush=True)
    for line in sys.stdin:
        name = line.strip()
        decide, calls = deciders[name][1], prepared[name]
        start = time.perf_counter()
        found = [decide(call) for call in calls]
        print(json.dumps([time.perf_counter() - start, found]), flush=True)


def _cedar(rules):
    text = "".join(
        f"permit(principal == Service::{json.dumps(caller)},"
        f" action == Action::{json.dumps(method)}, resource == Service::{json.dumps(callee)})"
        + (";\n" if tier == "*" else f" when {{ context.tier == {json.dumps(tier)} }};\n")
        for caller, callee, method, tier in rules
    )
    policies = cedarpy.PolicySet.from_str(text)
    entities = cedarpy.Entities.from_json_str("[]")

    def prepare(calls):
        return [
            {
                "principal": {"type": "Service", "id": caller},
                "action": {"type": "Action", "id": method},
                "resource": {"type": "Service", "id": callee},
                "context": {"tier": tier},
            }
            for caller, callee, method, tier in calls
        ]

    def decide(request):
        return cedarpy.is_authorized(request, policies, entities).allowed

    return prepare, decide


def _casbin(rules):
    folder = Path(tempfile.mkdtemp())
    (folder / "model.conf").write_text(MODEL)
    (folder / "policy.csv").write_text(
        "".join(
            f"p, {caller}, {callee}, {method}, {tier}\n" for caller, callee, method, tier in rules
        )
    )
    enforcer = casbin.FastEnforcer(
        str(folder / "model.conf"), str(folder / "policy.csv"), cache_key_order=[0, 1, 2]
    )

    def decide(call):
        return enforcer.enforce(*call)

    return list, decide


if __name__ == "__main__":
    main()
