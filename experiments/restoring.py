#!/usr/bin/env python3
"""How long it takes to restore what a cache has, beside linking and copying the same files.

    experiments/restoring.py [--ours PATH] [--rounds 5] [EDGES...]

Makes a directory for each number of edges (each copies a source of its own), builds it once into a cache, and then in turn
removes all that was made and remembered and has it restored from the cache; copies it with hard links (`cp -al`); copies it
(`cp -a`). Prints medians, and ours as a multiple of the others'.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from beside_ninja import project


def timed(command, place, environment=None):
    begin = time.perf_counter()
    ended = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begin
    if ended.returncode != 0:
        sys.exit(f"{command[0]} failed in {place}")
    return seconds, ended.stdout


def measure(directory, binary, edges, rounds):
    place, elsewhere = directory / "project", directory / "elsewhere"
    project(place, edges)
    environment = {**os.environ, "XDG_CACHE_HOME": str(directory / "cache")}
    build = [binary, "build", "-j2", "--rebuilder", "constructive-trace"]
    timed(build, place, environment)
    found = {"restored": [], "cp -al": [], "cp -a": []}
    for _ in range(rounds):
        shutil.rmtree(place / "out")
        shutil.rmtree(place / ".alacarte")
        seconds, said = timed(build, place, environment)
        if f"ran 0 commands, restored {edges} from" not in said:
            sys.exit(f"it did not restore all: {said}")
        found["restored"].append(seconds)
        for how in ["-al", "-a"]:
            shutil.rmtree(elsewhere, ignore_errors=True)
            found[f"cp {how}"].append(timed(["cp", how, place / "out", elsewhere], place)[0])
    medians = {kind: statistics.median(seconds) for kind, seconds in found.items()}
    beside = ", ".join(
        f"{kind} {1000 * seconds:.0f} ms (ours {medians['restored'] / seconds:.1f} of that)"
        for kind, seconds in medians.items()
        if kind != "restored"
    )
    print(f"{edges} files: restored {1000 * medians['restored']:.0f} ms, {beside}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edges", nargs="*", type=int, default=[1_000, 10_000])
    parser.add_argument("--ours", default="target/release/alacarte")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for edges in arguments.edges:
        with tempfile.TemporaryDirectory() as directory:
            measure(pathlib.Path(directory), os.path.abspath(arguments.ours), edges, arguments.rounds)


if __name__ == "__main__":
    main()
