#!/usr/bin/env python3
"""How long a cold segment takes when the store is far away.

    latency.py --content DIR --strata target/release/strata --s3 target/release/strata-s3-server \\
               --nginx nginx --module ngx_http_vod_module.so [--delays 30,150]

Strata reads the titles from an S3 server, nginx-vod-module in remote mode from a web
server, each through the same proxy that delays every request (delay.py). One client
asks for segments once, one after the other, from the last to the first, so that all of
them are cold; Strata's read-ahead is off, or they would not be. Tables are in memory by
then: the manifest has been asked for. Told are the times, in milliseconds, until the
media has begun (the first 16 KiB are here: boxes alone are sent before the store was
asked) and until all is here, and the requests at the store for each segment. Without
--nginx and --module only Strata is measured.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "origin"))
import run  # noqa: E402 # it is beside

# Name, file, and of how many segments one is asked for: no two begin in one chunk.
CASES = [("5 Mbit/s", "v5000.mp4", 1), ("1 Mbit/s", "v1000.mp4", 2)]
SEGMENTS_MAX = 60
BEGUN_BYTES = 16 << 10
STRATA = """\
store:
  url: s3://titles
  endpoint: http://127.0.0.1:{port}
  warm_connections: 4
cache:
  read_ahead: 0
access_log: off
"""
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_REGION": "us-east-1", "STRATA_LOG": "error"}


def configured(folder, name, **values):
    text = (HERE / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = folder / name.removesuffix(".in")
    path.write_text(text)
    return path


class Rig:
    """Servers of one delay; they end with it."""

    def __init__(self, options, delay, folder, stack):
        self.options, self.folder, self.stack = options, folder, stack
        self.delay = delay

    def serve(self, name, command, port, environment=None):
        server = run.Server(name, command, port, environment)
        self.stack.callback(server.end)
        return server

    def far(self, port):
        """The port where `port` is far away."""
        proxy = run.free_port()
        self.serve("delay", [sys.executable, str(HERE / "delay.py"), str(proxy), str(port), str(self.delay)], proxy)
        return proxy

    def strata(self):
        store, port, admin = run.free_port(), run.free_port(), run.free_port()
        content = os.path.join(self.options.content, "ladder")
        keys = ["--access-key", KEYS["AWS_ACCESS_KEY_ID"], "--secret-key", KEYS["AWS_SECRET_ACCESS_KEY"]]
        command = [self.options.s3, "--listen", f"127.0.0.1:{store}", *keys, "--bucket", "titles", "--load", content]
        self.serve("s3", command, store)
        config = self.folder / "strata.yaml"
        config.write_text(STRATA.format(port=self.far(store)))
        command = [self.options.strata, "origin", "--config", str(config)]
        command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
        server = self.serve("strata", command, port, KEYS)
        return server, lambda: strata_requests(admin)

    def peer(self):
        files, port = run.free_port(), run.free_port()
        content = os.path.join(self.options.content, "ladder")
        nginx = self.options.nginx
        config = configured(self.folder, "files.conf.in", RUN=self.folder, PORT=files, CONTENT=content)
        self.serve("files", [nginx, "-c", str(config)], files)
        values = {"MODULE": self.options.module, "RUN": self.folder, "PORT": port, "STORE": self.far(files)}
        config = configured(self.folder, "nginx.conf.in", **values)
        return self.serve("nginx-vod", [nginx, "-c", str(config)], port, run.MALLOC)


def strata_requests(admin):
    text = run.fetch(f"http://127.0.0.1:{admin}/metrics").decode()
    values = re.findall(r'^strata_origin_store_requests_total\{operation="(?:open|read)".*\} (\d+)', text, re.M)
    return sum(map(int, values))


def wait_for(url):
    """Until the S3 server has loaded the files, which it does while it listens."""
    deadline = time.monotonic() + run.WAIT_SECONDS
    while True:
        try:
            return run.fetch(url)
        except urllib.error.HTTPError:
            if deadline < time.monotonic():
                raise
            time.sleep(0.2)


def times(urls):
    """Seconds until each has begun and is whole, in turn over one connection."""
    firsts, wholes, size = [], [], 0
    place = urllib.parse.urlsplit(urls[0])
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    for url in urls:
        begun = time.perf_counter()
        connection.request("GET", urllib.parse.urlsplit(url).path)
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"{url}: {answer.status}")
        body = answer.read(BEGUN_BYTES)
        firsts.append(time.perf_counter() - begun)
        body += answer.read()
        wholes.append(time.perf_counter() - begun)
        size += len(body)
    connection.close()
    return firsts, wholes, size / len(urls)


def told(seconds):
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return f"{statistics.median(ordered) * 1000:9.0f}{p99 * 1000:8.0f}"


def measure(name, delay, case, step, server, path, requests=None):
    urls = run.segments_of("dash", server.url(path))[::step][-SEGMENTS_MAX:][::-1]
    before = requests() if requests else 0
    firsts, wholes, size = times(urls)
    asked = f"{(requests() - before) / len(urls):8.2f}" if requests else ""
    row = f"{delay:>4} ms  {case:12}{name:22}{len(urls):6}{size / 1000:9.0f}"
    print(row + told(firsts) + told(wholes) + asked, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", required=True, type=os.path.abspath, help="made by ../origin/content.sh")
    parser.add_argument("--strata", default="target/release/strata")
    parser.add_argument("--s3", default="target/release/strata-s3-server")
    parser.add_argument("--nginx", help="the nginx to compare with")
    parser.add_argument("--module", type=os.path.abspath, help="nginx-vod-module, built for that nginx")
    parser.add_argument("--delays", default="30,150", help="milliseconds, by commas")
    options = parser.parse_args()
    print(f"{'delay':9}{'title':12}{'server':22}{'count':>6}{'kB':>9}{'begun p50':>9}{'p99':>8}{'whole p50':>9}{'p99':>8}{'GETs':>8}")
    for delay in map(int, options.delays.split(",")):
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strata-bench-")))
            rig = Rig(options, delay, folder, stack)
            strata, requests = rig.strata()
            peer = rig.peer() if options.nginx and options.module else None
            for case, name, step in CASES:
                wait_for(strata.url(f"{name}/.mpd"))
                measure("Strata", delay, case, step, strata, f"{name}/.mpd", requests)
                if peer:
                    measure("nginx-vod", delay, case, step, peer, f"dash/{name}/manifest.mpd")
                    measure("nginx-vod, 4 MB reads", delay, case, step, peer, f"large/{name}/manifest.mpd")


if __name__ == "__main__":
    main()
