"""What attributes of a span say: operation, other side, outcome, version, weight."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from span_reading import Reading, read, request, span, traits, written


def read_span(tmp_path: Path, given: dict[str, object], **options: Any) -> dict[str, Any]:
    """One OTLP span with these attributes, as a row."""
    reported = span(**options)
    reported["attributes"] = traits(given)
    return read(written(tmp_path / "spans.jsonl", request(reported))).row


@pytest.mark.parametrize(
    ("given", "operation"),
    [
        ({"http.method": "GET", "http.route": "/u/{id}", "url.path": "/u/7"}, "GET /u/{id}"),
        ({"http.request.method": "POST", "url.path": "/login"}, "POST /login"),
        ({"http.method": "GET", "http.target": "/a/b?token=x#y"}, "GET /a/b"),
        ({"http.method": "GET", "http.url": "http://h:80/reviews/0?x=1"}, "GET /reviews/0"),
        ({"http.method": "GET", "url.full": "https://example.com"}, "GET /"),
        ({"rpc.service": "shop.Cart", "rpc.method": "Add"}, "shop.Cart/Add"),
        ({"rpc.method": "shop.Cart/Add"}, "shop.Cart/Add"),
        ({"messaging.operation": "publish", "messaging.destination.name": "pay"}, "publish pay"),
        ({"db.system": "mysql", "db.operation": "SELECT", "db.sql.table": "t"}, "SELECT t"),
        ({"db.system": "mysql"}, "reported name"),
        ({}, "reported name"),
    ],
)
def test_an_operation_is_a_route_before_an_rpc_before_a_queue_before_a_path_before_the_name(
    tmp_path: Path, given: dict[str, object], operation: str
) -> None:
    assert read_span(tmp_path, given, name="reported name")["operation"] == operation


def test_a_name_that_is_a_route_is_better_than_a_raw_path(tmp_path: Path) -> None:
    row = read_span(tmp_path, {"http.path": "/owners/7"}, name="GET /owners/{id}")
    assert row["operation"] == "GET /owners/{id}"


def test_a_span_without_a_name_still_counts(tmp_path: Path) -> None:
    assert read_span(tmp_path, {}, name="")["operation"] == "*"


@pytest.mark.parametrize(
    ("given", "failed", "refused", "code"),
    [
        ({"http.status_code": 200}, False, False, 200),
        ({"http.response.status_code": 503}, True, False, 503),
        ({"http.status_code": "401"}, False, True, 401),
        ({"rpc.grpc.status_code": 0}, False, False, 0),
        ({"rpc.grpc.status_code": 14}, True, False, 14),
        ({"rpc.grpc.status_code": 16}, False, True, 16),
        ({"rpc.grpc.status_code": "PERMISSION_DENIED"}, False, True, 7),
        ({"rpc.grpc.status_code": 1}, False, False, 1),
        ({"http.status_code": 200, "rpc.grpc.status_code": 13}, True, False, 13),
        ({"http.status_code": "teapot"}, False, False, None),
        (
            {"http.status_code": "0", "http.method": "GET", "response_flags": "DC"},
            True,
            False,
            None,
        ),
        ({"http.status_code": "0", "response_flags": "-"}, False, False, None),
        ({"http.status_code": "0", "response_flags": "UF,URX"}, True, False, None),
    ],
)
def test_a_status_says_failed_or_refused(
    tmp_path: Path, given: dict[str, object], failed: bool, refused: bool, code: int | None
) -> None:
    row = read_span(tmp_path, given)
    assert (row["failed"], row["refused"], row["status_code"]) == (failed, refused, code)


def test_an_error_that_clients_set_on_a_wrong_password_is_a_refusal(tmp_path: Path) -> None:
    row = read_span(tmp_path, {"http.status_code": 401}, kind=3, failed=True)
    assert (row["failed"], row["refused"]) == (False, True)


def test_an_error_without_a_status_is_a_failure(tmp_path: Path) -> None:
    assert read_span(tmp_path, {}, failed=True)["failed"]


@pytest.mark.parametrize(
    ("given", "peer"),
    [
        ({"peer.service": "billing", "server.address": "10.0.0.1"}, "billing"),
        ({"server.address": "ratings.default.svc.cluster.local"}, "ratings"),
        ({"http.url": "http://ratings.default.svc.cluster.local:9080/x"}, "ratings"),
        ({"server.address": "redis-0.redis.prod.svc"}, "redis"),
        ({"server.address": "api.example.com:443"}, "api.example.com"),
        ({"server.address": "10.0.0.9", "db.system": "mysql"}, "mysql"),
        ({"net.peer.name": "10.0.0.9"}, "10.0.0.9"),
        ({"server.address": "[2001:db8::1]:443"}, "2001:db8::1"),
        ({"messaging.system": "kafka", "messaging.destination.name": "pay"}, "kafka"),
        ({}, None),
    ],
)
def test_a_calling_span_names_its_callee(
    tmp_path: Path, given: dict[str, object], peer: str | None
) -> None:
    assert read_span(tmp_path, given, kind=3)["peer"] == peer


def test_a_serving_span_does_not_take_its_own_address_for_its_caller(tmp_path: Path) -> None:
    assert read_span(tmp_path, {"server.address": "shop", "http.host": "shop:80"})["peer"] is None


@pytest.mark.parametrize(
    ("cluster", "kind", "peer"),
    [
        ("outbound|9080||reviews.default.svc.cluster.local", "client", "reviews"),
        ("outbound|443|v2|example.com", "client", "example.com"),
        ("inbound|9080||", "server", None),
        ("InboundPassthroughCluster", "server", None),
    ],
)
def test_the_cluster_of_an_envoy_span_says_which_side_it_stood_on(
    tmp_path: Path, cluster: str, kind: str, peer: str | None
) -> None:
    row = read_span(tmp_path, {"upstream_cluster": cluster}, kind=2)
    assert (row["kind"], row["peer"]) == (kind, peer)


@pytest.mark.parametrize(
    ("given", "resource", "version"),
    [
        ({}, {"service_version": "1.4.2"}, "1.4.2"),
        ({"node_id": "sidecar~10.0.0.7~reviews-v1.default~x"}, {}, "reviews-v1"),
        ({"node_id": "sidecar~10.0.0.7~reviews-v1-6f6cfc45b-d9pnv.default~x"}, {}, "reviews-v1"),
        ({"istio.canonical_revision": "v3"}, {}, "v3"),
        ({}, {"k8s_pod_name": "shop-6f6cfc45b-d9pnv"}, "6f6cfc45b"),
        ({}, {"k8s_pod_name": "shop-0"}, None),
    ],
)
def test_a_version_is_the_services_own_else_its_workloads_else_its_pod_templates(
    tmp_path: Path, given: dict[str, object], resource: dict[str, str], version: str | None
) -> None:
    reported = span()
    reported["attributes"] = traits(given)
    line = request(reported, **resource)
    assert read(written(tmp_path / "spans.jsonl", line)).row["version"] == version


@pytest.mark.parametrize(
    ("state", "given", "weight"),
    [
        ("ot=th:8", {}, 2.0),
        ("vendor=1,ot=rv:0123456789abcd;th:c", {}, 4.0),
        ("ot=p:3;r:4", {}, 8.0),
        ("", {"SampleRate": 20}, 20.0),
        ("", {"sampler.type": "probabilistic", "sampler.param": "0.1"}, 10.0),
        ("", {"sampler.type": "const", "sampler.param": "1"}, 1.0),
        ("", {"SampleRate": 0}, 1.0),
        ("", {}, 1.0),
    ],
)
def test_a_sampled_span_stands_for_more_than_one(
    tmp_path: Path, state: str, given: dict[str, object], weight: float
) -> None:
    assert read_span(tmp_path, given, trace_state=state)["weight"] == pytest.approx(weight)


def attributes(reading: Reading) -> dict[str, str]:
    """The attributes of the only row."""
    found: dict[str, str] = orjson.loads(reading.row["attributes"])
    return found


def test_attributes_are_strings_in_bounds_and_evidence_is_kept_first(tmp_path: Path) -> None:
    reported = span()
    reported["attributes"] = traits(
        {
            **{f"a{n}": n for n in range(100)},
            "user_agent": "x" * 1_000_000,
            "db.statement": 'say "hi"\n; drop table spans; --',
            "guid:x-request-id": "r-1",
        }
    )
    kept = attributes(read(written(tmp_path / "spans.jsonl", request(reported))))
    assert len(kept) == 32
    assert kept["user_agent"] == "x" * 256
    assert kept["db.statement"] == 'say "hi"\n; drop table spans; --'
    assert kept["x-request-id"] == "r-1"
    assert kept["a0"] == "0"


def test_envoys_name_of_the_request_id_gives_way_to_the_plain_one(tmp_path: Path) -> None:
    reported = span()
    reported["attributes"] = traits({"guid:x-request-id": "theirs", "x-request-id": "ours"})
    kept = attributes(read(written(tmp_path / "spans.jsonl", request(reported))))
    assert kept == {"x-request-id": "ours"}


def test_names_are_short_and_hide_nothing(tmp_path: Path) -> None:
    line = request(span(name="a\x1b[31m\u202eb" + "c" * 500), service="shop\n'; drop table spans")
    row = read(written(tmp_path / "spans.jsonl", line)).row
    assert row["operation"].startswith("a [31m b")
    assert len(row["operation"]) == 256
    assert row["service"] == "shop '; drop table spans"
