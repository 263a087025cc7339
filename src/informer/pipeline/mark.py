"""How far a reading came, kept beside what was read: what is stopped goes on from there."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa

from informer.config.settings import Settings
from informer.core.ports import Source
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import begin
from informer.spans.sayings import NO_SAYINGS
from informer.spans.templates import Templates

# Raised whenever what is kept has another form, or sources are cut into other pieces: reading that
# another left unfinished begins anew.
FORMAT = 5
# The traces that wait for more lines, and the piece from which on lines of theirs were not folded.
NO_OPEN = "create table open_traces (trace bigint, source integer, piece integer)"


@dataclass(slots=True)
class Mark:
    """How far a reading came."""

    of: str  # what is read, and how
    source: int = 0  # the first that is not read to its end
    pieces: int = 0  # of it that are
    lines: int = 0
    late: int = 0  # lines that came when their trace may have been closed
    closed_ns: int = 0  # traces without a line since then are closed
    done: bool = False
    rejected: dict[str, int] = field(default_factory=dict)


def begun(engine: DuckDBEngine, of: str, settings: Settings) -> tuple[Mark, Templates]:
    """How far a reading of the same came, and the methods learned; or one that begins."""
    if engine.has("marks"):
        row = engine.query("select mark, templates from marks").to_pylist()[0]
        mark = Mark(**orjson.loads(row["mark"]))
        if mark.of == of:
            return mark, Templates.from_json(orjson.loads(row["templates"]))
    return anew(engine, of, settings)


def anew(engine: DuckDBEngine, of: str, settings: Settings) -> tuple[Mark, Templates]:
    """A reading that begins: what another left is forgotten."""
    mark, templates = Mark(of), Templates(settings.methods.rules)
    with engine.transaction():
        tables = engine.query(
            "select table_name as name, table_type = 'VIEW' as view from information_schema.tables"
        )
        for table in tables.to_pylist():
            engine.run(f'drop {"view" if table["view"] else "table"} "{table["name"]}"')
        begin(engine)
        engine.run(NO_SAYINGS)
        engine.run(NO_OPEN)
        keep_mark(engine, mark, templates)
    return mark, templates


def keep_mark(engine: DuckDBEngine, mark: Mark, templates: Templates) -> None:
    """Written in the transaction in which what was read is kept."""
    told = {"mark": orjson.dumps(asdict(mark)), "templates": orjson.dumps(templates.to_json())}
    engine.write("marks", pa.table({name: [text.decode()] for name, text in told.items()}))


def fingerprint(sources: Sequence[Source], settings: Settings, asked: Json) -> str:
    """What would make another reading of it."""
    files = []
    for name in (name for source in sources for name in source.names):
        files.append((name, *_state(Path(name))))
    how = [asdict(settings.source), asdict(settings.methods), settings.traffic.step_s, asked]
    return hashlib.sha256(orjson.dumps([FORMAT, files, how])).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        said = path.stat()
    except OSError:  # it lies elsewhere, and what it is is in its name
        return 0, 0
    return said.st_size, said.st_mtime_ns
