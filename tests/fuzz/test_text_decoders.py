"""Whatever stands in files of people, logs of proxies or tokens of calls, it is told or counted."""

import contextlib
from pathlib import Path

from spoiling import fuzz

from informer.config.load import read_settings, write_settings
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.pipeline.policy_replay import read_policy
from informer.policies.grpc.trail import TrailError, Trails, connected
from informer.policies.shadow import ShadowLog, read_statistics
from informer.policies.write import write
from informer.simulate.read import SHIPPED, read_scenario

ROOT = Path(__file__).parents[2]
RULES = tuple(p.read_bytes() for p in sorted((ROOT / "docs/examples/policies").glob("*.rules")))
SHADOW_LINE = (
    b'{"start_ns":"1780272000000000000","caller":"spiffe://shop","callee":"cart","verb":"GET",'
    b'"path":"/cart?a=1","shadow":"denied","shadow_rule":"r/1","status":429,'
    b'"details":"local_rate_limited","trace":"00-0102030405060708090a0b0c0d0e0f10-01-01"}\n'
)
COUNTERS = (
    b"http.in.rbac.informer_.shadow_allowed: 5\n"
    b"http.in.rbac.informer_.policy.a/1.shadow_denied: 2\n"
    b"cart.http_local_rate_limit.rate_limited: 1\n"
)
JSON_COUNTERS = b'{"stats":[{"name":"http.in.rbac.informer_.shadow_allowed","value":5}]}'
KEYED = Trails((b"k" * 16,))
TOKENS = tuple(
    trails.write("shop", "cart", "Get", ("outside>shop:buy",), 1_780_272_000)
    for trails in (Trails(), KEYED)
)


def test_files_of_rules(tmp_path: Path) -> None:
    """What can be read can be written and read again."""
    path = tmp_path / "shop.rules"

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(InformerError):
            policy = read_policy(path)
            path.write_text(write(policy), encoding="utf-8")
            assert read_policy(path) == policy

    fuzz(RULES, decode)


def test_settings_files(tmp_path: Path) -> None:
    path = tmp_path / "informer.toml"
    write_settings(Settings(), path)
    few = b'[serve]\ngrpc = "127.0.0.1:4317"\nspool = "4GB"\n[webhooks.a]\nurl = "http://a/b"\n'

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(InformerError):
            read_settings(path)

    fuzz((path.read_bytes(), few), decode)


def test_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    shipped = tuple(f.read_bytes() for f in SHIPPED.iterdir() if f.name.endswith(".toml"))

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(InformerError):
            read_scenario(str(path))

    fuzz(shipped, decode)


def test_what_proxies_with_rules_say() -> None:
    def decode(data: bytes) -> None:
        log = ShadowLog()
        seen = list(log.read(data.split(b"\n")))
        assert len(seen) + log.skipped.total() <= data.count(b"\n") + 1
        read_statistics(data)

    fuzz((SHADOW_LINE * 3, COUNTERS, JSON_COUNTERS), decode)


def test_tokens_of_chains() -> None:
    """Nothing but what was signed is believed where there is a key."""

    def decode(data: bytes) -> None:
        for trails in (Trails(), KEYED):
            with contextlib.suppress(TrailError):
                trail = trails.read(data, "cart", "Get", 1_780_272_000)
                assert not trail.chain or connected(trail) in (True, False)
                assert trails is not KEYED or data == TOKENS[1]

    fuzz(TOKENS, decode)
