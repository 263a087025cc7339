"""A short name of all that a world holds: figures of one name were measured on the same traffic."""

import hashlib

from quality.world import World

LETTERS = 12


def fingerprint(world: World) -> str:
    """The same for the same series, events, and truth."""
    found = hashlib.sha256()
    for part in (world.train, world.test):
        for pattern_id, traffic in sorted(part.items()):
            series = traffic.series
            head = (pattern_id, series.graph.rpc_ids, series.start_ns, series.step_s)
            found.update(repr(head).encode())
            for values in (series.calls, series.seen, traffic.failures, traffic.refusals):
                found.update(values.tobytes())
    for event in world.events:
        found.update(repr(event).encode())
    for pattern_id, marked in sorted(world.malicious.items()):
        found.update(pattern_id.encode() + marked.tobytes())
    return found.hexdigest()[:LETTERS]
