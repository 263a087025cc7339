"""What deploy/ holds is true: settings, metrics, ports and paths are those of the code."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from informer.config.load import read_settings
from informer.config.settings import MachineSettings
from informer.service.access import check_address
from informer.service.reception import COME_AGAIN, CROWDED

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KUBERNETES_VERSION = "1.31"
METRIC = re.compile(r"\binformer_[a-z_]+")


def program(name: str) -> str:
    """A program that checks; where it is not installed the test skips, but not in CI."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


def checked(*command: str | Path) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def documents() -> dict[str, Any]:
    """Kind to object, of every manifest."""
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    found = [yaml.safe_load((KUBERNETES / name).read_text()) for name in names]
    return {document["kind"]: document for document in found}


def exposed() -> set[str]:
    """Every metric that the code writes, as Prometheus names it."""
    code = "".join(p.read_text() for p in (ROOT / "src/informer/service").rglob("*.py"))
    counters = r'(?:_counter|CounterMetricFamily|_by_reason)\(\s*"(informer_\w+)"'
    gauges = r'(?:_gauge|_by_pattern|GaugeMetricFamily)\(\s*"(informer_\w+)"'
    return {f"{n}_total" for n in re.findall(counters, code)} | set(re.findall(gauges, code))


@pytest.mark.parametrize("file", ["prometheus/informer.rules.yml", "grafana/informer.json"])
def test_every_metric_that_is_asked_for_is_told(file: str) -> None:
    asked = set(METRIC.findall((DEPLOY / file).read_text()))
    assert asked
    assert asked <= exposed()


def test_reasons_that_come_again_are_told_apart_from_those_that_do_not() -> None:
    rules = (DEPLOY / "prometheus/informer.rules.yml").read_text()
    (others,) = re.findall(r'reason!~"([a-z_|]+)"', rules)
    (crowded,) = re.findall(r'reason=~"([a-z_|]+)"', rules)
    assert set(others.split("|")) == {*COME_AGAIN, "too_many_connections"}
    assert set(crowded.split("|")) == {*CROWDED, "too_many_connections"}
    described = (DEPLOY / "grafana/informer.json").read_text()
    assert all(reason in described for reason in COME_AGAIN)


def test_every_metric_is_in_the_page_and_no_other() -> None:
    page = (ROOT / "docs/how-to/serve.md").read_text()
    assert set(METRIC.findall(page)) == exposed()


def test_rules_hold_and_fire_when_they_should() -> None:
    promtool, rules = program("promtool"), DEPLOY / "prometheus"
    checked(promtool, "check", "rules", rules / "informer.rules.yml")
    checked(promtool, "test", "rules", rules / "informer.rules.test.yml")


def test_every_alert_says_what_is_wrong_and_is_recorded_before_it_is_used() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/informer.rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        if "alert" in rule:
            assert set(rule["annotations"]) == {"summary", "description"}
            assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(re.findall(r"informer:[a-z0-9_:]+", rule["expr"])) <= recorded


def test_panels_of_the_dashboard_lie_beside_each_other_and_ask_something() -> None:
    panels = json.loads((DEPLOY / "grafana/informer.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])


def test_manifests_are_what_kubernetes_takes() -> None:
    for document in documents().values():
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


def test_the_settings_of_the_cluster_are_valid_and_listen_with_tls_and_tokens() -> None:
    settings = read_settings(KUBERNETES / "informer.toml").serve
    assert settings.tls_certificate
    assert settings.tls_key
    assert settings.tokens_file
    pod = documents()["StatefulSet"]["spec"]["template"]["spec"]
    (service,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in service["ports"]}
    told = {"otlp-grpc": settings.grpc, "otlp-http": settings.http, "web": settings.web}
    assert ports == {n: check_address(n, a, safe=True)[1] for n, a in told.items()}
    mounts = {mount["mountPath"] for mount in service["volumeMounts"]}
    for path in (settings.tls_certificate, settings.tls_key, settings.tokens_file):
        assert str(Path(path).parent) in mounts
    assert service["args"] == ["serve", "-w", "/workspace"]
    assert "/workspace" in mounts
    assert settings.tls_clients == "", "the probes of Kubernetes show no certificate"


def test_one_pod_owns_the_workspace_and_may_do_nothing_else() -> None:
    spec = documents()["StatefulSet"]["spec"]
    pod = spec["template"]["spec"]
    assert spec["replicas"] == 1
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} <= volumes


def test_memory_of_the_pod_holds_tables_and_the_process() -> None:
    memory = read_settings(KUBERNETES / "informer.toml").machine.memory
    pod = documents()["StatefulSet"]["spec"]["template"]["spec"]
    limit = pod["containers"][0]["resources"]["limits"]["memory"]
    assert memory == MachineSettings().memory == "1GB"
    assert limit == "3Gi"  # a GB of tables, up to a GB more, and a fit beside them


def test_the_service_takes_spans_while_the_pod_is_not_ready() -> None:
    service = documents()["Service"]["spec"]
    assert service["publishNotReadyAddresses"] is True
    policy = documents()["NetworkPolicy"]["spec"]
    let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert let_in == {port["name"] for port in service["ports"]}


def test_settings_are_in_the_workspace_before_the_service_starts() -> None:
    (before,) = documents()["StatefulSet"]["spec"]["template"]["spec"]["initContainers"]
    assert before["command"] == ["cp", "/config/informer.toml", "/workspace/informer.toml"]


def test_the_unit_is_one_that_systemd_takes_and_confines(tmp_path: Path) -> None:
    program("systemd-analyze")
    text = (DEPLOY / "systemd/informer.service").read_text()
    unit = tmp_path / "informer.service"
    unit.write_text(text.replace("/opt/informer/bin/informer", sys.executable))
    assert checked("systemd-analyze", "verify", unit) == ""
    checked("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit)


def test_the_container_is_built_well_and_runs_as_nobody() -> None:
    file = DEPLOY / "container/Dockerfile"
    checked(program("hadolint"), file)
    text = file.read_text()
    last = text[text.rindex("\nFROM ") :]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert all(":latest" not in line for line in text.splitlines())
    assert all(re.match(r"FROM \S+:\d+\.\d+\.\d+\S*( AS \w+)?$", x)
               for x in text.splitlines() if x.startswith("FROM "))  # fmt: skip
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in copied.split():
            assert (ROOT / path).exists()
            assert any(path == k or path.startswith(f"{k}/") for k in kept), path


def test_the_health_check_says_no_where_nobody_is() -> None:
    is_alive = runpy.run_path(str(DEPLOY / "container/healthy.py"))["is_alive"]
    assert is_alive("127.0.0.1:1") is False


def test_the_collector_sends_copies_to_the_service() -> None:
    collector = yaml.safe_load((DEPLOY / "collector/informer.yaml").read_text())
    used = collector["service"]["pipelines"]["traces/informer"]
    assert used["exporters"] == list(collector["exporters"])
    assert used["processors"] == list(collector["processors"])
    exporter = collector["exporters"]["otlp/informer"]
    name = documents()["StatefulSet"]["metadata"]["name"]
    assert exporter["endpoint"] == f"{name}-0.{name}.informer.svc:4317"
    assert exporter["sending_queue"]["storage"] in collector["extensions"]
