"""Bytes of a file as lines, however they come in chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        patched.setattr(unpack, "CHUNK", max(chunk, len(unpack.BOM)))
        patched.setattr(unpack, "LARGEST", longest)
        content = Content(path)
        assert list(content.lines()) == [line for line in whole if len(line) <= longest]
    assert content.too_long == sum(len(line) > longest for line in whole)
