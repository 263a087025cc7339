"""Tokens of the API: who holds which role, and what a file of them must be."""

import logging
from hashlib import sha256
from pathlib import Path

import pytest

from informer.core.errors import InformerError
from informer.service.api.roles import ApiTokens, Holder

TOKEN = "s3cret-s3cret-s3cret"
DIGEST = sha256(TOKEN.encode()).hexdigest()


def tokens(folder: Path, text: str, mode: int = 0o600) -> ApiTokens:
    file = folder / "tokens"
    file.write_text(text)
    file.chmod(mode)
    return ApiTokens.read(str(file))


def test_a_token_is_known_as_it_is_and_by_its_hash(tmp_path: Path) -> None:
    for written in (TOKEN, f"sha256:{DIGEST}", f"sha256:{DIGEST.upper()}"):
        known = tokens(tmp_path, f"# who may what\n\nread {written}  the console\n")
        assert known.holder(f"Bearer {TOKEN}") == Holder("the console", "read")
        assert known.holder(f"bearer  {TOKEN} ") == Holder("the console", "read")


def test_a_hash_is_no_token(tmp_path: Path) -> None:
    known = tokens(tmp_path, f"decide sha256:{DIGEST}\n")
    assert known.holder(f"Bearer sha256:{DIGEST}") is None
    assert known.holder(f"Bearer {DIGEST}") is None


def test_who_has_no_name_is_told_by_the_beginning_of_the_hash(tmp_path: Path) -> None:
    known = tokens(tmp_path, f"decide {TOKEN}\n")
    assert known.holder(f"Bearer {TOKEN}") == Holder(f"token {DIGEST[:8]}", "decide")


@pytest.mark.parametrize(
    "shown", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", "Bearer \udcff"]
)
def test_what_is_no_token_of_ours_admits_nobody(tmp_path: Path, shown: str) -> None:
    assert tokens(tmp_path, f"decide {TOKEN}\n").holder(shown) is None


def test_no_file_knows_nobody() -> None:
    assert ApiTokens.read("").holders == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nobody\n",
        f"admin {TOKEN}\n",
        f"{TOKEN}\n",
        "read\n",
        "read s3cret-short\n",
        "read s3cret-s3cret-s3cr\u00e9t\n",
        f"read sha256:{DIGEST[1:]}\u00e9\n",
        f"read {TOKEN}\ndecide sha256:{DIGEST}\n",
        f"read {TOKEN} \x1b[31m\n",
    ],
)
def test_a_file_of_no_use_is_refused_and_what_stands_in_it_is_not_said(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(InformerError) as error:
        tokens(tmp_path, text)
    assert str(tmp_path / "tokens") in str(error.value)
    assert "s3cret" not in str(error.value)
    assert DIGEST[1:9] not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InformerError, match=r"serve\.api_tokens_file"):
        ApiTokens.read(str(tmp_path / "none"))


def test_tokens_that_others_may_read_are_warned_of_and_hashes_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tokens(tmp_path, f"read sha256:{DIGEST}\n", 0o644)
        assert caplog.messages == []
        tokens(tmp_path, f"read {TOKEN}\n", 0o644)
    (warning,) = caplog.messages
    assert "others than its owner may read it" in warning


def test_tokens_do_not_show_in_what_is_printed(tmp_path: Path) -> None:
    shown = repr(tokens(tmp_path, f"read {TOKEN} console\n"))
    assert TOKEN not in shown
    assert DIGEST not in shown
