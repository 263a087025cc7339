"""Which of several slow rpcs is to blame: a caller waits for what it calls, and is slow as well."""

from collections.abc import Mapping, Sequence

from informer.incidents.group import Story


def by_blame(
    stories: Sequence[Story],
    ends: Mapping[str, tuple[str, str]],
    calls: Mapping[tuple[str, str], float],
) -> list[Story]:
    """Stories of latency, the one whose own time grew most first.

    `ends` are caller and callee of each rpc; `calls` how often each rpc of each pattern is called,
    by (pattern, rpc): a caller waits for each of its calls.
    """
    return sorted(
        stories,
        key=lambda s: (-_own_ms(s, stories, ends, calls), s.first_ns, s.pattern_id, s.rpc_id),
    )


def _own_ms(
    story: Story,
    stories: Sequence[Story],
    ends: Mapping[str, tuple[str, str]],
    calls: Mapping[tuple[str, str], float],
) -> float:
    """How many milliseconds longer a call took, without those that it waited for its callees."""
    own = _grown_ms(story)
    for other in stories:
        below = ends[other.rpc_id][0] == ends[story.rpc_id][1] and other is not story
        together = other.first_ns <= story.last_ns and story.first_ns <= other.last_ns
        if below and together and other.pattern_id == story.pattern_id:
            mine = calls.get((story.pattern_id, story.rpc_id), 0.0)
            theirs = calls.get((other.pattern_id, other.rpc_id), 0.0)
            own -= _grown_ms(other) * (theirs / mine if mine and theirs else 1.0)
    return own


def _grown_ms(story: Story) -> float:
    """Milliseconds beyond the usual, where the story is most telling."""
    return float(story.peak["observed"]) - float(story.peak["expected"])
