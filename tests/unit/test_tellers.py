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
@pytest.mark.parametrize("url", ["http://host/?token=s3cret", "host/s3cret", 7, ["s3cret"]])
def test_what_may_be_secret_of_an_address_is_not_said(section: str, url: object) -> None:
    with pytest.raises(InformerError, match=rf"{section}\.url must be .*is not shown") as error:
        names(**{section: {"url": url}})
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("section", ["alertmanager", "webhook"])
def test_an_address_with_a_password_is_refused_and_not_said(section: str) -> None:
    with pytest.raises(InformerError, match=rf"{section}\.url must be http") as error:
        names(**{section: {"url": "http://me:s3cret@host"}})
    assert "s3cret" not in str(error.value)


def test_there_may_be_several_of_a_kind_each_with_its_name() -> None:
    chat, siem = {"url": "http://chat/", "form": "slack"}, {"url": "http://siem/"}
    alerts = {name: {"url": f"http://{name}:9093"} for name in ("one", "two")}
    assert names(webhook=chat, webhooks={"siem": siem, "chat-2": chat}, alertmanagers=alerts) == [
        *("log", "alertmanagers.one", "alertmanagers.two"),
        *("webhook", "webhooks.siem", "webhooks.chat-2"),
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"siem": {}}, r"webhooks\.siem\.url or webhooks\.siem\.url_file must be given"),
        ({"a b": {}}, "must have names of 1 to 40"),
        ({"siem": {"url": "x"}}, r"webhooks\.siem\.url must be empty or http"),
        ({"siem": {"uri": "x"}}, r"webhooks\.siem\.uri is unknown"),
        ({"siem": 7}, r"webhooks\.siem must be a section"),
        (
            {"siem": {"url": "http://x/", "form": "template"}},
            r"webhooks\.siem\.template_file must be a readable file",
        ),
    ],
)
def test_what_is_wrong_with_one_of_several_is_told_with_its_name(
    given: dict[str, object], why: str
) -> None:
    with pytest.raises(InformerError, match=why):
        names(webhooks=given)


def test_a_template_is_tried_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    hook: dict[str, object] = {
        "url": "http://x/", "form": "template", "template_file": str(file),
    }  # fmt: skip
    file.write_text('{"title": "{{ incident.title }}"}')
    assert names(webhook=hook) == ["log", "webhook"]
    file.write_text("{{ nothing }}")
    with pytest.raises(InformerError, match=r"webhook\.template_file fails: UndefinedError"):
        names(webhook=hook)
