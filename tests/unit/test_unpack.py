"""Bytes of a file as lines, however they come in chunks."""

import gzip
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting_unpacker import CountingUnpacker
from informer.spans import unpack
from informer.spans.unpack import Content

TEXT = st.text("ab \n", max_size=40).map(str.encode)


@given(TEXT, st.integers(1, 9), st.integers(3, 50))
def test_lines_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, chunk: int, longest: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "lines"
    path.write_bytes(unpack.BOM + text)
    whole = [line for line in text.split(b"\n") if line.strip() or len(line) > longest]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(unpack, "CHUNK", min(max(chunk, len(unpack.BOM)), longest))
        patched.setattr(unpack, "LARGEST", longest)
        content = Content(path)
        assert list(content.lines()) == [line for line in whole if len(line) <= longest]
    assert content.too_long == sum(len(line) > longest for line in whole)


def test_many_gzip_members_do_not_have_all_behind_them_copied_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zlib, "decompressobj", CountingUnpacker)
    monkeypatch.setattr(CountingUnpacker, "given", 0)
    large = random.Random(0).randbytes(1 << 20)
    path = tmp_path / "members.gz"
    path.write_bytes(gzip.compress(b"", mtime=0) * 900 + gzip.compress(large, mtime=0))
    content = Content(path)
    assert content.whole() == large
    assert content.damage is None
    assert path.stat().st_size <= CountingUnpacker.given


def test_chunks_of_gzip_are_a_mebibyte_however_it_was_packed(tmp_path: Path) -> None:
    plain = random.Random(0).randbytes(1 << 20) + bytes(20 << 20)
    path = tmp_path / "packed.gz"
    path.write_bytes(gzip.compress(plain[: 1 << 19]) + gzip.compress(plain[1 << 19 :]))
    chunks = list(Content(path).chunks())
    assert b"".join(chunks) == plain
    assert {len(chunk) for chunk in chunks[:-1]} == {1 << 20}


def test_zeros_that_fill_up_a_gzip_file_are_no_damage_however_many(tmp_path: Path) -> None:
    path = tmp_path / "tape.gz"
    member = gzip.compress(b"line\n")
    path.write_bytes(member + bytes(3 << 20) + member + bytes(100))
    content = Content(path)
    assert list(content.lines()) == [b"line", b"line"]
    assert content.damage is None


def test_what_a_damaged_gzip_file_holds_before_the_damage_is_given(tmp_path: Path) -> None:
    lines = random.Random(0).randbytes(1 << 17).hex().encode()
    packed = bytearray(gzip.compress(b"first\n" + lines))
    packed[-8] ^= 1  # of the check sum
    path = tmp_path / "damaged.gz"
    path.write_bytes(packed)
    content = Content(path)
    assert next(content.lines()) == b"first"
    assert content.damage == "the gzip data is damaged"
