"""The outlines that were met, by the sum of their codes, and which of their links are kept."""

import numpy as np
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.ports import Engine
from informer.core.types import Ints
from informer.outlines import state
from informer.outlines.pairs import Linked
from informer.outlines.slices import Slice
from informer.outlines.slots import Slots, find, placed

OUTLINES = pa.schema([("outline_id", pa.int64()), ("code_sum", pa.int64()), ("lines", pa.int32())])
MIX = np.uint64(0xD6E8FEB86659FD93)


class Forms:
    """Outlines by number, from 1 on, as the table `outlines` has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        told = engine.query("select code_sum, lines from outlines order by outline_id")
        self._keys = _keys(told["code_sum"].to_numpy(), told["lines"].to_numpy())
        links = engine.query("select distinct link_id from kept_lines")["link_id"].to_numpy()
        self._kept_links = np.zeros(1, bool)
        self.keep_links(links)
        self._place()

    def __len__(self) -> int:
        return len(self._keys)

    def keep_links(self, links: Ints) -> None:
        """Links of a trace that stands for its outline."""
        more = int(links.max(initial=0)) + 1 - len(self._kept_links)
        self._kept_links = np.append(self._kept_links, np.zeros(max(0, more), bool))
        self._kept_links[links] = True

    def number(self, lines: Slice, sums: Ints, link: Linked) -> Ints:
        """The outline of every trace, 0 = it is open, or one of too many; [t].

        `sums` are those of the codes of its links; [t], `link` the links of lines.
        """
        counts = np.diff(lines.begins)
        keys = _keys(sums, counts)
        found = np.where(lines.closed, _found(keys, self._keys, self._slots, self._bits) + 1, 0)
        unknown = np.flatnonzero(lines.closed & (found == 0))
        if not len(unknown):
            return found
        unknown = unknown[np.argsort(lines.traces[unknown])]
        _, first = np.unique(keys[unknown], return_index=True)
        new = unknown[np.sort(first)][: max(0, state.MOST_OUTLINES - len(self))]
        self._add(keys[new], sums[new], counts[new])
        if len(self) >= state.MOST_OUTLINES:
            rare = self._rare(lines, unknown[~np.isin(keys[unknown], keys[new])], link)
            _, first = np.unique(keys[rare], return_index=True)
            rare = rare[np.sort(first)]
            self._add(keys[rare], sums[rare], counts[rare])
        found[unknown] = _found(keys[unknown], self._keys, self._slots, self._bits) + 1
        return found

    def _rare(self, lines: Slice, traces: Ints, link: Linked) -> Ints:
        """Of traces in order, the first with each link that no trace has that is kept."""
        places = lines.lines_of(traces)
        links = link.at(places)
        owner = np.repeat(traces, np.diff(lines.begins)[traces])
        kept = self._kept_links[np.minimum(links, len(self._kept_links) - 1)]
        news = ~(kept & (links < len(self._kept_links)))
        _, first = np.unique(links[news], return_index=True)
        rare: Ints = owner[news][np.sort(first)]
        return rare[np.sort(np.unique(rare, return_index=True)[1])]

    def _add(self, keys: Ints, sums: Ints, counts: Ints) -> None:
        if not len(keys):
            return
        ids = np.arange(len(self) + 1, len(self) + 1 + len(keys))
        columns = [ids, sums, counts.astype(np.int32)]
        self._engine.append("outlines", pa.table(columns, schema=OUTLINES))
        self._keys = np.append(self._keys, keys)
        self._place()

    def _place(self) -> None:
        self._bits = max(8, (2 * len(self._keys)).bit_length())
        self._slots: Slots = placed(self._keys, self._bits)


def _keys(sums: Ints, lines: Ints) -> Ints:
    """Sum and number of lines as one: codes are secret, so nobody can make two look alike."""
    mixed = sums.astype(np.uint64) ^ (lines.astype(np.uint64) * MIX)
    return mixed.view(np.int64)


@compiled
def _found(asked: Ints, keys: Ints, slots: Slots, bits: int) -> Ints:
    """The place of each key, -1 = it is not there."""
    found = np.empty(len(asked), np.int64)
    for n in range(len(asked)):
        found[n] = slots[find(asked[n], keys, slots, 64 - bits)]
    return found
