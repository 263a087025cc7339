"""Lines set apart on disk by their traces, for sources whose lines are in no order of time."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from informer.core.lines import Lines, plain_rows

FILES = 64
NUMBERS = {"trace": pa.int64(), "span": pa.int64(), "up": pa.int64(), "soft": pa.bool_()}


class TraceFiles:
    """Files of a passing folder; all lines of a trace are in one of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = TemporaryDirectory(prefix="traces-", dir=folder)
        self._files: dict[int, tuple[Path, pa.OSFile, pa.ipc.RecordBatchFileWriter]] = {}
        self.lines = 0

    def add(self, lines: Lines) -> None:
        """Set lines apart."""
        self.lines += len(lines)
        file = lines.trace % FILES
        order = np.argsort(file, kind="stable")
        cuts = np.searchsorted(file[order], np.arange(FILES + 1))
        for number, (low, high) in enumerate(pairwise(cuts)):
            if high > low:
                self._write(number, lines.take(order[low:high]))

    def parts(self) -> Iterator[Lines]:
        """What is in each of the files, after which nothing can be added."""
        for _, sink, writer in self._files.values():
            writer.close()
            sink.close()
        for number in range(FILES):
            yield _read(self._files[number][0]) if number in self._files else _nothing()

    def _write(self, number: int, lines: Lines) -> None:
        table = plain_rows([lines.rows])
        for name, type in NUMBERS.items():
            table = table.append_column(name, pa.array(getattr(lines, name), type))
        if number not in self._files:
            path = Path(self._folder.name, f"{number}.arrow")
            sink = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            writer = pa.ipc.new_file(sink, table.schema, options=options)
            self._files[number] = path, sink, writer
        self._files[number][2].write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, sink, _ in self._files.values():
            sink.close()
        self._folder.cleanup()


def _read(path: Path) -> Lines:
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
        table = reader.read_all().combine_chunks()
    numbers = (table[n].chunk(0).to_numpy(zero_copy_only=n != "soft") for n in NUMBERS)
    return Lines(table.drop_columns(list(NUMBERS)), *(np.array(one) for one in numbers))


def _nothing() -> Lines:
    numbers = (np.empty(0, t.to_pandas_dtype()) for t in NUMBERS.values())
    return Lines(plain_rows([]), *numbers)
