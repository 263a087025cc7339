"""Settings become sinks, or one plain line that holds no secret."""

from pathlib import Path

import pytest

from informer.config.load import settings_of
from informer.core.errors import InformerError
from informer.service.tellers import sinks_of


def names(**sections: dict[str, object]) -> list[str]:
    return [sink.name for sink in sinks_of(settings_of(sections, "test"))]


def test_without_settings_the_log_alone_is_told() -> None:
    assert names() == ["log"]


def test_every_address_is_a_sink(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://chat.example/hooks/s3cret\n")
    hook: dict[str, object] = {"url_file": str(tmp_path / "url"), "form": "slack"}
    found = names(alertmanager={"url": "http://127.0.0.1:9093"}, webhook=hook)
    assert found == ["log", "alertmanager", "webhook"]


@pytest.mark.parametrize("content", ["ftp://s3cret/", "https://s3cret@host/", "", "s3\ncret"])
def test_a_hidden_address_of_no_use_is_refused_and_not_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "url").write_text(content)
    with pytest.raises(InformerError, match=r"webhook\.url_file must") as error:
        names(webhook={"url_file": str(tmp_path / "url")})
    assert "cret" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InformerError, match=r"webhook\.secret_file must be a readable file"):
        names(webhook={"url": "http://host/", "secret_file": str(tmp_path / "none")})


@pytest.mark.parametrize("url", ["localhost:9093", "http://host/?token=x", "http://"])
def test_an_address_without_a_scheme_or_with_a_query_is_refused(url: str) -> None:
    with pytest.raises(InformerError, match=r"alertmanager\.url must be empty or http"):
        names(alertmanager={"url": url})


@pytest.mark.parametrize("section", ["alertmanager", "webhook"])
def test_an_address_with_a_password_is_refused_and_not_said(section: str) -> None:
    with pytest.raises(InformerError, match=rf"{section}\.url must be http") as error:
        names(**{section: {"url": "http://me:s3cret@host"}})
    assert "s3cret" not in str(error.value)
