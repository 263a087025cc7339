"""CSV files as records, some at a time: what memory they take is bounded, whatever they hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from informer.core.errors import InformerError
from informer.core.types import Bools, Ints
from informer.spans.buffers import Bytes
from informer.spans.csv_columns import texts, told, told_together
from informer.spans.csv_walk import AT_FIELD, LF, OVER, Fields, pass_by, slots_of, walk
from informer.spans.indexed import Indexed
from informer.spans.received import Tally
from informer.spans.scans import TableFile
from informer.spans.texts import SPARE
from informer.spans.unpack import BOM, CHUNK, Content

PIECE_BYTES = 8 << 20  # of which some are in memory at once
LEAST_RECORD = 64  # bytes: pieces of shorter records end by their number
ROOMS = 3  # pieces: one that is read, one that waits, one that somebody is at work on
LONGEST_RECORD = 4 << 20


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Records of CSV, and where in its bytes their fields lie; see `walk`.

    A reader's are good until it was asked ROOMS times for its next ones.
    """

    data: Bytes
    starts: Fields
    ends: Fields
    used: Sequence[str]  # the columns
    found: Tally  # lines up to here that are no records, and damage

    def __len__(self) -> int:
        return int(self.starts.shape[1])

    def fields(self, column: str) -> tuple[Bytes, Fields, Fields]:
        """The bytes, and where in them the fields of a column begin and end; [n]."""
        place = self.used.index(column)
        return self.data, self.starts[place], self.ends[place]

    def texts(self, column: str) -> pa.Array:
        """A column; what is empty is null."""
        return texts(*self.fields(column))

    def told(self, column: str) -> pa.DictionaryArray:
        """The same, told apart."""
        return told(*self.fields(column))

    def told_together(self, columns: Sequence[str]) -> Indexed:
        """What columns hold that stand side by side in the file, in its order."""
        return told_together(self.data, {column: self.fields(column)[1:] for column in columns})

    def are_empty(self, column: str) -> Bools:
        """In which records a column is empty; [n]."""
        _, starts, ends = self.fields(column)
        return np.equal(starts, ends)

    def taken(self, places: Ints) -> Self:
        """The records at some places."""
        return replace(self, starts=self.starts[:, places], ends=self.ends[:, places])

    def table(self) -> pa.Table:
        """All columns that are used."""
        return pa.table([self.texts(c) for c in self.used], names=list(self.used))


class CsvReader:
    """Files of the same columns on their way into records.

    What is no record behind the last one is left in `found`.
    """

    def __init__(self, files: Sequence[TableFile], used: Sequence[str]) -> None:
        self.found = Tally()
        self._files, self._used = files, list(used)
        self._delimiter = np.uint8(ord(files[0].delimiter))
        self._slots = slots_of(files[0].columns, self._used)
        # Used in turn: memory that is touched anew costs more than to fill it.
        self._rooms: list[tuple[Bytes, Fields, Fields]] = []
        self._data: Bytes = np.empty(0, np.uint8)
        self._walked = self._filled = self._known = 0
        self._state = OVER

    def read(self, most: int, size: int = PIECE_BYTES) -> Iterator[CsvRows]:
        """All records in order, at most so many, and of about so many bytes, at a time.

        They are cut at the same places whenever the files are the same.
        """
        self._begin(most, size)
        for file in self._files:
            content = Content(file.path)
            for chunk in _told_plainly(content):
                if self._filled + len(chunk) + SPARE > len(self._data):
                    yield from self._given()
                    self._begin(most, size)
                end = self._filled + len(chunk)
                self._data[self._filled : end] = np.frombuffer(chunk, np.uint8)
                self._filled = end
                while self._walk(is_last=False):
                    yield from self._given()
                    self._begin(most, size)
            while self._walk(is_last=content.damage is None):
                yield from self._given()
                self._begin(most, size)
            if self._state != OVER and self._filled and self._data[self._filled - 1] != LF:
                self.found.rejected["unreadable_line"] += 1
            self._walked, self._state = self._filled, OVER
            if content.damage is not None:
                self.found.count_damage(file.path, content.damage)
        yield from self._given()

    def _given(self) -> Iterator[CsvRows]:
        if self._known:
            starts, ends = self._starts[:, : self._known], self._ends[:, : self._known]
            yield CsvRows(self._data, starts, ends, self._used, self.found.taken())

    def _begin(self, most: int, size: int) -> None:
        """A new piece, with what is left of the bytes of the last one."""
        left = self._data[self._walked : self._filled]
        if self._known or not self._rooms:  # else the last room is still ours
            room = self._rooms[0] if len(self._rooms) == ROOMS else self._new_room(most, size)
            self._rooms = [*self._rooms, room][-ROOMS:]
        self._data, self._starts, self._ends = self._rooms[-1]
        self._data[: len(left)] = left
        self._walked, self._filled, self._known = 0, len(left), 0

    def _new_room(self, most: int, size: int) -> tuple[Bytes, Fields, Fields]:
        # What is left of a piece is at most a record and a chunk, and one chunk more must fit.
        data = np.empty(max(size, LONGEST_RECORD + 2 * CHUNK) + SPARE, np.uint8)
        # Fields of a column lie side by side; far apart, every column would take pages of its own.
        most = min(most, len(data) // LEAST_RECORD)
        starts, ends = np.empty((2, len(self._used), most), np.int32)
        return data, starts, ends

    def _walk(self, *, is_last: bool) -> bool:
        """Read on in the bytes that are there; whether there is no room for more records."""
        while True:
            bounds = np.uint64(self._walked), np.uint64(self._filled)
            if self._state != OVER:
                at, self._state, lines = pass_by(self._data, *bounds, self._state, self._delimiter)
                self._walked = int(at)
                if lines:
                    self.found.rejected["unreadable_line"] += lines
                if self._state != OVER:
                    return False
                continue
            self._known, at, bad = walk(
                self._data,
                *bounds,
                is_last,
                self._delimiter,
                self._slots,
                self._known,
                self._starts,
                self._ends,
            )
            self._walked = int(at)
            if bad:
                self.found.rejected["unreadable_line"] += bad
            if self._known == self._starts.shape[1]:
                return True
            if self._filled - self._walked <= LONGEST_RECORD:
                return False
            self._state = AT_FIELD


def _told_plainly(content: Content) -> Iterator[bytes]:
    try:
        yield from _without_header(content.chunks_ahead())
    except OSError as error:
        raise InformerError(f"cannot read on: {content.path}: {error.strerror}") from error


def _without_header(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What follows the first line that is not blank."""
    begun = passed = False
    for chunk in chunks:
        if passed:
            yield chunk
            continue
        text = chunk if begun else chunk.removeprefix(BOM).lstrip()
        begun |= bool(text)
        ends = [place for place in (text.find(b"\n"), text.find(b"\r")) if place >= 0]
        if ends:
            passed = True
            yield text[min(ends) :]
