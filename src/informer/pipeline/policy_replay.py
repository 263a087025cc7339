"""What a policy would have done to recorded traffic, had it been in force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.types import Bools, Json
from informer.pipeline.known_events import read_events
from informer.pipeline.policy_labels import Truth, read_malicious, told_of, truth_of
from informer.pipeline.policy_stream import needs_parents, stream_of
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_chains, sources_of
from informer.pipeline.runs import is_learned
from informer.pipeline.workspace import Workspace
from informer.policies.parse import parse
from informer.policies.replay import DEFAULT, Decided, replay
from informer.policies.stream import Stream
from informer.policies.syntax import MOST_BYTES, Policy
from informer.spans.templates import Templates

DEFAULT_NAME = "default"
MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Replayed:
    """Every call with its decision, and what was read."""

    policy: Policy
    stream: Stream
    decided: Decided
    truth: Truth
    unjudged: int  # calls with a side that nobody knows, or too deep in their chain
    read: Read

    @property
    def false_denied(self) -> Bools:
        """Harmless calls that were denied, [c]."""
        return self.decided.denied & self.truth.harmless


def read_policy(path: Path) -> Policy:
    """The policy of a rule file. Errors: InformerError with line and column."""
    try:
        if path.stat().st_size > 4 * MOST_BYTES:
            raise InformerError(f"{path} must have at most {MOST_BYTES:,} characters")
        return parse(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise InformerError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InformerError(f"{path} must be UTF-8: {error.reason} at {error.start}") from error


def replay_policy(
    policy: Policy,
    locations: Sequence[str | Path],
    workspace: str | Path,
    *,
    settings: Settings | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
    labels: Path | None = None,
    malicious: Path | None = None,
    progress: Progress = silent,
) -> Replayed:
    """Decide on the calls of sources as if every call had been made whatever was decided.

    Spans are read, and methods named, as the workspace learned it. `labels` and `malicious` (as
    `informer simulate` writes them) say what was no regular traffic; without them every denial is
    a false one. Errors: InformerError for what the user can mend.
    """
    events = read_events(labels) if labels else []
    truth = read_malicious(malicious) if malicious else None
    with Workspace.open(Path(workspace)) as home, home.scratch() as scratch:
        if not is_learned(home):
            raise InformerError(f"nothing was learned into {workspace} yet: run `informer learn`")
        given = replace(home.settings, source=settings.source) if settings else home.settings
        sources = sources_of(locations, given, from_ns=from_ns, until_ns=until_ns)
        templates = Templates.from_json(home.get("templates"))
        parents = needs_parents(policy)
        read = read_chains(scratch, home, sources, templates, progress, parents=parents)
        scratch.write("members", home.table("members"))
        progress("asking the rules", 0, None)
        stream, unjudged = stream_of(scratch, policy)
    decided = replay(policy, stream)
    return Replayed(policy, stream, decided, truth_of(stream, events, truth), unjudged, read)


def replay_document(found: Replayed) -> Json:
    """What `informer policy replay --json` prints."""
    calls = len(found.stream)
    false_denied = int(found.false_denied.sum())
    return {
        "calls": calls,
        "unjudged": found.unjudged,
        "denied": int(found.decided.denied.sum()),
        "false_denied": false_denied,
        "false_denied_share": false_denied / calls if calls else 0.0,
        "rules": _rules(found),
        "labels": told_of(found.truth, found.decided.denied),
    }


def _rules(found: Replayed) -> list[Json]:
    """Every rule, in order, then the default: the calls that it decided."""
    decided, rules = found.decided, found.policy.rules
    place = np.where(decided.rule == DEFAULT, len(rules), decided.rule)
    names = [*(rule.name for rule in rules), DEFAULT_NAME]

    def count(which: Bools) -> list[int]:
        return np.bincount(place[which], minlength=len(names)).tolist()  # type: ignore[no-any-return]

    allowed, denied = count(~decided.denied), count(decided.denied)
    false, limited = count(found.false_denied), count(decided.limited)
    examples = _examples(found, place)
    return [
        {
            "rule": name,
            "allowed": allowed[i],
            "denied": denied[i],
            "false_denied": false[i],
            "limited": limited[i],
            "examples": examples.get(i, []),
        }
        for i, name in enumerate(names)
        if i == len(rules) or not rules[i].on_reply
    ]


def _examples(
    found: Replayed, place: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> dict[int, list[Json]]:
    """The first denied calls of each rule, of different rpcs as far as there are."""
    examples: dict[int, list[Json]] = {}
    denied = np.flatnonzero(found.decided.denied)
    pairs = np.stack([place[denied], found.stream.rpc.codes[denied]]) if len(denied) else None
    if pairs is None:
        return examples
    for first in np.sort(np.unique(pairs, axis=1, return_index=True)[1]).tolist():
        call = int(denied[first])
        rule = int(place[call])
        if len(examples.setdefault(rule, [])) < MOST_EXAMPLES:
            caller, callee, method, _ = found.stream.rpc.at(call)
            examples[rule].append(
                {
                    "time_ns": int(found.stream.time_ns[call]),
                    "caller": caller,
                    "callee": callee,
                    "method": method,
                    "trace_id": found.stream.trace.at(call),
                }
            )
    return examples
