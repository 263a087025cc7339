"""The workspace folder: configuration, tables and models of one watched system."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import orjson
import pyarrow as pa

from informer.config.load import SETTINGS_FILE, settings_in, write_settings
from informer.config.rules import bytes_of
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.heap import keep_little
from informer.core.tables import TABLES
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.folder import FIRST, make_folder
from informer.pipeline.table_memory import while_folding

FORMAT = 7
TABLES_FILE = "workspace.duckdb"
READING_FILE = "reading.duckdb"
READING_CHECKPOINT = "128MB"  # some slices: to put each in its place alone takes twice as long
SPILL = "tmp"
BLIND = "blind"  # the kind of incidents that looks know nothing of
DRIFTED = "drifted"  # true in the evidence of an incident that learning opened as a question


class Workspace:
    """An open workspace; one process at a time. Use `create` or `open`, and `close` at the end."""

    def __init__(self, path: Path, engine: DuckDBEngine, settings: Settings) -> None:
        self.path = path
        self.engine = engine
        self.settings = settings

    @classmethod
    def create(cls, path: Path, settings: Settings | None = None) -> "Workspace":
        """Open a workspace to learn into, made when the folder is absent or empty.

        Settings given here hold instead of those of the folder; `keep_settings` writes them.
        Errors: InformerError when the folder holds something else, another version, or is in use.
        """
        if (path / TABLES_FILE).exists():
            workspace = cls.open(path)
            if settings is not None:
                workspace.settings = settings
            return workspace
        make_folder(path)
        if settings is None:
            settings = settings_in(path)
        workspace = cls(path, _engine(path, settings), settings)
        workspace._make()
        return workspace

    @classmethod
    def open(cls, path: Path) -> "Workspace":
        """Open a workspace that something was learned into, or is about to be.

        Errors: InformerError when there is none, it is of another version, or it is in use.
        """
        if not (path / TABLES_FILE).exists():
            if (path / FIRST).is_dir():
                raise InformerError(
                    f"nothing was learned into {path} yet: `informer serve` gathers spans first"
                )
            raise InformerError(
                f"{path} is no workspace: `informer learn` or `informer serve` makes one"
            )
        settings = settings_in(path)
        engine = _engine(path, settings)
        workspace = cls(path, engine, settings)
        if workspace._is_unmade():
            workspace._make()
        version = workspace.get("format").get("version") if engine.has("notes") else None
        if version != FORMAT:
            engine.close()
            raise InformerError(
                f"workspace {path} is of version {version}, this Informer reads version {FORMAT}: "
                "learn it again into a new folder"
            )
        return workspace

    def _is_unmade(self) -> bool:
        """Whether the process that made the folder ended before it had any table."""
        tables = self.engine.query("select count(*) as n from duckdb_tables()")["n"][0].as_py()
        return not tables and not self.models.exists()  # models say that there were tables once

    def _make(self) -> None:
        """All that a workspace has from the beginning, or nothing of it."""
        with self.engine.transaction():
            for spec in TABLES.values():
                if spec.name != "spans":
                    self.engine.append(spec.name, spec.empty())
            self.put("format", {"version": FORMAT})
            self.put("key", {"hex": secrets.token_hex(32)})

    @property
    def key(self) -> bytes:
        """Makes the codes of the rpcs secret to this workspace."""
        return bytes.fromhex(str(self.get("key")["hex"]))

    @property
    def models(self) -> Path:
        """Where the models are: PATTERN/VERSION/."""
        return self.path / "models"

    @property
    def spill(self) -> Path:
        """A folder for what does not fit memory; all in it goes with what needed it."""
        return self.path / SPILL

    def scratch(self) -> DuckDBEngine:
        """An engine in memory for the work itself; what does not fit spills into the folder."""
        return DuckDBEngine(spill=self.spill, memory=bytes_of(self.settings.machine.memory))

    def reading(self) -> DuckDBEngine:
        """An engine on the file that keeps how far learning has read; see `forget_progress`."""
        keep_little()  # before threads come that read and fold
        return DuckDBEngine(
            self.path / READING_FILE,
            spill=self.spill,
            memory=while_folding(self.settings.machine),
            checkpoint_at=READING_CHECKPOINT,
        )

    @property
    def finished(self) -> Path:
        """Where learning keeps the fits that are finished; see `forget_progress`."""
        return self.path / "finished"

    def forget_progress(self) -> None:
        """Drop what was kept of reading and fitting, when all of it is learned."""
        for path in self.path.glob(f"{READING_FILE}*"):
            path.unlink()
        shutil.rmtree(self.finished, ignore_errors=True)

    def keep_settings(self) -> None:
        """Write the settings into `informer.toml`: what worked is taken up by the next command."""
        write_settings(self.settings, self.path / SETTINGS_FILE)

    def beside(self) -> "Workspace":
        """The same workspace for another thread, to read from; close it on its own."""
        return Workspace(self.path, self.engine.beside(), self.settings)

    def table(self, name: str) -> pa.Table:
        """All rows of a table."""
        return self.engine.query(f'select {", ".join(TABLES[name].names)} from "{name}"')

    def save(self, name: str, rows: pa.Table) -> None:
        """Replace a table."""
        self.engine.write(name, rows.select(TABLES[name].names))

    def replace_between(
        self, name: str, column: str, from_ns: int, until_ns: int, rows: pa.Table
    ) -> None:
        """Put rows in the place of those whose time lies in [from_ns, until_ns)."""
        self.engine.run(
            f'delete from "{name}" where {column} >= $from_ns and {column} < $until_ns',
            from_ns=from_ns,
            until_ns=until_ns,
        )
        self.engine.append(name, rows.select(TABLES[name].names))

    def incidents_between(self, from_ns: int, until_ns: int) -> pa.Table:
        """Incidents that opened in a range, in order of opening."""
        names = ", ".join(TABLES["incidents"].names)
        return self.engine.query(
            f"select {names} from incidents where opened_ns >= $from_ns and opened_ns < $until_ns "
            "order by opened_ns, incident_id",
            from_ns=from_ns,
            until_ns=until_ns,
        )

    def keep_incidents(self, from_ns: int, until_ns: int, incidents: pa.Table) -> pa.Table:
        """Replace the incidents of a range; one that was decided on keeps its verdict.

        What learning asks (`DRIFTED`) stays, and so does what the service says of itself (`BLIND`).
        Returns them with their verdicts.
        """
        rows = incidents.to_pylist()
        before = self.engine.query("select incident_id, verdict from incidents").to_pylist()
        verdicts = {row["incident_id"]: row["verdict"] for row in before}
        for row in rows:
            row["verdict"] = verdicts.get(row["incident_id"], row["verdict"])
        self.engine.run(
            "delete from incidents where opened_ns >= $from_ns and opened_ns < $until_ns "
            f"""and kind <> '{BLIND}' and not contains(evidence, '"{DRIFTED}":true')""",
            from_ns=from_ns,
            until_ns=until_ns,
        )
        self.replace_incidents(rows)
        return TABLES["incidents"].of(rows)

    def replace_incidents(self, rows: list[Json]) -> None:
        """Put incidents in the place of those with their ids."""
        table = TABLES["incidents"].of(rows)
        self.engine.write("replaced", table.select(["incident_id"]))
        self.engine.run(
            "delete from incidents where incident_id in (select incident_id from replaced);"
            "drop table replaced"
        )
        self.engine.append("incidents", table)

    def meet(self, name: str, key: str, rows: pa.Table) -> None:
        """Remember rpcs or shapes that were met but not learned: accepting them needs them.

        What was met before keeps the time at which it was met first.
        """
        self.engine.append(f"met_{name}", TABLES[name].empty())
        self.engine.write("met_now", rows.select(TABLES[name].names))
        self.engine.run(
            f"update met_now set first_seen_ns = least(met_now.first_seen_ns, m.first_seen_ns) "
            f"from met_{name} as m where m.{key} = met_now.{key};"
            f"delete from met_{name} where {key} in (select {key} from met_now);"
            f"insert into met_{name} select * from met_now "
            f"where {key} not in (select {key} from {name});"
            "drop table met_now"
        )

    def get(self, name: str) -> Json:
        """A note by name; empty when there is none."""
        found = self.engine.query("select value from notes where name = $name", name=name)
        return dict(orjson.loads(found["value"][0].as_py())) if found.num_rows else {}

    def put(self, name: str, value: Json) -> None:
        """Write a note: state that is no table."""
        self.engine.run(
            "create table if not exists notes (name varchar primary key, value varchar)"
        )
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        self.engine.run(
            "insert or replace into notes values ($name, $value)", name=name, value=text
        )

    def close(self) -> None:
        """Let the folder go."""
        self.engine.close()
        shutil.rmtree(self.path / SPILL, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _engine(path: Path, settings: Settings) -> DuckDBEngine:
    return DuckDBEngine(
        path / TABLES_FILE, spill=path / SPILL, memory=bytes_of(settings.machine.memory)
    )


Place: TypeAlias = str | Path | Workspace  # of a workspace: its folder, or the open one


@contextmanager
def at(place: Place) -> Iterator[Workspace]:
    """The workspace at a place: opened for the while, or left open where it was."""
    if isinstance(place, Workspace):
        yield place
        return
    with Workspace.open(Path(place)) as home:
        yield home
