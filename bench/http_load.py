"""A load on one HTTP route, from a process of its own: ``python -m bench.http_load HOST PORT PREFIX COUNT ...``.

    closed loop    every connection asks again as soon as it is answered: requests per second
    open loop      requests start at fixed times, whether or not earlier ones are answered, and their time counts from
                   when they should have started: a server that stalls cannot hide it (no coordinated omission)

Requests go to ``PREFIX<k>`` for random k below COUNT. A plain client over asyncio's streams, so that what is measured
is the server and not a client library. The result is one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Final

_SEED: Final = 7
_MAX_BODY: Final = 1 << 24


@dataclass
class Load:
    """Where to, and what came of it."""

    host: str
    port: int
    prefix: str
    count: int
    latencies: list[float] = field(default_factory=list)
    received: int = 0

    def request(self, choice: random.Random) -> bytes:
        """A request for a random leaf."""
        target = f"{self.prefix}{choice.randrange(self.count)}"
        return f"GET {target} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode("ascii")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that stays."""
        return await asyncio.open_connection(self.host, self.port)

    async def ask(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes
    ) -> None:
        """One request; anything but 200 with a body of the stated length is a fault of the bench."""
        reader, writer = connection
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.split(b"\r\n", 1)[0].decode("ascii", "replace"))
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1])
        if not 0 < length <= _MAX_BODY:
            raise RuntimeError(f"a body of {length} bytes")
        self.received += len(head) + len(await reader.readexactly(length))


async def closed_loop(load: Load, connections: int, seconds: float) -> float:
    """All connections as fast as they are answered; requests per second."""
    end = time.perf_counter() + seconds

    async def work(number: int) -> int:
        choice, connection = random.Random(_SEED + number), await load.connect()
        done = 0
        while time.perf_counter() < end:
            await load.ask(connection, load.request(choice))
            done += 1
        connection[1].close()
        return done

    start = time.perf_counter()
    done = await asyncio.gather(*(work(number) for number in range(connections)))
    return sum(done) / (time.perf_counter() - start)


async def open_loop(load: Load, connections: int, rate: float, seconds: float) -> None:
    """`rate` requests a second for so long; their times go into ``load.latencies``."""
    choice = random.Random(_SEED)
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await load.connect())

    async def one(due: float, request: bytes) -> None:
        connection = await idle.get()
        await load.ask(connection, request)
        idle.put_nowait(connection)
        load.latencies.append(time.perf_counter() - due)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            group.create_task(one(due, load.request(choice)))
    while not idle.empty():
        idle.get_nowait()[1].close()


def percentile(sorted_times: list[float], share: float) -> float:
    """The smallest time that at least this share of the requests did not exceed."""
    return sorted_times[min(len(sorted_times) - 1, max(0, -int(-share * len(sorted_times) // 1) - 1))]


async def run(load: Load, arguments: argparse.Namespace) -> dict[str, float]:
    """Closed loop without a rate, open loop with one."""
    if not arguments.rate:
        rate = await closed_loop(load, arguments.connections, arguments.seconds)
        return {"requests_per_second": rate, "megabytes": load.received / 1e6}
    await open_loop(load, arguments.connections, arguments.rate, arguments.seconds)
    times = sorted(load.latencies)
    return {
        "requests": len(times),
        "median_ms": percentile(times, 0.5) * 1e3,
        "p99_ms": percentile(times, 0.99) * 1e3,
        "largest_ms": times[-1] * 1e3,
    }


def main() -> None:
    """Run one load."""
    parser = argparse.ArgumentParser(prog="python -m bench.http_load")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("prefix")
    parser.add_argument("count", type=int)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; closed loop if not given")
    arguments = parser.parse_args()
    load = Load(arguments.host, arguments.port, arguments.prefix, arguments.count)
    print(json.dumps(asyncio.run(run(load, arguments))))


if __name__ == "__main__":
    main()
