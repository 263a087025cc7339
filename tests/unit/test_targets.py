"""Rules as files for Kubernetes, Istio and Cilium: valid, told honestly, safe from names."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings

import rule_trees
from informer.core.errors import InformerError
from informer.policies import syntax as s
from informer.policies.parse import parse
from informer.policies.targets.choose import TARGETS
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.names import DNS_LABEL, dns_label
from informer.policies.targets.workloads import Workload, Workloads, read_workloads
from informer.policies.targets.yaml_text import yaml_text

SCHEMAS = Path(__file__).parents[1] / "schemas"
KUBERNETES_VERSION = "1.31"
SHOP = """
rules 1
rule front { when caller = "outside" and callee = "web" and method = "GET /" allow }
rule limit_carts { when caller = "web" and callee = "cart" limit 120 per 1m }
rule carts {
    when caller = "web" and callee = "cart" and method in ("GET /cart/{id}", "shop.Cart/Add")
    allow
}
rule report { when caller = "batch" and callee = "cart" and method = "GET /cart/all" allow }
rule nightly { when caller = "batch" and callee = "stock" and hour < 5 and method = "POST /" allow }
default deny 403
"""
GATEWAY = Workload("edge", (("istio", "gateway"),), "gateway")
PORTS = Workloads(
    services={
        "outside": GATEWAY,
        "cart": Workload("default", (("app", "cart"),), "cart", (8080, 9090)),
    }
)


def compiled(target: str, rules: str = SHOP, workloads: Workloads | None = None) -> Compiled:
    return TARGETS[target](parse(rules, "test"), workloads or Workloads(), False)


def documents(target: str, rules: str = SHOP, workloads: Workloads | None = None) -> Any:
    (text,) = compiled(target, rules, workloads).files.values()
    return {d["metadata"]["name"]: d["spec"] for d in yaml.safe_load_all(text)}


def check(target: str, text: str) -> None:
    """Errors where a document is not what the target takes."""
    for document in yaml.load_all(text, yaml.CSafeLoader):
        if target == "kubernetes":
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
        elif target != "envoy":
            name = {"istio": "authorizationpolicy", "cilium": "ciliumnetworkpolicy"}[target]
            schema = json.loads((SCHEMAS / f"{name}.json").read_text())
            jsonschema.Draft202012Validator(schema).validate(document)


def one_line(error: InformerError) -> None:
    assert "\n" not in str(error)


@pytest.mark.parametrize("target", ["kubernetes", "istio", "cilium"])
@pytest.mark.parametrize("workloads", [Workloads(), PORTS])
def test_files_are_what_the_target_takes(target: str, workloads: Workloads) -> None:
    (text,) = compiled(target, SHOP, workloads).files.values()
    check(target, text)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(target, text.replace("spec:", "spec:\n  more: true"))


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in ("rules", "grpc")])
@settings(max_examples=60, deadline=None)
@given(policy=rule_trees.policies())
def test_any_policy_is_compiled_or_refused_in_one_line(target: str, policy: s.Policy) -> None:
    try:
        found = TARGETS[target](policy, Workloads(caller_header="x-caller"), False)
    except InformerError as error:
        one_line(error)
        return
    for text in found.files.values():
        check(target, text)
    assert not any("\n" in line for line in found.weakened)


def test_a_network_policy_lets_callers_connect_and_leaves_egress_alone() -> None:
    found = documents("kubernetes")
    assert set(found) == {"informer-web", "informer-cart", "informer-stock"}
    assert all(spec["policyTypes"] == ["Ingress"] for spec in found.values())
    callers = [
        peer["podSelector"]["matchLabels"] for peer in found["informer-cart"]["ingress"][0]["from"]
    ]
    assert callers == [{"app": "batch"}, {"app": "web"}]
    assert found["informer-web"]["ingress"] == [{}]  # from outside: from anywhere


def test_the_gateway_is_who_calls_from_outside_once_it_is_named() -> None:
    (rule,) = documents("kubernetes", SHOP, PORTS)["informer-web"]["ingress"]
    assert rule["from"] == [
        {
            "podSelector": {"matchLabels": {"istio": "gateway"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}},
        }
    ]
    (rule,) = documents("istio", SHOP, PORTS)["informer-web"]["rules"]
    assert rule["from"][0]["source"]["principals"] == ["cluster.local/ns/edge/sa/gateway"]
    assert not any("outside" in line for line in compiled("istio", SHOP, PORTS).weakened)


def test_what_a_target_cannot_say_is_listed_and_stands_at_the_head_of_the_file() -> None:
    for target, missing in {
        "kubernetes": ["limit_carts", "cart", "nightly", "outside>web:GET /", "batch"],
        "istio": ["limit_carts", "nightly", "outside>web:GET /", "batch"],
        "cilium": ["limit_carts", "cart", "nightly", "outside>web:GET /", "batch"],
        "envoy": ["nightly", "outside>web:GET /", "batch"],
    }.items():
        found = compiled(target)
        said = " ".join(found.weakened)
        assert [name for name in missing if name not in said] == []
        for text in list(found.files.values())[-1:]:
            head = " ".join(line[2:].strip() for line in text.splitlines() if line.startswith("#"))
            squeezed = re.sub(r"\s+", " ", head)
            differs = [*found.weakened, *found.stricter]
            assert [line for line in differs if re.sub(r"\s+", " ", line) not in squeezed] == []


def test_what_is_refused_beyond_the_rules_is_listed() -> None:
    assert {target: len(compiled(target).stricter) for target in TARGETS} == {
        "rules": 0,
        "kubernetes": 0,
        "istio": 0,
        "cilium": 1,
        "envoy": 2,
        "grpc": 0,
    }
    assert len(TARGETS["envoy"](parse(SHOP), PORTS, True).stricter) == 1  # a shadow refuses nothing


def test_istio_leaves_out_what_is_a_method_of_its_own() -> None:
    rules = documents("istio")["informer-cart"]["rules"]
    by_caller = {rule["from"][0]["source"]["principals"][0]: rule["to"] for rule in rules}
    assert by_caller["cluster.local/ns/default/sa/web"] == [
        {"operation": {"methods": ["GET"], "paths": ["/cart/{*}"], "notPaths": ["/cart/all"]}},
        {"operation": {"methods": ["POST"], "paths": ["/shop.Cart/Add"]}},
    ]


def test_cilium_tells_requests_apart_where_it_knows_the_port() -> None:
    rules = documents("cilium", SHOP, PORTS)["informer-cart"]["ingress"]
    (to,) = next(r for r in rules if r["fromEndpoints"] == [{"matchLabels": {"app": "web"}}])[
        "toPorts"
    ]
    assert [port["port"] for port in to["ports"]] == ["8080", "9090"]
    assert to["rules"]["http"] == [
        {"method": "GET", "path": "/cart/[^/;?#]+([?#].*)?"},
        {"method": "POST", "path": r"/shop\.Cart/Add([?#].*)?"},
    ]
    assert all("toPorts" not in rule for rule in documents("cilium")["informer-cart"]["ingress"])


def test_nobody_is_cut_off_by_a_policy_without_rules_for_it() -> None:
    rules = """
        rules 1
        rule a { when caller = "web" and callee != "cart" and hour = 3 deny 403 }
        default deny 403
    """
    for target in ("kubernetes", "istio", "cilium"):
        assert documents(target, rules) == {}
        assert any(line.endswith(": cart") for line in compiled(target, rules).weakened)


def test_a_service_that_a_rule_closes_is_closed() -> None:
    rules = 'rules 1 rule a { when callee = "old" deny 403 } default deny 403'
    assert documents("kubernetes", rules)["informer-old"]["ingress"] == []
    assert "rules" not in documents("istio", rules)["informer-old"]
    assert documents("cilium", rules)["informer-old"]["ingress"] == [{}]


def test_a_limit_does_not_count_what_is_named_otherwise() -> None:
    rules = """
        rules 1
        rule other { when caller = "batch" and callee = "web" and method = "GET /{a}/b" allow }
        rule most {
            when caller = "web" and callee = "web" and method like "GET /x*"
            limit 5 per 1m
        }
        rule rest { when caller = "web" and callee = "web" allow }
        default deny 403
    """
    files = compiled("envoy", rules, Workloads(caller_header="x-caller")).files
    (text,) = (text for name, text in files.items() if "web" in name)
    limits = yaml.safe_load(text)["http_filters"][1]["typed_config"]["rate_limits"]
    *_, unlike = limits[0]["actions"][0]["header_value_match"]["headers"]
    assert unlike["invert_match"]
    assert re.fullmatch(unlike["string_match"]["safe_regex"]["regex"], "/x/b")


def test_a_shadow_is_refused_where_there_is_none() -> None:
    policy = parse(SHOP, "test")
    for target in ("kubernetes", "cilium"):
        with pytest.raises(InformerError, match="no shadow"):
            TARGETS[target](policy, Workloads(), True)
    (text,) = TARGETS["istio"](policy, Workloads(), True).files.values()
    assert all(
        d["metadata"]["annotations"] == {"istio.io/dry-run": "true"}
        for d in yaml.safe_load_all(text)
    )


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "rules"])
def test_the_pattern_of_a_chain_is_refused(target: str) -> None:
    rules = 'rules 1 rule a { when callee = "web" and pattern = "p1" allow } default deny 403'
    with pytest.raises(InformerError, match="pattern"):
        compiled(target, rules)


def test_names_that_can_be_no_label_are_told_in_one_line() -> None:
    rules = 'rules 1 rule a { when caller = "a b" and callee = "c\\nd" allow } default deny 403'
    with pytest.raises(InformerError, match=r'label app.*"a b", "c\\u000ad"'):
        compiled("kubernetes", rules)
    with pytest.raises(InformerError, match=r"service account.*Web"):
        compiled(
            "istio",
            'rules 1 rule a { when caller = "Web" and callee = "c" allow } default deny 403',
        )
    named = Workloads(
        services={
            n: Workload("default", (("app", m),), m) for n, m in (("a b", "a"), ("c\nd", "c"))
        }
    )
    (spec,) = documents("kubernetes", rules, named).values()
    assert spec["podSelector"]["matchLabels"] == {"app": "c"}


def test_two_services_of_one_workload_are_told() -> None:
    same = Workload("default", (("app", "x"),), "x")
    with pytest.raises(InformerError, match="cart and web have the same"):
        compiled("istio", SHOP, Workloads(services={"web": same, "cart": same}))


def test_every_name_has_a_dns_label_of_its_own() -> None:
    names = ["cart", "Cart", "cart-", "c" * 80, "c" * 81, "", "ä", "a.b", dns_label("Cart")]
    made = [dns_label(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(DNS_LABEL.fullmatch(f"informer-{one}-deny") for one in made)


@pytest.mark.parametrize(
    "text", ["1e3", "0x1f", "yes", "null", "~", "01", "1_000", "", " a", "a: b", "#", "\u2028", "é"]
)
def test_texts_stay_texts_in_every_yaml(text: str) -> None:
    written = yaml_text([{text: text}])
    assert yaml.safe_load(written) == {text: text}
    assert written.count(f'"{text}"') == 2 or not text.isascii()


def test_workloads_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "workloads.toml"
    file.write_text(
        'namespace = "shop"\nlabel = "k8s-app"\n[envoy]\ncaller_header = "x-from"\n'
        '[services.outside]\nnamespace = "edge"\nlabels = { istio = "gateway" }\n'
        '[services.cart]\nports = [8080]\nservice_account = "carts"\n'
    )
    found = read_workloads(file)
    assert found.of("web") == Workload("shop", (("k8s-app", "web"),), "web")
    assert found.of("cart") == Workload("shop", (("k8s-app", "cart"),), "carts", (8080,))
    assert found.of("outside") == Workload("edge", (("istio", "gateway"),), "outside")
    assert found.caller_header == "x-from"
    assert read_workloads(file, "other", "app").of("web") == Workload(
        "other", (("app", "web"),), "web"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("namespace = 1", "namespace must be"),
        ('namespace = "A"', "namespace must be"),
        ("more = 1", "no key more"),
        ("[services.cart]\nport = 1", "services.cart: there is no key port"),
        ("[services.cart]\nports = [0]", "1 to 65535"),
        ("[services.cart]\nlabels = {}", "labels of pods"),
        ('[services.cart]\nlabels = { app = "a b" }', "labels of pods"),
        ("[services.unknown]", "parent was lost"),
        ('[envoy]\ncaller_header = "X-A"', "lower case"),
        ("=", "workloads.toml"),
    ],
)
def test_mistakes_in_the_file_of_workloads_are_told(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "workloads.toml"
    file.write_text(text)
    with pytest.raises(InformerError, match=why):
        read_workloads(file)
