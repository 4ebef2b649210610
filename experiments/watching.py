#!/usr/bin/env python3
"""How long a build that stays in memory takes when a file has changed.

    experiments/watching.py [--ours PATH] [--rounds 9] [EDGES...]

Makes a directory for each number of edges (each copies a source of its own), has `alacarte build --watch` build it, and then
in turn touches a source, which leaves nothing to do, and edits one, for which one command runs. Prints medians of what the
program says that a build took (from when its files are quiet to its end), its processor time for each change, and its memory.
"""

import argparse
import os
import pathlib
import queue
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from beside_ninja import project

TOOK = re.compile(r"alacarte: (?:nothing to do|ran 1 command) \(([\d.]+) (ms|s)\)")
UNIT = {"ms": 1, "s": 1000}


class Watching:
    """A build that stays."""

    def __init__(self, binary, place, cache):
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        command = [binary, "build", "--watch", "-j2"]
        self.child = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.child.stdout], daemon=True).start()

    def until_it_waits(self):
        """What it says before it waits again."""
        said = []
        while not said or "waiting for files to change" not in said[-1]:
            try:
                said.append(self.lines.get(timeout=3600))
            except queue.Empty:
                sys.exit("it does not come to rest")
        return said

    def processor_ms(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) / 1024

    def end(self):
        self.child.send_signal(signal.SIGINT)
        self.child.wait()


def measure(directory, binary, edges, rounds):
    place = directory / "project"
    project(place, edges)
    watching = Watching(binary, place, directory / "cache")
    try:
        watching.until_it_waits()
        changes = {
            "a source touched": os.utime,
            "a source edited": lambda source: source.write_text(str(time.time())),
        }
        took, used = {kind: [] for kind in changes}, {kind: [] for kind in changes}
        for round in range(rounds):
            source = place / "src" / "0" / f"s{round % min(edges, 100)}"
            for kind, change in changes.items():
                time.sleep(0.2)
                before = watching.processor_ms()
                change(source)
                said = "".join(watching.until_it_waits())
                number, unit = TOOK.search(said).groups()
                took[kind].append(float(number) * UNIT[unit])
                used[kind].append(watching.processor_ms() - before)
        for kind in changes:
            build, processor = statistics.median(took[kind]), statistics.mean(used[kind])
            print(f"{edges:>7}  {kind:<17} {build:>9.1f} {processor:>13.1f} {watching.megabytes():>5.0f}", flush=True)
    finally:
        watching.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edges", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--ours", default="target/release/alacarte")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(f"{'edges':>7}  {'then':<17} {'build, ms':>9} {'processor, ms':>13} {'MB':>5}")
    for edges in arguments.edges:
        with tempfile.TemporaryDirectory() as directory:
            measure(pathlib.Path(directory), os.path.abspath(arguments.ours), edges, arguments.rounds)


if __name__ == "__main__":
    main()
