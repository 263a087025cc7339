"""What does a policy of 200 rules add to a gRPC call; what do the same decisions cost elsewhere?

usage: interceptor_cost.py [CALLS]

First, unary calls over loopback to another process: plain, with an entry of metadata that nobody
reads, and with guards on both sides (signed chains, enforced), one of each in turn, in rounds with
servers and channels of their own: medians and their ratio, on threads and on asyncio, with 1 rule
and with 200. Then the decisions alone:
ours, the reference interpreter, cedarpy and casbin, which get an environment of their own in a
temporary folder, in rounds that take turns. Prints and writes results/interceptor_cost.json.
"""

import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import grpc

from informer.policies.calls import Call
from informer.policies.grpc.aio_client import AioGuardedChannel
from informer.policies.grpc.aio_server import AioPolicyInterceptor
from informer.policies.grpc.client import GuardedChannel
from informer.policies.grpc.guard import Guard
from informer.policies.grpc.server import PolicyInterceptor
from informer.policies.grpc.trail import METADATA
from informer.policies.interpret import decide
from informer.policies.lookup import PolicyLookup
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.syntax import Policy

RESULTS = Path(__file__).parent / "results" / "interceptor_cost.json"
PEERS = Path(__file__).parent / "rules" / "peers.py"
PINNED = ("cedarpy==4.12.2", "casbin==1.43.0")
RULES, WARM, ROUNDS, PAIRED, DECISIONS = 200, 200, 15, 11, 1_000
WAYS = {
    "plain": 0,
    "metadata": 0,
    "guarded_1": 1,
    f"guarded_{RULES}": RULES,
}  # rules, on either side
ALONE = (("grpc.use_local_subchannel_pool", 1),)  # no connection is shared
MESSAGE = b"x" * 100
ENTRY = ((METADATA, b"x" * 31),)  # as long as the token of a call that begins a chain
KEY = b"a key for measuring, 32 bytes ok"
METHOD = "/shop.Cart/Get"
Rule = tuple[str, str, str, str]  # caller, callee, method, tier: a header, * = any
TIERS = ("gold", "silver")


def rules_of(headers: bool) -> list[Rule]:
    """What is allowed; where headers count, half of the rules want one."""
    return [
        (
            f"s{i % 20}",
            f"s{i // 20}",
            f"shop.S{i}/Get",
            TIERS[i // 2 % 2] if headers and i % 2 else "*",
        )
        for i in range(RULES)
    ]


def policy_of(rules: list[Rule]) -> Policy:
    """A rule for each, and a default that denies."""
    texts = [
        f'rule r{i} {{ when caller = "{a}" and callee = "{b}" and method = "{m}"'
        + ("" if tier == "*" else f' and header("x-tier") = "{tier}"')
        + " allow }"
        for i, (a, b, m, tier) in enumerate(rules)
    ]
    return parse("\n".join(["rules 1", *texts, "default deny 403"]))


def guard(rules: int, service: str) -> Guard:
    # All rules are asked of both sides: none is about another service alone.
    made = [("web", "cart", f"shop.C{i}/Get", "*") for i in range(rules - 1)]
    policy = policy_of([*made, ("web", "cart", METHOD[1:], "*")])
    return Guard(policy, service, mode="enforce", keys=(KEY,))


def handlers(get: Callable[..., Any]) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        "shop.Cart", {"Get": grpc.unary_unary_rpc_method_handler(get)}
    )


def _called(channel: Any, name: str) -> Callable[[bytes], Any]:
    call = channel.unary_unary(METHOD)
    return partial(call, metadata=ENTRY) if name == "metadata" else call


def on_threads(port_of: dict[str, int], calls: int) -> dict[str, list[float]]:
    """Seconds of calls, plain and guarded, one of each in turn, over new channels."""
    with ExitStack() as stack:
        ways = {}
        for name, port in port_of.items():
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", ALONE))
            if rules := WAYS[name]:
                channel = GuardedChannel(channel, guard(rules, "web"), "cart")
            ways[name] = _called(channel, name)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(WARM + calls):
            for name, call in ways.items():
                start = time.perf_counter()
                call(MESSAGE)
                taken[name].append(time.perf_counter() - start)
    return taken


async def on_asyncio(port_of: dict[str, int], calls: int) -> dict[str, list[float]]:
    """The same on asyncio."""
    async with AsyncExitStack() as stack:
        ways = {}
        for name, port in port_of.items():
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", ALONE)
            await stack.enter_async_context(channel)
            if rules := WAYS[name]:
                channel = AioGuardedChannel(channel, guard(rules, "web"), "cart")
            ways[name] = _called(channel, name)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(WARM + calls):
            for name, call in ways.items():
                start = time.perf_counter()
                await call(MESSAGE)
                taken[name].append(time.perf_counter() - start)
    return taken


def paired(kind: str, calls: int) -> dict[str, float]:
    """Median microseconds, and ratios to plain: the median over rounds of the ratio of medians.

    Each round has servers and channels of its own, made in another order: where a thread or a
    connection happens to lie moves a call by more than a rule does.
    """
    random, names = Random(8), list(WAYS)
    us: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(PAIRED):
        random.shuffle(names)
        with server_of(kind, names) as port_of:
            if kind == "threads":
                taken = on_threads(port_of, calls)
            else:
                taken = asyncio.run(on_asyncio(port_of, calls))
        for name, seconds in taken.items():
            us[name].append(statistics.median(seconds[WARM:]) * 1e6)
    found = {name: statistics.median(us[name]) for name in WAYS}
    for name in WAYS:
        if name != "plain":
            ratios = [a / b for a, b in zip(us[name], us["plain"], strict=True)]
            found[f"{name}_ratio"] = statistics.median(ratios)
            found[f"{name}_ratio_least"], found[f"{name}_ratio_most"] = min(ratios), max(ratios)
    return {name: round(value, 3) for name, value in found.items()}


@contextmanager
def server_of(kind: str, names: list[str]) -> Iterator[dict[str, int]]:
    """A process that serves all ways; as between services, client and server share no lock."""
    command = [sys.executable, __file__, f"--serve={kind}", *names]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        yield json.loads(served.stdout.readline())
        served.communicate("")


def serve(kind: str, names: list[str]) -> None:
    """Serve until stdin ends."""
    if kind == "asyncio":
        asyncio.run(serve_on_asyncio(names))
        return
    ports, servers = {}, []
    for name in names:
        asked = [PolicyInterceptor(guard(WAYS[name], "cart"))] if WAYS[name] else []
        server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=asked)
        server.add_generic_rpc_handlers((handlers(lambda request, _context: request),))
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    print(json.dumps(ports), flush=True)
    sys.stdin.read()
    for server in servers:
        server.stop(None)


async def serve_on_asyncio(names: list[str]) -> None:
    async def get(request: bytes, _context: Any) -> bytes:
        return request

    ports, servers = {}, []
    for name in names:
        asked = [AioPolicyInterceptor(guard(WAYS[name], "cart"))] if WAYS[name] else []
        server = grpc.aio.server(interceptors=asked)
        server.add_generic_rpc_handlers((handlers(get),))
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        await server.stop(None)


def decisions(python: Path, headers: bool) -> dict[str, float]:
    """Median microseconds of a decision among 200 rules, ours and theirs; all decide alike."""
    random, rules = Random(8), rules_of(headers)
    calls = [
        (
            *(
                random.choice(rules)[:3]
                if random.random() < 0.8
                else tuple(random.choice(rules)[i] for i in range(3))
            ),
            random.choice(TIERS),
        )
        for _ in range(DECISIONS)
    ]
    policy = policy_of(rules)
    lookup, memory = PolicyLookup(policy), Memory(policy)
    ours = [Call(0, *names, headers={"x-tier": tier}) for *names, tier in calls]

    def timed(verdict: Callable[[Call], str]) -> tuple[float, list[bool]]:
        start = time.perf_counter()
        found = [verdict(call) == "allow" for call in ours]
        return time.perf_counter() - start, found

    taken: dict[str, list[float]] = {}
    with subprocess.Popen(
        [python, PEERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peers:
        assert peers.stdin is not None
        assert peers.stdout is not None

        def asked(name: str) -> tuple[float, list[bool]]:
            print(name, file=peers.stdin, flush=True)
            return tuple(json.loads(peers.stdout.readline()))

        print(json.dumps({"rules": rules, "calls": calls}), file=peers.stdin, flush=True)
        peers.stdout.readline()
        truth = timed(lambda call: decide(policy, memory, call).verdict)[1]
        for _ in range(ROUNDS):
            for name, (seconds, found) in {
                "ours": timed(lambda call: lookup.decide(call).verdict),
                "reference": timed(lambda call: decide(policy, memory, call).verdict),
                "cedarpy": asked("cedarpy"),
                "casbin": asked("casbin"),
            }.items():
                assert found == truth, f"{name} decides otherwise"
                taken.setdefault(name, []).append(seconds / DECISIONS * 1e6)
        peers.stdin.close()
    found = {name: statistics.median(s) for name, s in taken.items()}
    found |= {f"{n}_to_ours": found[n] / found["ours"] for n in ("cedarpy", "casbin", "reference")}
    return {name: round(value, 3) for name, value in found.items()}


def peers_python(folder: Path) -> Path:
    """A Python with cedarpy and casbin and nothing of ours."""
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *PINNED], check=True)
    return python


def main() -> None:
    if sys.argv[1:] and sys.argv[1].startswith("--serve="):
        serve(sys.argv[1].removeprefix("--serve="), sys.argv[2:])
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        python = peers_python(Path(folder) / "peers")
        results = {
            "threads_us": paired("threads", calls),
            "asyncio_us": paired("asyncio", calls),
            "decision_by_names_us": decisions(python, headers=False),
            "decision_by_names_and_a_header_us": decisions(python, headers=True),
        }
    for what, row in results.items():
        print(what, *(f"{name} {value}" for name, value in row.items()), sep="  ")
    settings = {
        "calls": calls,
        "paired_rounds": PAIRED,
        "rules": RULES,
        "peers": PINNED,
        "python": platform.python_version(),
    }
    settings["grpcio"] = grpc.__version__
    RESULTS.write_text(json.dumps({"settings": settings, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
