#!/usr/bin/env python3
"""Builds of a manifest, beside ninja's: how long, and with how much memory.

    experiments/beside_ninja.py --ninja PATH [--ours PATH] [--rounds 9] [EDGES...]

Makes a directory of its own for each number of edges (each copies a source of its own), builds it with both, and then
repeats in turn: nothing to do; one source edited; nothing to do again. Prints medians and their ratio, and peak memory.
PATH must be ninja itself: what PyPI puts on the path is a wrapper that costs 60 to 90 ms a call, and is refused.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from builders import programs


def manifest(edges):
    yield "rule cp\n  command = cp $in $out\n"
    for n in range(edges):
        yield f"build out/{n // 100}/o{n}: cp src/{n // 100}/s{n}\n"


def project(place, edges):
    for n in range(edges):
        source = place / "src" / str(n // 100) / f"s{n}"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(str(n))
    (place / "build.ninja").write_text("".join(manifest(edges)))


def run(binary, place, cache):
    """Seconds, and the peak of memory in MB."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    begin = time.perf_counter()
    child = subprocess.Popen([binary, "-j2"], cwd=place, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{binary} failed in {place}")
    return seconds, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edges", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--ninja", required=True)
    parser.add_argument("--ours", default="target/release/alacarte-ninja")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    builders = programs(arguments.ninja, arguments.ours)
    print(f"{'edges':>7}  {'build':<14} {'ninja ms':>9} {'ours ms':>9} {'ratio':>6}  {'ninja MB':>8} {'ours MB':>8}")
    for edges in arguments.edges:
        with tempfile.TemporaryDirectory() as directory:
            measure(pathlib.Path(directory), builders, edges, arguments.rounds)


def measure(directory, builders, edges, rounds):
    places = {name: directory / name for name in builders}
    found = {}
    for name in builders:
        project(places[name], edges)

    def turn(kind):
        for name, binary in builders.items():
            found.setdefault(kind, {}).setdefault(name, []).append(run(binary, places[name], directory / "cache"))

    turn("clean")
    time.sleep(0.1)
    # What was just written is looked at twice.
    turn("the first null")
    for round in range(rounds):
        time.sleep(0.1)
        turn("null")
        source = [places[name] / "src/0/s0" for name in builders]
        for path in source:
            path.write_text(f"edited in round {round}")
        turn("one edit")
        time.sleep(0.1)
        turn("null after")
    for kind, by in found.items():
        seconds = {name: statistics.median(s for s, _ in runs) * 1000 for name, runs in by.items()}
        memory = {name: max(m for _, m in runs) for name, runs in by.items()}
        ratio = statistics.median(ours / theirs for (ours, _), (theirs, _) in zip(by["ours"], by["ninja"]))
        print(
            f"{edges:>7}  {kind:<14} {seconds['ninja']:>9.1f} {seconds['ours']:>9.1f} {ratio:>6.2f}"
            f"  {memory['ninja']:>8.1f} {memory['ours']:>8.1f}"
        )


if __name__ == "__main__":
    main()
