"""An unpacker of zlib that counts the bytes that it is given to look at."""

from zlib import decompressobj


class CountingUnpacker:
    """In the place of `zlib.decompressobj`; of all together no more than 20 MiB are looked at."""

    given = 0

    def __init__(self, wbits: int) -> None:
        self._unpacker = decompressobj(wbits)

    def decompress(self, packed: bytes, most: int) -> bytes:
        type(self).given += len(packed)
        assert self.given < 20 << 20, "what follows is copied for every member"
        return self._unpacker.decompress(packed, most)

    def __getattr__(self, name: str) -> object:
        return getattr(self._unpacker, name)
