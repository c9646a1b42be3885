#!/usr/bin/env python3
"""How requests spread over nodes with caches: Strata's balancer beside HAProxy.

    spread.py --strata target/release/strata [--haproxy haproxy] [--seconds 30] [--rate 600] [--seed 1]

Six nodes, each with a cache of so many titles: what it has it serves in HIT
seconds, what it has not in MISS seconds, as an origin that has to fetch from a
store. Viewers ask for titles by Zipf's law at a steady rate (Poisson, seeded, the
same for all). The nodes themselves say what came to them: how many requests each
held at a moment (sampled), which titles, and whether the cache had them.

A title's first choice is the node that served it most. Nobody has more than two
cores for this: nodes and viewers are a process each, and the balancer is idle most
of the time, so the times say nothing of its speed. For that there is cost.sh.
"""

import argparse
import asyncio
import collections
import json
import multiprocessing
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# What HAProxy is run with in every benchmark.
DIRECTIVES = pathlib.Path(__file__).with_name("haproxy.cfg")
NODES = 6
TITLES = 2000
ZIPF = 0.9
CACHE_TITLES = 200
HIT_SECONDS, MISS_SECONDS = 0.08, 0.25
BODY = b"x" * 1000
SAMPLE_SECONDS = 0.05
# Not counted: caches fill, and balancers learn.
WARM_SECONDS = 10
# Below this many requests a node, more or less is chance.
MEAN_MIN = 2.0


class Node:
    def __init__(self):
        self.cache = collections.OrderedDict()
        self.in_flight = 0
        self.hits = 0
        self.served = collections.Counter()

    def has(self, title):
        found = title in self.cache
        self.cache[title] = True
        self.cache.move_to_end(title)
        if len(self.cache) > CACHE_TITLES:
            self.cache.popitem(last=False)
        return found

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1]
                if path == b"/readyz":
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    continue
                title = path.split(b"/")[1]
                self.in_flight += 1
                try:
                    hit = self.has(title)
                    await asyncio.sleep(HIT_SECONDS if hit else MISS_SECONDS)
                    self.hits += hit
                    self.served[title] += 1
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
                    await writer.drain()
                finally:
                    self.in_flight -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def nodes(ports, pipe):
    """Serves until told to report."""
    all_nodes = [Node() for _ in ports]
    for node, port in zip(all_nodes, ports):
        await asyncio.start_server(node.serve, "127.0.0.1", port)
    ratios, told = [], asyncio.Event()

    async def sample():
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            held = [node.in_flight for node in all_nodes]
            if statistics.mean(held) >= MEAN_MIN:
                ratios.append(max(held) / statistics.mean(held))

    def command():
        nonlocal ratios
        if pipe.recv() == "count":
            ratios.clear()
            for node in all_nodes:
                node.hits, node.served = 0, collections.Counter()
        else:
            told.set()

    asyncio.get_running_loop().add_reader(pipe.fileno(), command)
    sampling = asyncio.create_task(sample())
    pipe.send("listening")
    await told.wait()
    sampling.cancel()
    served = sum((node.served for node in all_nodes), collections.Counter())
    first = sum(max(node.served[title] for node in all_nodes) for title in served)
    total = sum(served.values())
    ratios.sort()
    pipe.send({
        "requests": total,
        "hit ratio": sum(node.hits for node in all_nodes) / total,
        "first choice": first / total,
        "max ÷ mean, median": ratios[len(ratios) // 2],
        "max ÷ mean, 99 %": ratios[len(ratios) * 99 // 100],
        "nodes a title": statistics.mean(
            sum(node.served[title] > 0 for node in all_nodes) for title, _ in served.most_common(50)),
    })
    # Connections that are kept end with the process, and nobody is to hear of it.
    os._exit(0)


class Viewer:
    """Connections that are kept, and one request over one of them."""

    def __init__(self, port):
        self.port = port
        self.idle = []
        self.failed = 0

    async def ask(self, path):
        try:
            reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: t\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                self.failed += 1
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            self.idle.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            self.failed += 1


async def view(port, rate, seconds, seed, warmed):
    """Asks at a steady rate, whatever becomes of it. Returns how many failed."""
    chance = random.Random(seed)
    weights = [1 / (rank + 1) ** ZIPF for rank in range(TITLES)]
    titles = chance.choices(range(TITLES), weights, k=int(rate * (WARM_SECONDS + seconds) * 2))
    viewer, tasks, due, start = Viewer(port), set(), 0.0, time.monotonic()
    for number, title in enumerate(titles):
        due += chance.expovariate(rate)
        if due > WARM_SECONDS + seconds:
            break
        if warmed and due > WARM_SECONDS:
            warmed()
            warmed = None
        await asyncio.sleep(max(0, start + due - time.monotonic()))
        task = asyncio.create_task(viewer.ask(f"/t{title}.ism/{number}"))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=10)
    return viewer.failed


def serve_nodes(ports, pipe):
    asyncio.run(nodes(ports, pipe))


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def haproxy_config(port, ports):
    servers = "\n".join(f"  server n{number} 127.0.0.1:{node}" for number, node in enumerate(ports))
    # Trusted at once: `rise` is about nodes that come back, and none goes here.
    return f"""frontend clients
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  default-server rise 1
{servers}
"""


def strata_config(port, admin, ports, floor):
    origins = "\n".join(f"  - {{ address: '127.0.0.1:{node}', id: n{number} }}" for number, node in enumerate(ports))
    return f"""listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
threads: 1
access_log: off
balance: {{ factor: 140, floor: {floor} }}
origins:
{origins}
"""


def wait_for(port):
    for _ in range(500):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"spread: nobody listens on port {port}")


def run(name, command, config, ports, port, options, folder):
    """One balancer in front of fresh nodes."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve_nodes, args=(ports, theirs), daemon=True)
    process.start()
    ours.recv()
    path = pathlib.Path(folder) / f"{name.split()[0]}.conf"
    path.write_text(config)
    with open(pathlib.Path(folder) / "log", "w") as log:
        balancer = subprocess.Popen(command(path), stdout=log, stderr=log)
    try:
        wait_for(port)
        # Until its checks have found the nodes.
        time.sleep(3)
        failed = asyncio.run(view(port, options.rate, options.seconds, options.seed, lambda: ours.send("count")))
        ours.send("report")
        report = ours.recv()
    finally:
        balancer.kill()
        balancer.wait()
        process.kill()
        process.join()
    return report | {"failed": failed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strata", default="target/release/strata")
    parser.add_argument("--haproxy", default="/usr/sbin/haproxy")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        port, admin, *ports = free_ports(2 + NODES)
        results["HAProxy"] = run("HAProxy", lambda path: [options.haproxy, "-db", "-f", DIRECTIVES, "-f", path],
                                 haproxy_config(port, ports), ports, port, options, folder)
        for name, floor in [("Strata", 4), ("Strata, floor 0", 0)]:
            port, admin, *ports = free_ports(2 + NODES)
            results[name] = run(name, lambda path: [options.strata, "balancer", "--config", path],
                                strata_config(port, admin, ports, floor), ports, port, options, folder)
    if options.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
        return
    print(f"{options.rate} requests/s for {options.seconds} s, seed {options.seed}, {os.cpu_count()} cores")
    print("| | " + " | ".join(results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for figure in next(iter(results.values())):
        values = [result[figure] for result in results.values()]
        print(f"| {figure} | " + " | ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values) + " |")


if __name__ == "__main__":
    main()
