"""Documents of the pipeline as the values that pages show."""

from collections.abc import Mapping, Sequence

from informer.core.types import Json
from informer.web import views


def incident_of(document: Json) -> views.Incident:
    """An incident out of its document with evidence."""
    return views.Incident(
        incident_id=document["id"],
        kind=document["kind"],
        severity=document["severity"],
        title=document["title"],
        opened_ns=document["opened_ns"],
        resolved_ns=document["resolved_ns"],
        score=document["score"],
        patterns=tuple(views.PatternRef(p["id"], p["label"]) for p in document["patterns"]),
        rpcs=tuple(views.GuiltyRpc(**rpc) for rpc in document["rpcs"]),
        examples=tuple(document["examples"]),
        attributes=tuple(views.Attribute(**a) for a in document["attributes"]),
        changes=tuple(document["changes"]),
        similar=tuple(document["similar"]),
        detections=tuple(
            views.Detection(**{k: d[k] for k in views.Detection.__slots__})
            for d in document["detections"]
        ),
        explanation=tuple(document["explanation"]),
    )


def pattern_of(
    document: Json,
    rpc_ids: Sequence[str],
    reason: str,
    series: Sequence[views.RpcSeries] = (),
) -> views.Pattern:
    """A pattern out of its document; `rpc_ids` are of its rpcs, `reason` is of its forecaster."""
    return views.Pattern(
        pattern_id=document["id"],
        label=document["label"],
        entry=document["entry"],
        chains=document["chains"],
        share=document["share"],
        critical=document["critical"],
        state=document["state"],
        forecaster=document["forecaster"],
        reason=reason,
        rpcs=tuple(rpc_of(i, r) for i, r in zip(rpc_ids, document["rpcs"], strict=True)),
        edges=tuple((a, b, w) for a, b, w in document["edges"]),
        series=tuple(series),
    )


def rpc_of(rpc_id: str, row: Mapping[str, str]) -> views.Rpc:
    """An rpc out of a row."""
    return views.Rpc(rpc_id, row["caller"], row["callee"], row["method"])
