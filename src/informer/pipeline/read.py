"""From sources to calls, chains and shapes in a scratch engine: what learn and detect share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from informer.chains.build import Chains, build_chains
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.ports import Engine, Source
from informer.core.tables import SPANS
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import count_called, unfold
from informer.pipeline.fold_sources import fold_sources
from informer.pipeline.memory import recall_entries
from informer.pipeline.progress import Progress
from informer.pipeline.rejected import nothing_read, rejected_of
from informer.pipeline.stored import stored_sources
from informer.pipeline.table_memory import when_folded
from informer.pipeline.workspace import Workspace
from informer.spans.open import correlated, open_sources
from informer.spans.received import Selection
from informer.spans.templates import OPERATIONS, Templates

HERE = "duckdb"  # the engine whose sources are files of this machine
ALL_OPERATIONS = """
select service, operation, cast(sum(calls) as double) as calls
from operations
group by service, operation
"""
TAIL = "select cast(sum(chains) as bigint) as chains from outline_steps where outline_id = 0"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: for people, and for the verdict on the data."""

    formats: tuple[str, ...]
    files: int
    notes: tuple[str, ...]
    rejected: dict[str, int]
    chains: Chains
    templates: Templates


def sources_of(
    locations: Sequence[str | Path],
    settings: Settings,
    *,
    from_ns: int | None = None,
    until_ns: int | None = None,
) -> list[Source]:
    """Open the sources as the settings say."""
    given, whole_paths = settings.source, bool(settings.methods.rules)
    if given.engine != HERE:
        if given.format not in ("", "table"):
            raise InformerError(f"--format must be table where the engine is {given.engine}")
        selection = Selection(
            correlated(given.correlate), given.where or None, from_ns, until_ns, whole_paths
        )
        names = [str(location) for location in locations]
        return list(stored_sources(names, given.engine, selection, given.columns or None))
    return open_sources(
        [str(location) for location in locations],
        format=given.format or None,
        columns=given.columns or None,
        correlate=given.correlate,
        where=given.where or None,
        from_ns=from_ns,
        until_ns=until_ns,
        whole_paths=whole_paths,
    )


def load_spans(engine: Engine, sources: Sequence[Source], progress: Progress) -> None:
    """Put all spans into the table `spans`.

    Errors: InformerError when there is none, with the reasons for what was rejected.
    """
    engine.append("spans", SPANS.empty(), passing=True)
    loaded = 0
    for source in sources:
        for spans in source.stage(engine, "spans"):
            loaded += spans
            progress("reading spans", loaded, None)
    if loaded == 0:
        raise InformerError(nothing_read(sources))


def read_outlines(
    engine: DuckDBEngine,
    workspace: Workspace,
    opened: Callable[[], Sequence[Source]],
    progress: Progress,
    *,
    asked: Json,
) -> Read:
    """Learn the forms of chains of sources of any size, and count their calls by step.

    Makes `cell_counts`, `cell_shares`, `call_kinds`, `chain_steps`, `rpcs` and `shapes`, which are
    of all chains; `spans`, `calls` and `chains` hold those that were kept whole, and `counts_as`
    how many each stands for.
    """
    mark, templates, sources = fold_sources(
        engine,
        opened,
        workspace.settings,
        progress,
        key=workspace.key,
        spill=workspace.spill,
        asked=asked,
    )
    engine.limit(when_folded(workspace.settings.machine))
    operations = engine.query(ALL_OPERATIONS)
    engine.write("methods", templates.mapping(operations))
    engine.write("rpcs", workspace.table("rpcs"))
    progress("building chains", 0, None)
    unfold(engine)
    chains = build_chains(engine, key=workspace.key)
    count_called(engine, key=workspace.key)
    notes = []
    if mark.late:
        notes.append(f"{mark.late:,} spans came too late for their traces")
    tail = engine.query(TAIL)["chains"][0].as_py()
    if tail:
        notes.append(
            f"{tail:,} chains have one of too many rare forms: their links are known, but they are "
            "counted in no pattern"
        )
    read = replace(chains, spans=mark.lines)
    return _told(sources, read, templates, mark.rejected, tuple(notes))


def read_chains(
    engine: DuckDBEngine,
    workspace: Workspace,
    sources: Sequence[Source],
    templates: Templates,
    progress: Progress,
    *,
    parents: bool = False,
) -> Read:
    """Make `calls`, `chains`, `rpcs` and `shapes` from sources; and `call_parents` if asked for.

    Method templates and remote entries are those that the workspace remembers.
    """
    load_spans(engine, sources, progress)
    operations = engine.query(OPERATIONS)
    engine.write("methods", templates.mapping(operations))
    engine.write("rpcs", workspace.table("rpcs"))
    progress("building chains", 0, None)
    entries = recall_entries(workspace)
    chains = build_chains(engine, key=workspace.key, remote_entries=entries, parents=parents)
    return _told(sources, chains, templates, rejected_of(sources))


def _told(
    sources: Sequence[Source],
    chains: Chains,
    templates: Templates,
    rejected: Mapping[str, int],
    notes: tuple[str, ...] = (),
) -> Read:
    return Read(
        tuple(dict.fromkeys(s.format for s in sources)),
        sum(len(s.names) for s in sources),
        (*(note for s in sources for note in s.notes), *notes),
        dict(rejected),
        chains,
        templates,
    )
