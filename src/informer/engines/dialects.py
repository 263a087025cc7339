"""Our SQL, written in DuckDB's dialect, as statements that another engine understands.

What makes, changes or drops a table comes down to a SELECT and a name: what a table is differs too
much between engines to be said in one dialect.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types

Dialect: TypeAlias = Literal["spark", "clickhouse"]
Deed: TypeAlias = Literal["select", "table", "view", "insert", "keep", "drop", "rename"]
Rewrite: TypeAlias = Callable[[exp.Expr], exp.Expr]

# What Arrow calls our types.
_ALIASES = {
    "bigint": "int64",
    "int": "int32",
    "smallint": "int16",
    "text": "string",
    "boolean": "bool",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: what it does to `table` with the rows of `select`, in the engine's dialect.

    `keep`: the table is left with the rows of the SELECT alone. `values`: the names that the SELECT
    takes, each as `:name` (Spark) or `{name: }` (ClickHouse).
    """

    does: Deed
    table: str = ""
    select: str = ""
    values: tuple[str, ...] = ()
    columns: tuple[tuple[str, pa.DataType], ...] = ()  # of a table that is made without rows
    absent_only: bool = False  # make it only where there is none
    new_name: str = ""


@lru_cache(maxsize=512)
def statements(sql: str, dialect: Dialect) -> tuple[Statement, ...]:
    """The statements of some SQL. Errors: ValueError for a statement that no SQL of ours needs."""
    parsed = sqlglot.parse(sql, read="duckdb")
    return tuple(_statement(tree, dialect) for tree in parsed if tree is not None)


def quoted(name: str, dialect: Dialect) -> str:
    """A name of a table or column, whatever is in it."""
    return exp.to_identifier(name, quoted=True).sql(dialect)


def _statement(tree: exp.Expr, dialect: Dialect) -> Statement:
    if isinstance(tree, exp.Create):
        return _made(tree, dialect)
    if isinstance(tree, exp.Insert):
        if tree.args.get("by_name") or isinstance(tree.this, exp.Schema):
            raise ValueError(f"`append` adds rows by name, SQL adds them by place: {tree.sql()}")
        return _of_rows("insert", _name(tree.this), tree.expression, dialect)
    if isinstance(tree, exp.Delete):
        return _left(tree, dialect)
    if isinstance(tree, exp.Drop) and tree.args["kind"] in ("TABLE", "VIEW"):
        return Statement("drop", _name(tree.args["tables"][0]))
    if isinstance(tree, exp.Alter):
        (action,) = tree.args["actions"]
        if isinstance(action, exp.AlterRename):
            return Statement("rename", _name(tree.this), new_name=_name(action.this))
    if isinstance(tree, exp.Query):
        return _of_rows("select", "", tree, dialect)
    raise ValueError(f"no engine but DuckDB is asked to {tree.sql('duckdb')}")


def _made(tree: exp.Create, dialect: Dialect) -> Statement:
    absent_only = bool(tree.args.get("exists"))
    if isinstance(tree.this, exp.Schema):
        columns = tuple((c.name, _arrow_type(c.args["kind"])) for c in tree.this.expressions)
        name = _name(tree.this.this)
        return Statement("table", name, columns=columns, absent_only=absent_only)
    deed: Deed = "view" if tree.kind == "VIEW" else "table"
    return _of_rows(deed, _name(tree.this), tree.expression, dialect, absent_only=absent_only)


def _left(tree: exp.Delete, dialect: Dialect) -> Statement:
    """A deletion, said as the rows that stay: few engines delete by what stands elsewhere."""
    gone = tree.args["where"].this
    stays = exp.not_(exp.func("coalesce", gone, exp.false()))
    return _of_rows(
        "keep", _name(tree.this), exp.select("*").from_(tree.this).where(stays), dialect
    )


def _of_rows(
    deed: Deed, table: str, query: exp.Expr, dialect: Dialect, *, absent_only: bool = False
) -> Statement:
    values = tuple(sorted({p.name for p in query.find_all(exp.Placeholder)}))
    said = _rewritten(query, dialect).sql(dialect, comments=False)
    return Statement(deed, table, said, values, absent_only=absent_only)


def _rewritten(query: exp.Expr, dialect: Dialect) -> exp.Expr:
    query = _each(query.copy(), _anywhere)
    if dialect == "spark":
        return _each(query, _for_spark)
    annotate_types(query, dialect="duckdb")
    for select in list(query.find_all(exp.Select)):
        names = Counter(e.alias_or_name for e in select.expressions)
        truths = [_as_truth(e) for e in select.expressions]
        # In a later part of a union two columns may have one name: the first part's names hold.
        told = [_named(t) if names[t.alias_or_name] == 1 else t for t in truths]
        select.set("expressions", told)
    return _each(query, _for_clickhouse)


def _each(tree: exp.Expr, rewrite: Rewrite) -> exp.Expr:
    """Every part of a tree rewritten, what is inside first."""
    for node in reversed(list(tree.walk(bfs=True))):
        new = rewrite(node)
        if new is not node and node.parent is None:
            tree = new
        elif new is not node:
            node.replace(new)
    return tree


def _anywhere(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Select):
        order = node.args.get("order")
        if order is not None and order.expressions[0].this.name.upper() == "ALL":
            places = [exp.Literal.number(n + 1) for n in range(len(node.expressions))]
            order.set("expressions", [exp.Ordered(this=p, nulls_first=False) for p in places])
    if isinstance(node, exp.Join) and node.kind == "ANTI":
        node.set("side", "LEFT")
    return node


def _for_spark(node: exp.Expr) -> exp.Expr:
    if _is_hash(node):
        # The key comes first: later values are mixed into what it made. A null is skipped by the
        # hash, so whether a value is one is hashed beside it.
        *values, key = (e.copy() for e in node.expressions)
        flags = [exp.Is(this=v.copy(), expression=exp.Null()) for v in values]
        return exp.func(
            "xxhash64", key, *(x for pair in zip(values, flags, strict=True) for x in pair)
        )
    if isinstance(node, exp.Literal) and node.is_number and not node.is_int:
        return exp.cast(node.copy(), "double")  # it would be a decimal
    if isinstance(node, exp.BitwiseRightShift):  # DuckDB's hash has no sign
        return exp.func("shiftrightunsigned", node.this.copy(), node.expression.copy())
    return node


def _for_clickhouse(node: exp.Expr) -> exp.Expr:
    if _is_hash(node):
        *values, key = (e.copy() for e in node.expressions)
        keys = [_call("toUInt64", key), _call("toUInt64", exp.Literal.number(0))]
        # As a tuple: of a bare null there would be no hash.
        return _call("sipHash64Keyed", exp.Tuple(expressions=keys), _call("tuple", *values))
    if isinstance(node, exp.BitwiseRightShift):
        return _call("bitShiftRight", node.this.copy(), node.expression.copy())
    if isinstance(node, exp.LogicalOr):
        return _call("max", node.this.copy())
    is_row_number = isinstance(node, exp.Window) and isinstance(node.this, exp.RowNumber)
    if (isinstance(node, exp.Count) and not isinstance(node.parent, exp.Window)) or is_row_number:
        return _call("toInt64", node.copy())  # nothing is both unsigned and of our integers' type
    return node


def _is_hash(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == "hash"


def _call(name: str, *values: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(values))


def _as_truth(column: exp.Expr) -> exp.Expr:
    """A column of ClickHouse that is true or false, not 1 or 0."""
    value = column.unalias()
    if isinstance(value, exp.Column | exp.Cast) or not value.is_type("boolean"):
        return column
    truth = exp.cast(value.copy(), "boolean")
    return exp.alias_(truth, column.alias) if isinstance(column, exp.Alias) else truth


def _named(column: exp.Expr) -> exp.Expr:
    """A column under its own name: ClickHouse would call `s.kind` of a join so."""
    if isinstance(column, exp.Column) and column.table and not column.is_star:
        return exp.alias_(column.copy(), column.name)
    return column


def _arrow_type(kind: exp.DataType) -> pa.DataType:
    if kind.this == exp.DType.ARRAY:
        return pa.list_(_arrow_type(kind.expressions[0]))
    said = kind.sql("duckdb").lower()
    return pa.type_for_alias(_ALIASES.get(said, said))


def _name(table: Any) -> str:
    return str(table.name)
