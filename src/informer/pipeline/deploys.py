"""Versions of services that a person accepted: what came is waited for, what went is not."""

from collections.abc import Sequence

import orjson

from informer.core.types import Json
from informer.pipeline.workspace import Workspace

LAST_STEPS = 12  # of the traffic that was kept; what they ran on is what is there now
ON_ITS_WAY_OUT = 0.5  # of its former share; a version with less is being replaced

Shares = dict[str, dict[str, float]]  # service, version: share of the service's calls


def accept_versions(home: Workspace, incidents: Sequence[Json], step_ns: int) -> Shares:
    """Learn the versions of the services that incidents tell of; returns the shares before."""
    learned: Shares = home.get("versions")
    services = _changed_services(home, incidents)
    before = {service: learned[service] for service in services if service in learned}
    learned |= {service: _now(home, service, shares, step_ns) for service, shares in before.items()}
    home.put("versions", learned)
    return before


def restore_versions(home: Workspace, shares: Shares) -> None:
    """Put shares back as they were."""
    home.put("versions", home.get("versions") | shares)


def _changed_services(home: Workspace, incidents: Sequence[Json]) -> list[str]:
    cells = [c for i in incidents for c in orjson.loads(i["evidence"])["detections"]]
    rpc_ids = {c["rpc_id"] for c in cells if c["signal"] == "version"}
    if not rpc_ids:
        return []
    rows = home.engine.query(
        "select rpc_id, callee from rpcs union all select rpc_id, callee from met_rpcs"
    ).to_pylist()
    return sorted({row["callee"] for row in rows if row["rpc_id"] in rpc_ids})


def _now(home: Workspace, service: str, before: dict[str, float], step_ns: int) -> dict[str, float]:
    rows = home.engine.query(
        "select version, sum(calls) as calls from workloads where service = $service and "
        "step_start_ns > (select max(step_start_ns) from steps) - $last_ns group by version",
        service=service,
        last_ns=LAST_STEPS * step_ns,
    ).to_pylist()
    total = sum(row["calls"] for row in rows)
    if not total:
        return before
    now = {row["version"]: row["calls"] / total for row in rows}
    shares = {version: now.get(version, 0.0) for version in {**before, **now}}
    return {
        version: 0.0 if share < ON_ITS_WAY_OUT * before.get(version, 0.0) else share
        for version, share in shares.items()
    }
