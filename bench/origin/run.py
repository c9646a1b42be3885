#!/usr/bin/env python3
"""Processor time a segment takes: Strata's origin against nginx-vod-module.

    run.py --content DIR --strata target/release/strata \\
           --nginx nginx --module ngx_http_vod_module.so [--only NAME] [--rounds 3]

Both serve the same files from the same folder, warm, with one worker pinned to
core 0; wrk asks from core 1. What counts is the server's processor time (its
threads' schedstat) over the requests answered, the median of the rounds, the two
taken in turn. nginx gets the malloc settings that halve its time. Without --nginx
and --module only Strata is measured.
"""

import argparse
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).parent
SEGMENTS_MAX = 20
WAIT_SECONDS = 15
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967295",
    "MALLOC_TRIM_THRESHOLD_": "4294967295",
    "MALLOC_TOP_PAD_": "67108864",
}
# What is asked for: name, format, and where it is on Strata and on nginx.
CASES = [
    ("dash 5M", "dash", "ladder/v5000.mp4/.mpd", "dash/ladder/v5000.mp4/manifest.mpd"),
    ("dash 1M", "dash", "ladder/v1000.mp4/.mpd", "dash/ladder/v1000.mp4/manifest.mpd"),
    ("dash 400k", "dash", "ladder/v400.mp4/.mpd", "dash/ladder/v400.mp4/manifest.mpd"),
    ("dash audio", "dash", "ladder/a128.mp4/.mpd", "dash/ladder/a128.mp4/manifest.mpd"),
    ("hls fmp4 5M", "hls", "ladder/v5000.mp4/.m3u8", "fmp4/ladder/v5000.mp4/index.m3u8"),
    ("hls ts 5M", "hls", "ladder/v5000.mp4/.m3u8?hls_fmp4=false", "hls/ladder/v5000.mp4/index.m3u8"),
    ("hls ts muxed", "hls", "ladder/m2500.mp4/.m3u8?hls_fmp4=false", "hls/ladder/m2500.mp4/index.m3u8"),
    ("smooth 5M", "smooth", "ladder/v5000.mp4/Manifest", "mss/ladder/v5000.mp4/manifest"),
    ("movie dash", "dash", "movie/movie.mp4/.mpd", "dash/movie/movie.mp4/manifest.mpd"),
    ("mpd of 6 files", None, "ladder/ladder.ism/.mpd", "dash/ladder/,v400,v1000,v2500,v5000,a64,a128,.mp4.urlset/manifest.mpd"),
    ("mpd of 2 h", None, "movie/movie.mp4/.mpd", "dash/movie/movie.mp4/manifest.mpd"),
]


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def segments_of(kind, url):
    """The first segments, of pictures where there are any, that a manifest names."""
    if kind is None:
        return [url]
    text = fetch(url)
    if kind == "hls":
        return hls_segments(url, text.decode())
    root = xml.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return (dash_segments if kind == "dash" else smooth_segments)(url, root)


def hls_segments(url, text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if "#EXT-X-STREAM-INF" in text:
        playlist = urllib.parse.urljoin(url, lines[0])
        return hls_segments(playlist, fetch(playlist).decode())
    return [urllib.parse.urljoin(url, line) for line in lines]


def dash_segments(url, root):
    base = root.find(".//BaseURL")
    if base is not None:
        url = urllib.parse.urljoin(url, base.text)
    sets = [s for s in root.iter("AdaptationSet") if "trickmode" not in xml.tostring(s, "unicode")]
    video = [s for s in sets if "video" in xml.tostring(s, "unicode")]
    chosen = (video or sets)[0]
    template = next(chosen.iter("SegmentTemplate"))
    name = next(chosen.iter("Representation")).get("id")
    urls = []
    for number, start in enumerate(starts(template), int(template.get("startNumber", "1"))):
        media = template.get("media").replace("$RepresentationID$", name)
        media = media.replace("$Number$", str(number)).replace("$Time$", str(start))
        urls.append(urllib.parse.urljoin(url, media))
    return urls


def starts(template):
    at = 0
    for entry in template.iter("S"):
        at = int(entry.get("t", at))
        for _ in range(int(entry.get("r", "0")) + 1):
            yield at
            at += int(entry.get("d"))


def smooth_segments(url, root):
    stream = next(s for s in root.iter("StreamIndex") if s.get("Type") == "video")
    rate = next(stream.iter("QualityLevel")).get("Bitrate")
    start, urls = 0, []
    for entry in stream.iter("c"):
        start = int(entry.get("t", start))
        for _ in range(int(entry.get("r", "1"))):
            path = stream.get("Url").replace("{bitrate}", rate).replace("{start time}", str(start))
            urls.append(urllib.parse.urljoin(url, path))
            start += int(entry.get("d"))
    return urls


class Server:
    def __init__(self, name, command, port, environment=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", *command],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"{name} ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        sys.exit(f"{name} does not listen on {port}")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def cpu_ns(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def rss_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


def load(server, urls, seconds, folder):
    """Microseconds of the server's time a request."""
    script = folder / "paths.lua"
    paths = ",".join('"%s"' % url.split(str(server.port), 1)[1] for url in urls)
    script.write_text(
        f"local paths, at = {{{paths}}}, 0\n"
        "request = function() at = at % #paths + 1; return wrk.format(nil, paths[at]) end\n"
        "done = function(summary) print('DONE', summary.requests, summary.errors.status"
        " + summary.errors.read + summary.errors.connect + summary.errors.timeout) end\n"
    )
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c8", f"-d{seconds}s", "--timeout", "20s", "-s", str(script), server.url("")]
    before = server.cpu_ns()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    spent = server.cpu_ns() - before
    requests, errors = map(int, re.search(r"DONE\s+(\d+)\s+(\d+)", output).groups())
    if errors or not requests:
        sys.exit(f"{server.name}: {errors} errors in {requests} requests\n{output}")
    return spent / requests / 1000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_strata(options):
    port = free_port()
    command = [options.strata, "origin", "--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0", "--store", options.content, "--access-log", "off"]
    return Server("strata", command, port)


def start_nginx(options, folder):
    port = free_port()
    text = (HERE / "nginx.conf.in").read_text()
    values = {"MODULE": options.module, "RUN": folder, "PORT": port, "CONTENT": options.content}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    config = folder / "nginx.conf"
    config.write_text(text)
    return Server("nginx-vod", [options.nginx, "-c", str(config)], port, MALLOC)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", required=True, type=os.path.abspath, help="made by content.sh")
    parser.add_argument("--strata", default="target/release/strata")
    parser.add_argument("--nginx", help="the nginx to compare with")
    parser.add_argument("--module", type=os.path.abspath, help="nginx-vod-module, built for that nginx")
    parser.add_argument("--only", help="the cases whose name has this in it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each round")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-bench-"))
    servers = [start_strata(options)]
    try:
        if options.nginx and options.module:
            servers.append(start_nginx(options, folder))
        print(f"{'':16}{'size kB':>9}" + "".join(f"{server.name + ' µs':>14}" for server in servers) + f"{'ratio':>8}")
        for name, kind, *places in CASES:
            if options.only and options.only not in name:
                continue
            urls = [segments_of(kind, server.url(place))[:SEGMENTS_MAX] for server, place in zip(servers, places)]
            sizes = [sum(len(fetch(url)) for url in some) / len(some) for some in urls]
            times = [[] for _ in servers]
            for _ in range(options.rounds):
                for server, some, taken in zip(servers, urls, times):
                    taken.append(load(server, some, options.seconds, folder))
            medians = [statistics.median(taken) for taken in times]
            row = f"{name:16}{sizes[0] / 1000:9.0f}" + "".join(f"{median:14.1f}" for median in medians)
            print(row + (f"{medians[1] / medians[0]:8.2f}" if len(medians) == 2 else ""), flush=True)
        print("resident: " + ", ".join(f"{server.name} {server.rss_mib():.0f} MiB" for server in servers))
    finally:
        for server in servers:
            server.end()


if __name__ == "__main__":
    main()
