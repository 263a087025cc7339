"""The user's `--where`: one SQL condition over the columns of `spans` and `attribute('x')`.

The engine's own parser reads it, so what is run is one expression: no second statement, no
subquery, no table that is not there.
"""

from typing import Any

import orjson

from informer.core.errors import InformerError
from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.spans.meanings import attribute
from informer.spans.received import Selection

FRAME = "select 1 from spans where "


def wanted(engine: Engine, selection: Selection) -> str:
    """SQL for which rows of `spans` are wanted.

    Errors: InformerError for a condition that is none.
    """
    conditions = []
    if selection.from_ns is not None:
        conditions.append(f"start_ns >= {selection.from_ns}")
    if selection.until_ns is not None:
        conditions.append(f"start_ns < {selection.until_ns}")
    if selection.where is not None:
        conditions.append(f"coalesce(try({checked(engine, selection.where)}), false)")
    return " and ".join(conditions) or "true"


def checked(engine: Engine, where: str) -> str:
    """The condition as SQL over the columns of `spans`, `all_attributes` and `all_resource`.

    `attribute('user_agent')` is the text of an attribute of the span, else of its resource.
    Errors: InformerError naming what is wrong with it.
    """
    if not where.strip():
        raise _wrong(where, "it is empty")
    tree = _parsed(engine, f"{FRAME}(\n{where}\n)", where)
    node = tree["statements"][0]["node"]
    condition = node.get("where_clause")
    frame = _parsed(engine, FRAME + "true", where)["statements"][0]["node"]
    if {**node, "where_clause": None} != {**frame, "where_clause": None} or _has_subquery(
        condition
    ):
        raise _wrong(where, "it must be one condition")
    node["where_clause"] = _with_attributes(engine, condition, where)
    text = _one(
        engine, "select json_deserialize_sql($tree) as it", tree=orjson.dumps(tree).decode()
    )
    sql = text.split(" WHERE ", 1)[1]
    _bind(engine, sql, where)
    return sql


def _bind(engine: Engine, sql: str, where: str) -> None:
    types = {"int64": "bigint", "double": "double", "bool": "boolean"}
    columns = [f"null::{types.get(str(c.type), 'varchar')} as {c.name}" for c in SPANS.columns]
    columns += ["null::varchar as all_attributes", "null::varchar as all_resource"]
    empty = f"from (select {', '.join(columns)})"
    probe = f"select 1 {empty} where {sql}"
    plan = orjson.loads(_one(engine, "select json_serialize_plan($probe) as it", probe=probe))
    if plan["error"]:
        raise _wrong(where, plan["error_message"])
    if _one(engine, f"select typeof(try({sql})) as it {empty}") != "BOOLEAN":
        raise _wrong(where, "it must be true or false")


def _parsed(engine: Engine, statement: str, where: str) -> dict[str, Any]:
    tree: dict[str, Any] = orjson.loads(
        _one(engine, "select json_serialize_sql($statement) as it", statement=statement)
    )
    if tree["error"] or len(tree["statements"]) != 1:
        raise _wrong(where, tree.get("error_message", "it must be one condition"))
    return tree


def _one(engine: Engine, sql: str, **values: str) -> str:
    reader = engine.stream(sql, **values)
    return str(reader.read_all()["it"][0].as_py())


def _has_subquery(tree: Any) -> bool:
    if isinstance(tree, dict):
        return tree.get("class") in ("SUBQUERY", "PARAMETER") or any(
            map(_has_subquery, tree.values())
        )
    return isinstance(tree, list) and any(map(_has_subquery, tree))


def _with_attributes(engine: Engine, tree: Any, where: str) -> Any:
    """The tree with every `attribute('x')` put into the engine's own words."""
    if isinstance(tree, list):
        return [_with_attributes(engine, branch, where) for branch in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.get("class") == "FUNCTION" and tree.get("function_name") == "attribute":
        name = _attribute_name(tree, where)
        words = attribute(name, "all_attributes", "all_resource")
        parsed = _parsed(engine, f"{FRAME}({words})", where)
        return parsed["statements"][0]["node"]["where_clause"]
    return {key: _with_attributes(engine, branch, where) for key, branch in tree.items()}


def _attribute_name(call: dict[str, Any], where: str) -> str:
    given = [a["expression"].get("literal", {}) for a in call["arguments"]]
    if len(given) != 1 or given[0].get("kind") != "STRING":
        raise _wrong(where, "attribute() takes one name in single quotes")
    return str(given[0]["text"])


def _wrong(where: str, why: str) -> InformerError:
    return InformerError(
        "--where must be one condition over the columns of spans and attribute('NAME'), "
        f"got {where!r}: {' '.join(why.split())}"
    )
