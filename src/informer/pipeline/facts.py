"""What goes with every version of a model: the rates and the scatter that were learned with it."""

from collections.abc import Mapping
from dataclasses import fields, replace

import orjson

from informer.core.tables import MODEL_FACTS
from informer.detections.detect import Learned
from informer.detections.streams import Rates
from informer.pipeline.rates import rates_from_json, rates_to_json
from informer.pipeline.workspace import Workspace

Inflation = dict[str, tuple[float, ...]]  # stream key: by window
OF_VERSIONS = """
select f.pattern_id, f.rates, f.inflation
from model_facts as f
inner join (select unnest($patterns) as pattern_id, unnest($versions) as version) as v
    on v.pattern_id = f.pattern_id and v.version = f.version
order by f.pattern_id
"""


def keep_facts(home: Workspace, versions: Mapping[str, str], learned: Learned) -> None:
    """Write down what was learned together with these versions of models, by pattern."""
    rows: list[dict[str, object]] = [
        {
            "pattern_id": pattern_id,
            "version": version,
            "rates": orjson.dumps(rates_to_json(rates_of(learned.rates, pattern_id))).decode(),
            "inflation": orjson.dumps(
                inflation_of(learned.calibration.inflation, pattern_id)
            ).decode(),
        }
        for pattern_id, version in versions.items()
    ]
    home.engine.append("model_facts", MODEL_FACTS.of(rows))


def with_facts(home: Workspace, versions: Mapping[str, str], learned: Learned) -> Learned:
    """The same with what goes with the versions in force in place of what the last run learned."""
    rates, inflation = learned.rates, dict(learned.calibration.inflation)
    # Those of all versions that ever were are many more than those in force.
    asked = {"patterns": list(versions), "versions": list(versions.values())}
    for row in home.engine.query(OF_VERSIONS, **asked).to_pylist():
        pattern_id = row["pattern_id"]
        rates = with_rates(rates, pattern_id, rates_from_json(orjson.loads(row["rates"])))
        for key in inflation_of(inflation, pattern_id):
            del inflation[key]
        told = orjson.loads(row["inflation"])
        inflation |= {key: tuple(by_window) for key, by_window in told.items()}
    calibration = replace(learned.calibration, inflation=inflation)
    return replace(learned, rates=rates, calibration=calibration)


def rates_of(rates: Rates, pattern_id: str) -> Rates:
    """Those of one pattern."""
    return Rates(
        **{
            f.name: {k: v for k, v in getattr(rates, f.name).items() if pattern_id in k}
            for f in fields(Rates)
        }
    )


def with_rates(rates: Rates, pattern_id: str, of_pattern: Rates) -> Rates:
    """The same with other rates of one pattern."""
    return Rates(
        **{
            f.name: {k: v for k, v in getattr(rates, f.name).items() if pattern_id not in k}
            | getattr(of_pattern, f.name)
            for f in fields(Rates)
        }
    )


def inflation_of(inflation: Mapping[str, tuple[float, ...]], pattern_id: str) -> Inflation:
    """That of the streams of one pattern."""
    return {k: v for k, v in inflation.items() if k.split("|")[1:2] == [pattern_id]}
