"""Rates as JSON, for the workspace."""

from dataclasses import asdict

from informer.core.types import Json
from informer.detections.latency import UsualLatency
from informer.detections.streams import Rates


def rates_to_json(rates: Rates) -> Json:
    """Rates as a JSON object; keys are joined by `|`."""
    return {
        "calls": {"|".join(k): v for k, v in rates.calls.items()},
        "hits": {"|".join(k): v for k, v in rates.hits.items()},
        "latency": {"|".join(k): asdict(v) for k, v in rates.latency.items()},
        "headless": {"|".join(k): list(v) for k, v in rates.headless.items()},
    }


def rates_from_json(value: Json) -> Rates:
    """Back from the JSON object."""
    calls = {tuple(k.split("|")): float(v) for k, v in value["calls"].items()}
    hits = {tuple(k.split("|")): float(v) for k, v in value["hits"].items()}
    latency = {tuple(k.split("|")): UsualLatency(**v) for k, v in value["latency"].items()}
    headless = {tuple(k.split("|")): v for k, v in value.get("headless", {}).items()}
    return Rates(
        {(pattern, rpc): v for (pattern, rpc), v in calls.items()},
        {(signal, pattern, rpc): v for (signal, pattern, rpc), v in hits.items()},
        {(pattern, rpc): v for (pattern, rpc), v in latency.items()},
        {(p, rpc): (float(calls), float(steps)) for (p, rpc), (calls, steps) in headless.items()},
    )
