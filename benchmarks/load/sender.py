"""A sender of OTLP over gRPC that keeps a rate, and comes again with what is refused for now."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

import grpc
import numpy as np

from load.messages import Message, messages, shop_spans

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
UNDER_WAY = 8
AGAIN_S = 0.5
FOR_NOW = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


@dataclass(slots=True)
class Sent:
    """Spans by what became of them."""

    taken: int = 0
    put_off: int = 0  # refused for now; sent again, or given up at the end
    refused: int = 0
    behind: int = 0  # not sent, since the rate could not be kept


def send(address: str, rate: float, seconds: float, seed: int, told: Connection) -> None:
    """Send so many spans a second; tells what became of them."""
    made, sent, rng = messages(shop_spans(120_000), 1_000), Sent(), np.random.default_rng(seed)
    told.send("ready")
    with grpc.insecure_channel(address) as channel:
        export = channel.unary_unary(EXPORT)
        under_way: deque[tuple[grpc.Future, int]] = deque()
        begin, count = time.monotonic(), 0
        while (now := time.monotonic() - begin) < seconds:
            if count > rate * now:
                time.sleep(0.002)
                continue
            message: Message = made[int(rng.integers(len(made)))]
            count += message.many
            if count < rate * (now - 2.0):  # two seconds late: a real sender would drop it
                sent.behind += message.many
                continue
            body = message.at(time.time_ns() - 10**9, rng)
            under_way.append((export.future(body), message.many))
            while len(under_way) >= UNDER_WAY:
                _settle(*under_way.popleft(), sent)
        while under_way:
            _settle(*under_way.popleft(), sent)
    told.send(asdict(sent))


def _settle(call: grpc.Future, many: int, sent: Sent) -> None:
    try:
        call.result()
    except grpc.RpcError as error:
        if error.code() in FOR_NOW:
            sent.put_off += many
            time.sleep(AGAIN_S)
        else:
            sent.refused += many
    else:
        sent.taken += many
