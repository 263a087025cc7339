"""`informer.toml` fails at start, all of it, naming the key, the rule and the value."""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.config.load import read_settings, settings_of, write_settings
from informer.config.settings import MachineSettings, Settings, SourceSettings
from informer.core.errors import InformerError


def refused(text: str, folder: Path) -> str:
    """What is said of a file with this text."""
    file = folder / "informer.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InformerError) as error:
        read_settings(file)
    return str(error.value)


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "informer.toml").write_text("")
    assert read_settings(tmp_path / "informer.toml") == Settings()


def test_what_a_file_names_replaces_its_default_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "informer.toml"
    file.write_text('[traffic]\nstep_s = 600\n[patterns]\ncritical = ["*>auth:login"]\n')
    found = read_settings(file)
    assert found.traffic.step_s == 600
    assert found.patterns.critical == ("*>auth:login",)
    assert found.alerts == Settings().alerts
    assert found.patterns.critical_share == Settings().patterns.critical_share


def test_written_settings_are_read_the_same(tmp_path: Path) -> None:
    given_ = settings_of(
        {
            "source": {
                "format": "table",
                "columns": {"trace_id": "Trace ID", "a b": 'c"d'},
                "correlate": "attribute:x-request-id",
                "where": "scope = 'envoy'",
            },
            "methods": {"rules": [["^/user/\\d+$", "/user/{id}"], ['"', "\\"]]},
            "alerts": {"budget_per_day": 0.00001},
            "webhooks": {
                "siem": {"url": "http://siem/"},
                "chat-2": {"url_file": "/x", "form": "slack"},
            },
            "machine": {"memory": "512MB", "seed": 7},
        },
        "test",
    )
    file = tmp_path / "informer.toml"
    write_settings(given_, file)
    assert read_settings(file) == given_
    text = file.read_text()
    for section in fields(Settings):
        if "each" in section.metadata:
            continue
        for known in fields(section.default_factory):  # type: ignore[arg-type]
            assert f"# {known.metadata['means']}\n{known.name} = " in text


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Whatever is written further does not find room, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_settings_that_find_no_room_leave_those_of_before(tmp_path: Path) -> None:
    file = tmp_path / "informer.toml"
    file.write_text("[traffic]\nstep_s = 10\n")
    with no_file_beyond(100), pytest.raises(InformerError) as error:
        write_settings(Settings(), file)
    assert str(error.value) == f"{file} cannot be written: File too large"
    assert file.read_text() == "[traffic]\nstep_s = 10\n"
    assert list(tmp_path.iterdir()) == [file]


def test_settings_stay_where_a_link_leads_and_as_private_as_they_were(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.toml", tmp_path / "informer.toml"
    kept.write_text("")
    kept.chmod(0o600)
    link.symlink_to(kept)
    write_settings(Settings(), link)
    assert link.is_symlink()
    assert kept.read_text() == link.read_text() != ""
    assert kept.stat().st_mode & 0o777 == 0o600


@given(where=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_being_written(
    tmp_path_factory: pytest.TempPathFactory, where: str
) -> None:
    file = tmp_path_factory.mktemp("config") / "informer.toml"
    given_ = replace(Settings(), source=SourceSettings(where=where, columns={where: where}))
    write_settings(given_, file)
    assert read_settings(file) == given_


def test_a_file_that_is_mounted_by_itself_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a container's: nothing can take its place."""

    def busy(path: Path, target: Path) -> Path:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    file = tmp_path / "informer.toml"
    file.touch()
    monkeypatch.setattr(Path, "replace", busy)
    write_settings(Settings(), file)
    assert read_settings(file) == Settings()
    assert list(tmp_path.iterdir()) == [file]


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InformerError, match=r"source\.where must be Unicode text"):
        settings_of({"source": {"where": "scope = '\udcff'"}}, "test")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[trafic]\n", "section [trafic] is unknown, there are source, traffic"),
        ("[traffic]\nstep = 60\n", "traffic.step is unknown, [traffic] has step_s"),
        (f"[traffic]\nstep_s = {'9' * 5_000}\n", "must be TOML: Exceeds the limit"),
        ('[serve]\ngrpc = "a:\N{SUPERSCRIPT TWO}"\n', "serve.grpc must be empty or host:port"),
        (f'[serve]\nweb = "a:{"9" * 5_000}"\n', "serve.web must be empty or host:port"),
        (f'[serve]\nspool = "{"9" * 400}GB"\n', "serve.spool must be a size such as 4GB"),
        ('[kafka]\nbrokers = ["a:\N{SUPERSCRIPT TWO}"]\n', "kafka.brokers must be host:port"),
        ("[serve]\nfirst_hours = 1e15\n", "serve.first_hours must be 0 to 8760"),
        ("[serve]\ngive_up_hours = 1e307\n", "serve.give_up_hours must be > 0 and at most"),
        ("traffic = 5\n", "traffic must be a section, got 5"),
        ("[traffic]\nstep_s = 0\n", "traffic.step_s must be 1 to 86400, got 0"),
        ("[traffic]\nstep_s = 86401\n", "traffic.step_s must be 1 to 86400, got 86401"),
        ("[traffic]\nstep_s = 60.0\n", "traffic.step_s must be 1 to 86400, got 60.0"),
        ('[traffic]\nstep_s = "60"\n', "traffic.step_s must be 1 to 86400, got '60'"),
        ("[traffic]\nstep_s = true\n", "traffic.step_s must be 1 to 86400, got True"),
        ("[patterns]\ncritical_share = 1.5\n", "patterns.critical_share must be 0 to 1, got 1.5"),
        ("[patterns]\ncritical_share = nan\n", "patterns.critical_share must be 0 to 1, got nan"),
        ('[patterns]\ncritical = "a:b"\n', "patterns.critical must be texts with a `:`, got 'a:b'"),
        ("[patterns]\ncritical = [1]\n", "patterns.critical must be texts with a `:`, got (1,)"),
        ('[patterns]\ncritical = ["login"]\n', "patterns.critical must be texts with a `:`"),
        ("[methods]\nrules = [5]\n", "methods.rules must be pairs of a valid regular expression"),
        ('[methods]\nrules = ["ab"]\n', "methods.rules must be pairs of a valid regular"),
        ('[methods]\nrules = [["(", "x"]]\n', "methods.rules must be pairs of a valid regular"),
        ('[methods]\nrules = [["a", 1]]\n', "methods.rules must be pairs of a valid regular"),
        ('[methods]\nrules = [["a"]]\n', "methods.rules must be pairs of a valid regular"),
        ("[alerts]\nbudget_per_day = 0\n", "alerts.budget_per_day must be > 0 and finite, got 0"),
        ("[alerts]\nbudget_per_day = -1\n", "alerts.budget_per_day must be > 0 and finite"),
        ("[alerts]\nbudget_per_day = nan\n", "alerts.budget_per_day must be > 0 and finite"),
        ("[alerts]\nbudget_per_day = inf\n", "alerts.budget_per_day must be > 0 and finite"),
        ('[machine]\nmemory = "lots"\n', "memory must be a size such as 4GB and at most 1000TB, g"),
        ('[machine]\nmemory = "0GB"\n', "machine.memory must be a size such as 4GB and at most"),
        ('[machine]\nmemory = "999999999999TB"\n', "at most 1000TB, got '999999999999TB'"),
        ('[serve]\nspool = "1000.1TB"\n', "at most 1000TB, got '1000.1TB'"),
        (
            '[serve]\nmessage = "2GiB"\n',
            "serve.message must be a size such as 16MiB and at most 2GB",
        ),
        ("[machine]\nprocesses = -1\n", "machine.processes must be >= 0, got -1"),
        ("[machine]\nseed = -1\n", "machine.seed must be >= 0, got -1"),
        ('[source]\nformat = "xml"\n', "source.format must be empty or one of otlp, jaeger"),
        ('[source]\ncorrelate = "span"\n', "source.correlate must be trace_id or attribute:NAME"),
        ('[source]\ncorrelate = "attribute:"\n', "source.correlate must be trace_id or attribute"),
        ("[source.columns]\nservice = 1\n", "source.columns must be a table of texts, got"),
        ("[source]\nwhere = 1\n", "source.where must be a str, got 1"),
        ("[traffic\n", "must be TOML"),
        ("step_s = 60\n", "section [step_s] is unknown"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str, tmp_path: Path) -> None:
    assert told in refused(text, tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "informer.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InformerError, match="cannot be read"):
        read_settings(tmp_path / "informer.toml")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InformerError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize("memory", ["4GB", "512MB", "1.5 GiB", "2TB", "1000TB", "100KB"])
def test_sizes_are_written_as_people_write_them(memory: str) -> None:
    found = settings_of({"machine": {"memory": memory}}, "test")
    assert found.machine == MachineSettings(memory=memory)


def test_two_settings_share_no_default() -> None:
    one, other = Settings(), Settings()
    one.source.columns["trace_id"] = "t"
    assert other.source.columns == {}
