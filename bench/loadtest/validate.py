#!/usr/bin/env python3
"""The same scenario on real nodes and simulated: hit ratio, max ÷ mean load and requests at the store.

    validate.py [--strata target/debug/strata] [--s3 target/debug/strata-s3-server]
                [--seeds 1,2,3] [--out DIR]

For each seed, an S3 server with copies of the sample title, four origins and a balancer are
started on this machine, all as they come, and an audience watches; `simulate --like` rebuilds
the run. Ends with 1 when a figure is further off than the simulation's tolerance, 10 %.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_SECONDS = 30
FIGURES = {
    "hit_ratio": "hit ratio",
    "max_over_mean": "max ÷ mean",
    "store_requests": "store requests",
}


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    target = ROOT / "target" / "debug"
    parser.add_argument("--strata", type=pathlib.Path, default=target / "strata")
    parser.add_argument("--s3", type=pathlib.Path, default=target / "strata-s3-server")
    parser.add_argument("--seeds", default="1,2,3", help="one run for each")
    parser.add_argument("--out", type=pathlib.Path, help="keep the reports here")
    parser.add_argument("--titles", type=int, default=60)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--cache", default="32MiB", help="of each origin")
    parser.add_argument("--chunk-size", default="256KiB")
    parser.add_argument("--viewers", type=int, default=600)
    parser.add_argument("--seconds", type=int, default=90)
    return parser.parse_args()


@contextlib.contextmanager
def store(program, titles):
    """An S3 server with the folder `titles` in a bucket; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [program, "--listen", f"127.0.0.1:{port}", "--bucket", "films", "--load", titles],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def strata(asked, *arguments):
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "strata",
        "AWS_SECRET_ACCESS_KEY": "strata-secret",
    }
    command = [asked.strata, "loadtest", *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def compare(asked, endpoint, catalogue, seed, out):
    """Runs it for real and simulated; what both found."""
    real, simulated = out / f"real-{seed}", out / f"simulated-{seed}"
    strata(
        asked, "sweep", "factor", "--values", 140, "--seed", seed, "--out", real,
        "--store", "s3://films", "--s3-endpoint", endpoint, "--s3-region", "us-east-1",
        "--catalogue", catalogue, "--nodes", asked.nodes, "--cache", asked.cache,
        "--chunk-size", asked.chunk_size, "--viewers", asked.viewers, "--for", f"{asked.seconds}s",
    )  # fmt: skip
    strata(asked, "simulate", "--like", real / "140", "--out", simulated)
    return json.loads((simulated / "report.json").read_text())["validation"]


def main():
    asked = options()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names = [f"{number:03}" for number in range(asked.titles)]
        for name in names:
            shutil.copytree(ROOT / "sample" / "title", folder / "titles" / name)
        catalogue = folder / "catalogue"
        catalogue.write_text("".join(f"{name}/harbour.ism\n" for name in names))
        print("| seed | figure | real | simulated | difference |")
        print("|---|---|---|---|---|")
        valid = True
        for seed in asked.seeds.split(","):
            # Nodes have a new store each time too: nothing is warm.
            with store(asked.s3, folder / "titles") as endpoint:
                found = compare(asked, endpoint, catalogue, seed, asked.out or folder / "out")
            valid = valid and found["is_valid"]
            for figure in found["figures"]:
                values = f"{figure['real']:.4g} | {figure['simulated']:.4g}"
                name = FIGURES[figure["figure"]]
                print(f"| {seed} | {name} | {values} | {figure['difference']:+.1%} |", flush=True)
    print("\nWithin 10 % on all." if valid else "\nNot within 10 % on all.")
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
