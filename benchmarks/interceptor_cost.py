"""What does a policy of 200 rules add to a gRPC call; what do the same decisions cost elsewhere?

usage: interceptor_cost.py [CALLS]

First, unary calls over loopback, plain and with guards on both sides (signed chains, enforced),
one of each in turn: medians and their ratio, on threads and on asyncio. The guarded call is made
with 1 rule too. Then the decisions alone: ours, the reference interpreter, cedarpy and casbin,
which get an environment of their own in a temporary folder, in rounds that take turns. Prints and
writes results/interceptor_cost.json.
"""

import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import grpc

from informer.policies.calls import Call
from informer.policies.decider import Decider
from informer.policies.grpc.aio_client import client_interceptors
from informer.policies.grpc.aio_server import AioPolicyInterceptor
from informer.policies.grpc.client import GuardedChannel
from informer.policies.grpc.guard import Guard
from informer.policies.grpc.server import PolicyInterceptor
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.syntax import Policy

RESULTS = Path(__file__).parent / "results" / "interceptor_cost.json"
PEERS = Path(__file__).parent / "rules" / "peers.py"
PINNED = ("cedarpy==4.12.2", "casbin==1.43.0")
RULES, WARM, ROUNDS, DECISIONS = 200, 500, 15, 1_000
KEY = b"a key for measuring, 32 bytes ok"
METHOD = "/shop.Cart/Get"
Rule = tuple[str, str, str]


def rules_of(count: int) -> list[Rule]:
    """Callers, callees and methods that are allowed; the one that is called stands last."""
    made = [(f"s{i % 20}", f"s{i // 20}", f"shop.S{i}/Get") for i in range(count - 1)]
    return [*made, ("web", "cart", METHOD[1:])]


def policy_of(rules: list[Rule]) -> Policy:
    """A rule for each, and a default that denies."""
    texts = [
        f'rule r{i} {{ when caller = "{a}" and callee = "{b}" and method = "{m}" allow }}'
        for i, (a, b, m) in enumerate(rules)
    ]
    return parse("\n".join(["rules 1", *texts, "default deny 403"]))


def guard(rules: int, service: str) -> Guard:
    # All rules are asked of both sides: none is about another service alone.
    made = [("web", "cart", f"shop.C{i}/Get") for i in range(rules - 1)]
    return Guard(
        policy_of([*made, ("web", "cart", METHOD[1:])]), service, mode="enforce", keys=(KEY,)
    )


def handlers(get: Callable[..., Any]) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        "shop.Cart", {"Get": grpc.unary_unary_rpc_method_handler(get)}
    )


def on_threads(calls: int) -> dict[str, float]:
    """Median microseconds of a call: plain, and guarded by 1 and by 200 rules."""
    with ExitStack() as stack:
        ways = {}
        for name, rules in (("plain", 0), ("guarded_1", 1), ("guarded_200", RULES)):
            interceptors = [PolicyInterceptor(guard(rules, "cart"))] if rules else []
            server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
            server.add_generic_rpc_handlers((handlers(lambda request, _context: request),))
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            stack.callback(server.stop, None)
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}"))
            if rules:
                channel = GuardedChannel(channel, guard(rules, "web"), "cart")
            ways[name] = channel.unary_unary(METHOD)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(WARM + calls):
            for name, call in ways.items():
                start = time.perf_counter()
                call(b"x" * 100)
                taken[name].append(time.perf_counter() - start)
    return medians(taken)


async def on_asyncio(calls: int) -> dict[str, float]:
    """The same on asyncio, in one loop."""

    async def get(request: bytes, _context: Any) -> bytes:
        return request

    ways, ends = {}, []
    for name, rules in (("plain", 0), ("guarded_1", 1), ("guarded_200", RULES)):
        server = grpc.aio.server(
            interceptors=[AioPolicyInterceptor(guard(rules, "cart"))] if rules else []
        )
        server.add_generic_rpc_handlers((handlers(get),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}",
            interceptors=client_interceptors(guard(rules, "web"), "cart") if rules else [],
        )
        ends += [channel.close, lambda server=server: server.stop(None)]
        ways[name] = channel.unary_unary(METHOD)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(WARM + calls):
        for name, call in ways.items():
            start = time.perf_counter()
            await call(b"x" * 100)
            taken[name].append(time.perf_counter() - start)
    for end in ends:
        await end()
    return medians(taken)


def medians(taken: dict[str, list[float]]) -> dict[str, float]:
    """Microseconds after the warm-up, and what is added to plain, each call beside its twin."""
    found = {name: statistics.median(s[WARM:]) * 1e6 for name, s in taken.items()}
    found |= {f"{name}_ratio": found[name] / found["plain"] for name in taken if name != "plain"}
    return {name: round(value, 3) for name, value in found.items()}


def decisions(python: Path) -> dict[str, float]:
    """Median microseconds of a decision among 200 rules, ours and theirs; all decide alike."""
    random, rules = Random(8), rules_of(RULES)
    calls = [
        random.choice(rules)
        if random.random() < 0.8
        else (random.choice(rules)[0], random.choice(rules)[1], random.choice(rules)[2])
        for _ in range(DECISIONS)
    ]
    policy = policy_of(rules)
    decider, memory, ours = Decider(policy), Memory(policy), [Call(0, *call) for call in calls]

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
                "ours": timed(lambda call: decider.decide(call).verdict),
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
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        python = peers_python(Path(folder) / "peers")
        results = {
            "threads_us": on_threads(calls),
            "asyncio_us": asyncio.run(on_asyncio(calls)),
            "decision_us": decisions(python),
        }
    for what, row in results.items():
        print(what, *(f"{name} {value}" for name, value in row.items()), sep="  ")
    settings = {
        "calls": calls,
        "rules": RULES,
        "peers": PINNED,
        "python": platform.python_version(),
    }
    settings["grpcio"] = grpc.__version__
    RESULTS.write_text(json.dumps({"settings": settings, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
