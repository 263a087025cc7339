"""The bytes of one file, unpacked when it is gzip or zstd, and no more than asked for."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from informer.core.ahead import ahead
from informer.core.errors import InformerError

CHUNK = 1 << 20
CHUNKS_AHEAD = 4
GZIP_SLICE = 1 << 14  # what follows a gzip member is copied once for each: it has to be little
ZSTD_CHUNK = 1 << 14  # what is lost before the place where zstd data is cut
LARGEST = 512 << 20  # bytes of one JSON document, line or message: it has to fit in memory
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Content:
    """One file's bytes. What a cut or damaged file still holds is given; `damage` says the rest."""

    path: Path
    damage: str | None = None
    too_long: int = 0  # lines beyond LARGEST, skipped

    def chunks(self) -> Iterator[bytes]:
        """All bytes, unpacked, about a MiB at a time."""
        magic = self._magic()
        if magic.startswith(GZIP):
            yield from self._gzip()
        elif magic == ZSTD:
            yield from self._zstd()
        else:
            with self.path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk

    def chunks_ahead(self) -> Iterator[bytes]:
        """The same; of a packed file another thread unpacks the next few meanwhile."""
        return ahead(self.chunks(), CHUNKS_AHEAD) if self.is_packed() else self.chunks()

    def is_packed(self) -> bool:
        """Whether it is gzip or zstd, whatever its name says."""
        return self._magic().startswith((GZIP, ZSTD))

    def head(self, size: int) -> bytes:
        """The first bytes, `size` of them when there are so many."""
        held = b""
        for chunk in self.chunks():
            held += chunk
            if len(held) >= size:
                break
        return held[:size]

    def whole(self) -> bytes:
        """All bytes at once. Errors: InformerError beyond LARGEST."""
        held = bytearray()
        for chunk in self.chunks():
            held += chunk
            if len(held) > LARGEST:
                raise InformerError(
                    f"{self.path} must be at most {LARGEST >> 20} MiB as one document: "
                    "write one JSON object a line instead"
                )
        return bytes(held)

    def lines(self) -> Iterator[bytes]:
        """The lines that are not blank; an unfinished last line of a damaged file is left out."""
        self.damage, self.too_long = None, 0
        mark = BOM
        begun = _Begun()
        for chunk in self.chunks_ahead():
            first, *others = chunk.removeprefix(mark).split(b"\n")
            mark = b""
            self.too_long += begun.add(first)
            if others:
                *whole, rest = begun.ended(), *others
                yield from (line for line in whole if line.strip())
                self.too_long += begun.add(rest)
        rest = begun.ended()
        if rest.strip() and self.damage is None:
            yield rest

    def frames(self) -> Iterator[bytes]:
        """Messages that each follow their length: 4 bytes, big-endian, as collectors write."""
        held = bytearray()
        for chunk in self.chunks_ahead():
            held += chunk
            start = 0
            while len(held) - start >= 4:
                size = int.from_bytes(held[start : start + 4], "big")
                if size > LARGEST:
                    self.damage = f"a message claims {size} bytes"
                    return
                if len(held) - start - 4 < size:
                    break
                yield bytes(held[start + 4 : start + 4 + size])
                start += 4 + size
            del held[:start]
        if held and self.damage is None:
            self.damage = "the last message is cut off"

    def _magic(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(4)

    def _gzip(self) -> Iterator[bytes]:
        unpacker, held = zlib.decompressobj(wbits=31), bytearray()
        with self.path.open("rb") as file:
            try:
                for packed in iter(lambda: file.read(GZIP_SLICE), b""):
                    while packed:
                        if unpacker.eof:
                            packed = packed.lstrip(b"\0")  # blocks of a tape are filled with them
                            if not packed:
                                break
                            unpacker = zlib.decompressobj(wbits=31)
                        held += unpacker.decompress(packed, CHUNK - len(held))
                        if len(held) == CHUNK:
                            yield bytes(held)
                            held.clear()
                        packed = unpacker.unconsumed_tail or unpacker.unused_data
                if not unpacker.eof:
                    self.damage = "the gzip data is cut off"
            except zlib.error:
                self.damage = "the gzip data is damaged"
        if held:
            yield bytes(held)

    def _zstd(self) -> Iterator[bytes]:
        try:
            with pa.CompressedInputStream(pa.OSFile(str(self.path)), "zstd") as stream:
                while chunk := stream.read(ZSTD_CHUNK):
                    yield chunk
        except OSError:
            self.damage = "the zstd data is cut off or damaged"


@dataclass(slots=True)
class _Begun:
    """The parts of a line whose end has not come, put together once.

    Of a line beyond LARGEST none are held.
    """

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, part: bytes) -> bool:
        """Whether the line became too long by this part."""
        was_held = self.size <= LARGEST
        self.size += len(part)
        if self.size <= LARGEST:
            self.parts.append(part)
            return False
        self.parts.clear()
        return was_held

    def ended(self) -> bytes:
        """The line, empty when it is too long; the next begins."""
        line = b"".join(self.parts)
        self.parts, self.size = [], 0
        return line


def unpacked(message: bytes) -> bytes:
    """A message that a collector packed on its own (`compression: zstd`), unpacked.

    Errors: OSError when it is damaged, ValueError beyond LARGEST.
    """
    if not message.startswith(ZSTD):
        return message
    held = bytearray()
    with pa.CompressedInputStream(pa.BufferReader(message), "zstd") as stream:
        while chunk := stream.read(CHUNK):
            held += chunk
            if len(held) > LARGEST:
                raise ValueError(f"a message unpacks to more than {LARGEST >> 20} MiB")
    return bytes(held)
