#!/usr/bin/env python3
"""Builds of a manifest, beside ninja's: how long, and with how much memory.

    experiments/beside_ninja.py --ninja PATH [--ours PATH] [--rounds 9] [EDGES...]

Makes a directory of its own for each number of edges (each copies a source of its own), builds it with both, and by xargs,
which only starts the commands; and then repeats in turn: nothing to do; one source edited; nothing to do again. Prints
medians and their ratio, and peak memory.
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


# Says how much memory a command took.
TIME = "/usr/bin/time"


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
    """Seconds, and the peak of memory in MB. (A child of ours begins with what Python holds; one of GNU time's with next to nothing.)"""
    environment, peak = {**os.environ, "XDG_CACHE_HOME": str(cache)}, place / "peak"
    command = [TIME, "-f", "%M", "-o", peak, binary, "-j2"]
    begin = time.perf_counter()
    ended = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    if ended.returncode != 0:
        sys.exit(f"{binary} failed in {place}")
    return seconds, int(peak.read_text()) / 1024


def spawning_alone(place, edges):
    """Seconds that the commands of a clean build take if nothing is asked, noted or made sure of: xargs, two at once."""
    project(place, edges)
    for n in range(0, edges, 100):
        (place / "out" / str(n // 100)).mkdir(parents=True, exist_ok=True)
    commands = "".join(f"cp src/{n // 100}/s{n} out/{n // 100}/o{n}\n" for n in range(edges))
    (place / "commands").write_text(commands)
    begin = time.perf_counter()
    subprocess.run(["xargs", "-a", "commands", "-d", "\n", "-n", "1", "-P", "2", "sh", "-c"], cwd=place, check=True)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edges", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--ninja", required=True)
    parser.add_argument("--ours", default="target/release/alacarte-ninja")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if not os.path.exists(TIME):
        sys.exit("GNU time is needed: install the package `time`")
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
    alone = spawning_alone(directory / "alone", edges)
    ours = found["clean"]["ours"][0][0] / alone
    print(f"{edges:>7}  the clean build's commands by xargs: {alone * 1000:.1f} ms, ours {ours:.2f} of that")
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
