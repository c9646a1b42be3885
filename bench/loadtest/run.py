#!/usr/bin/env python3
"""What the load tester can do on one core, beside wrk on the same server.

    run.py [--strata target/release/strata] [--server target/release/examples/server]
           [--seconds 6] [--rounds 3]

The server (loadtest/examples/server.rs, one thread) has core 1, whoever asks has core
0. Tools take turns, and medians of the rounds count. Ends with 1 when a goal is missed.
"""

import argparse
import datetime
import json
import pathlib
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATOR_CORE, SERVER_CORE = "0", "1"
WAIT_SECONDS = 10
# Requests on their way at once when a tool asks as fast as it can.
CONNECTIONS = 32
CONNECTIONS_LARGE = 4
RATE_GOAL = 20_000
# Of wrk's throughput, which parses no more than a body's end and checks nothing.
LARGE_GOAL = 0.9
AGREEMENT_GOAL = 0.05
STALL_AT, STALL_SECONDS, STALL_RATE = 2, 2, 1000
REPLAY_RATE, REPLAY_ERROR_GOAL_MS = 1000, 5.0


class Server:
    """The server, until the end of the block; with a stall, if any."""

    def __init__(self, program, stall=()):
        self.command = [str(program)]
        self.stall = [str(number) for number in stall]

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"127.0.0.1:{port}"
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *self.command, address, *self.stall]
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return f"http://{address}"
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def on_generator(command):
    return ["taskset", "-c", GENERATOR_CORE, *map(str, command)]


def strata(program, *arguments):
    """A test's report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "loadtest", *arguments, "--quiet", "--out", folder]
        done = subprocess.run(on_generator(command), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return json.loads((pathlib.Path(folder) / "report.json").read_text())


UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


def wrk(url, seconds, connections):
    """Requests a second, and latencies in milliseconds."""
    command = ["wrk", "--latency", "-t", 1, "-c", connections, "-d", f"{seconds}s", url]
    text = subprocess.run(on_generator(command), capture_output=True, text=True, check=True).stdout
    found = {"rate": float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1])}
    for percent, number, unit in re.findall(r"^\s*(\d+)%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.M):
        found[f"p{percent}"] = float(number) * UNITS[unit]
    return found


def closed(program, url, seconds, connections):
    report = strata(program, "fetch", url, "--closed", connections, "--for", f"{seconds}s")
    latency = report["latency"]
    found = {"rate": report["totals"]["requests"] / report["length_s"]}
    found.update({f"p{percent}": latency[f"p{percent}_ms"] for percent in (50, 75, 90, 99)})
    return found


def medians(rounds):
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


def beside_wrk(arguments, url, connections):
    """What strata and wrk find: each once a round, so that what else the machine does meets both."""
    rounds = [
        (closed(arguments.strata, url, arguments.seconds, connections), wrk(url, arguments.seconds, connections))
        for _ in range(arguments.rounds)
    ]
    return [medians(of_tool) for of_tool in zip(*rounds)]


class Table:
    def __init__(self):
        self.missed = []
        print(f"{'':<46}{'strata':>12}{'wrk':>12}  goal")

    def row(self, name, ours, theirs="", goal="", is_met=True):
        mark = "" if is_met else "  MISSED"
        print(f"{name:<46}{ours:>12}{theirs:>12}  {goal}{mark}", flush=True)
        if not is_met:
            self.missed.append(name)


def small(arguments, table):
    with Server(arguments.server) as url:
        ours, theirs = beside_wrk(arguments, f"{url}/1k", CONNECTIONS)
        table.row(
            f"1 KB, closed, {CONNECTIONS} connections: requests/s",
            f"{ours['rate']:,.0f}",
            f"{theirs['rate']:,.0f}",
            f">= {RATE_GOAL:,}",
            ours["rate"] >= RATE_GOAL,
        )
        report = strata(
            arguments.strata, "fetch", f"{url}/1k", "--rate", RATE_GOAL, "--for", f"{arguments.seconds}s"
        )
        asked = report["totals"]["requests"] / arguments.seconds
        is_met = asked >= RATE_GOAL * 0.999 and report["totals"]["failed"] == 0
        table.row(
            f"1 KB, open, {RATE_GOAL:,} due a second: answered/s",
            f"{asked:,.0f}",
            "–",
            "all, none failed",
            is_met,
        )
        table.row("    sent late by, p99", f"{report['lateness']['p99_ms']:.2f} ms", "–")
        table.row("    latency from when due, p99", f"{report['latency']['p99_ms']:.2f} ms", "–")


def large(arguments, table):
    with Server(arguments.server) as url:
        ours, theirs = beside_wrk(arguments, f"{url}/1m", CONNECTIONS_LARGE)
        gbps = [found["rate"] * (8 << 20) / 1e9 for found in (ours, theirs)]
        table.row(
            f"1 MB, closed, {CONNECTIONS_LARGE} connections: Gb/s",
            f"{gbps[0]:.1f}",
            f"{gbps[1]:.1f}",
            f">= {100 * LARGE_GOAL:.0f} % of wrk's: {100 * gbps[0] / gbps[1]:.0f} %",
            gbps[0] >= gbps[1] * LARGE_GOAL,
        )


def latencies(arguments, table):
    with Server(arguments.server) as url:
        ours, theirs = beside_wrk(arguments, f"{url}/wait", CONNECTIONS)
        for name in ("p50", "p75", "p90", "p99"):
            difference = ours[name] / theirs[name] - 1
            table.row(
                f"latency of answers that wait 10 to 50 ms, {name}",
                f"{ours[name]:.2f} ms",
                f"{theirs[name]:.2f} ms",
                f"within 5 %: {100 * difference:+.1f} %",
                abs(difference) <= AGREEMENT_GOAL,
            )


def stall(arguments, table):
    seconds = STALL_AT + STALL_SECONDS + 2
    with Server(arguments.server, (STALL_AT, STALL_SECONDS)) as url:
        report = strata(
            arguments.strata, "fetch", f"{url}/1k", "--rate", STALL_RATE, "--for", f"{seconds}s"
        )
    with Server(arguments.server, (STALL_AT, STALL_SECONDS)) as url:
        theirs = wrk(f"{url}/1k", seconds, CONNECTIONS)
    # A third of all that was due was due while the server stood still.
    for name, least in (("p75", 100), ("p90", 1000), ("p99", 1800)):
        ours = report["latency"][f"{name}_ms"]
        table.row(
            f"latency with a stall of {STALL_SECONDS} s in {seconds} s, {name}",
            f"{ours:,.0f} ms",
            f"{theirs[name]:.1f} ms",
            f">= {least:,} ms: the stall shows",
            ours >= least,
        )


def replay(arguments, table):
    chance = random.Random(6)
    begin = datetime.datetime(2025, 10, 10, tzinfo=datetime.timezone.utc)
    at, lines = 0.0, []
    while at < arguments.seconds:
        moment = begin + datetime.timedelta(seconds=at)
        time_text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines.append(json.dumps({"time": time_text, "method": "GET", "path": "/1k", "duration_ms": 0}))
        at += chance.expovariate(REPLAY_RATE)
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log, Server(arguments.server) as url:
        log.write("\n".join(lines) + "\n")
        log.flush()
        report = strata(arguments.strata, "replay", log.name, "--target", url)
    late = report["lateness"]
    table.row(
        f"log of {REPLAY_RATE:,} requests/s: timing error, p99",
        f"{late['p99_ms']:.2f} ms",
        "–",
        f"< {REPLAY_ERROR_GOAL_MS:.0f} ms",
        late["p99_ms"] < REPLAY_ERROR_GOAL_MS and report["totals"]["requests"] == len(lines),
    )
    table.row("    the longest", f"{late['max_ms']:.2f} ms", "–")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    release = ROOT / "target/release"
    parser.add_argument("--strata", type=pathlib.Path, default=release / "strata")
    parser.add_argument("--server", type=pathlib.Path, default=release / "examples/server")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for program in (arguments.strata, arguments.server):
        if not program.exists():
            parser.error(f"{program} is not there; see the README beside this file")
    table = Table()
    for part in (small, large, latencies, stall, replay):
        part(arguments, table)
    if table.missed:
        sys.exit(f"missed: {', '.join(table.missed)}")


if __name__ == "__main__":
    main()
