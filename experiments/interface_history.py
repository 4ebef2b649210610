#!/usr/bin/env python3
"""What an interface saves of the compiles and links in a history of edits of a real C project.

    experiments/interface_history.py [--ours PATH] [--commits 200] [--seed 1] [--symbols PERCENT]

Plays made-up commits over the calculator of `workloads/c-project`, and builds each in two directories: in one, what is
linked with a library depends on its bytes, in the other on its interface (the names and kinds of the symbols that it
exports). Both know outputs by content (`-o content`), so what is made as it was is cut off in both. Every tenth commit,
and the last, both are compared with a clean build, byte by byte.

Two arrangements of the same sources: one library, and a library for each source, linked with those whose symbols it
uses.

What a commit is follows four histories of real projects (14,605 edits of C and C++ files that were there before, in
5,420 commits; see histories/extract.py): how many files it edits, how often a header, and how often only comments. What
the other edits do is not in those histories. It is assumed: PERCENT of them add or remove an exported function; the
others change the inside of a function, or in a header, one time in two each, a value that those who include it compile,
or a declaration that none of them uses.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WORKLOAD = HERE / "workloads" / "c-project"

# Of 1,000 commits, so many edit 1, 2, ... files; the last number is of 12 and more.
FILES = [574, 153, 101, 55, 30, 21, 14, 12, 7, 4, 4, 26]
HEADERS = 0.226
COMMENTS = {"h": 0.077, "c": 0.056}

# What the lines say that a build prints of its commands.
KINDS = {
    "CC": "compiles",
    "LIBRARY": "libraries linked",
    "INTERFACE": "interfaces",
    "LINK": "programs linked",
    "CHECK": "tests",
}


def defined(name, value):
    return [f"int {name}(int x);", f"int {name}(int x) {{ return {value}; }}"]


class File:
    """A file of the project, and what edits have made of it."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.name = re.sub(r"\W", "_", path)
        self.includes = re.findall(r'^#include "(\w+)\.h"', text, re.M)
        self.comment = self.value = self.unused = 0
        self.functions = []

    def edited(self, values):
        """Its text now. Headers have values, which the sources that include them compile."""
        lines = [self.text, f"/* note {self.comment} */"]
        if self.path.endswith(".h"):
            lines.append(f"#undef POCKET_{self.name}\n#define POCKET_{self.name} {self.value}")
            lines += [f"int {self.name}_unused_{n}(int);" for n in range(self.unused)]
        else:
            used = " + ".join([str(self.value)] + [f"POCKET_{name}" for name in values])
            lines += defined(f"{self.name}_inside", f"x * ({used})")
            for number in self.functions:
                lines += defined(f"{self.name}_{number}", f"x + {number}")
        return "\n".join(lines) + "\n"


class Project:
    def __init__(self):
        paths = sorted([*WORKLOAD.glob("src/*.c"), *WORKLOAD.glob("include/*.h")])
        self.files = {str(path.relative_to(WORKLOAD)): None for path in paths}
        for path in self.files:
            self.files[path] = File(path, (WORKLOAD / path).read_text())

    def text(self, file):
        headers = (self.files.get(f"include/{name}.h") for name in file.includes)
        return file.edited([header.name for header in headers if header])

    def commit(self, draw, symbols):
        """Edits some files; the paths of those that changed."""
        count = draw.choices(range(1, len(FILES) + 1), FILES)[0]
        changed = set()
        for _ in range(count):
            ending = "h" if draw.random() < HEADERS else "c"
            file = self.files[draw.choice([path for path in self.files if path.endswith(ending)])]
            changed.add(file.path)
            if draw.random() < COMMENTS[ending]:
                file.comment += 1
            elif draw.random() < symbols:
                # (Of a header: in the source that defines what it declares.)
                source = self.files.get(f"src/{pathlib.Path(file.path).stem}.c", file)
                if source.path.endswith(".h"):
                    file.value += 1
                elif source.functions and draw.random() < 0.5:
                    source.functions.pop(draw.randrange(len(source.functions)))
                else:
                    source.functions.append(max(source.functions, default=0) + 1)
                changed.add(source.path)
                file.unused += ending == "h"
            elif ending == "h" and draw.random() < 0.5:
                file.unused += 1
            else:
                file.value += 1
        return changed


def names(sign, objects):
    """The symbols that an object defines (`T`), or lacks (`U`)."""
    found = {}
    for path in objects:
        said = subprocess.run(["nm", "-P", path], capture_output=True, text=True, check=True).stdout
        kinds = "U" if sign == "U" else "TDBR"
        found[path.stem] = {line.split()[0] for line in said.splitlines() if line.split()[1] in kinds}
    return found


def arranged(objects):
    """A library for each source: those with which each is linked. Of two that need each other, one is not: loaded
    together they find each other."""
    defines, lacks = names("T", objects), names("U", objects)
    order, below = sorted(defines), {}

    def reaches(start, goal):
        return start == goal or any(reaches(next, goal) for next in below.get(start, ()))

    for one in order:
        below[one] = []
        for other in order:
            if one != other and lacks[one] & defines[other] and not reaches(other, one):
                below[one].append(other)
    return below


def manifest(libraries, by_interface):
    """The project's manifest, with its sources in these libraries: of each, its sources, and the libraries below it."""
    text = (WORKLOAD / "build.ninja").read_text()
    begin, end = text.index("build out/libpocket.so:"), text.index("# The program, and its test.")
    edges = []
    path = "out/lib{}.so".format

    def known(below):
        """How an edge depends on what it is linked with."""
        paths = " ".join(map(path, below))
        interfaces = " ".join(f"{path(name)}.interface" for name in below)
        return f" | {interfaces} || {paths}" if by_interface else f" | {paths}"

    for library, (sources, below) in libraries.items():
        objects = " ".join(f"out/src/{source}.o" for source in sources)
        edges.append(f"build {path(library)}: library {objects}{known(below) if below else ''}")
        edges.append(f"  name = lib{library}.so\n  libs = {' '.join(map(path, below))} -lm -Wl,-rpath,'$$ORIGIN'")
        if by_interface:
            edges.append(f"build {path(library)}.interface: interface {path(library)}")
    every = " ".join(map(path, libraries))
    text = text[:begin] + "\n".join(edges) + "\n\n" + text[end:]
    text = re.sub(r"build out/pocket: link.*\n.*\n", f"build out/pocket: link out/src/main.o{known(libraries)}\n"
                  f"  libs = {every} -lm -Wl,-rpath,'$$ORIGIN'\n", text)
    return text.replace("tests/same.awk out/libpocket.so", f"tests/same.awk {every}")


def build(ours, place):
    """How many commands of each kind ran."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    ran = subprocess.run([ours, "build", "-o", "content"], cwd=place, env=environment, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"the project does not build:\n{ran.stdout}{ran.stderr}")
    said = re.findall(r"^\[\S+\] ([A-Z]+) ", ran.stdout, re.M)
    return collections.Counter(KINDS[kind] for kind in said if kind in KINDS)


def copied(place):
    shutil.copytree(WORKLOAD, place, ignore=shutil.ignore_patterns("out", ".alacarte"))
    return place


def write(place, project, paths):
    for path in paths:
        (place / path).write_text(project.text(project.files[path]))


def made(place):
    """What was built, byte by byte (interfaces are there in one way of building only)."""
    files = {str(path.relative_to(place / "out")): path for path in (place / "out").rglob("*") if path.is_file()}
    counts = {name: path for name, path in files.items() if not name.startswith(".")}
    return {name: path.read_bytes() for name, path in counts.items() if path.suffix not in (".interface", ".d")}


def play(ours, scratch, libraries, arguments):
    draw, project = random.Random(arguments.seed), Project()
    places = {by: copied(scratch / by) for by in ("bytes", "interface")}
    counts = {by: collections.Counter() for by in places}
    for by, place in places.items():
        (place / "build.ninja").write_text(manifest(libraries, by == "interface"))
        write(place, project, project.files)
        build(ours, place)
    compared = 0
    for number in range(1, arguments.commits + 1):
        changed = project.commit(draw, arguments.symbols / 100)
        for by, place in places.items():
            write(place, project, changed)
            counts[by] += build(ours, place)
        if number % 10 == 0 or number == arguments.commits:
            clean = copied(scratch / "clean")
            write(clean, project, project.files)
            (clean / "build.ninja").write_text(manifest(libraries, False))
            build(ours, clean)
            right = made(clean)
            for by, place in places.items():
                if made(place) != right:
                    other = sorted(path for path, there in right.items() if made(place).get(path) != there)
                    sys.exit(f"commit {number}, by {by}: not as a clean build: {other}")
            shutil.rmtree(clean)
            compared += 1
    for by in places:
        shutil.rmtree(places[by])
    return counts, compared


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default="target/release/alacarte")
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    of = "of 100 edits of code, so many add or remove an exported function"
    parser.add_argument("--symbols", type=float, default=20, metavar="PERCENT", help=of)
    arguments = parser.parse_args()
    ours = os.path.abspath(arguments.ours)
    if not os.path.isfile(ours):
        sys.exit(f"there is no {ours}: build it by `cargo build --release`, or name another with --ours")
    print(f"| {arguments.symbols:g} % of symbols | " + " | ".join(KINDS.values()) + " | links saved | compared |")
    print("|---|" + "---:|" * (len(KINDS) + 2))
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        probe, project = copied(scratch / "probe"), Project()
        write(probe, project, project.files)
        build(ours, probe)
        objects = [path for path in sorted((probe / "out/src").glob("*.o")) if path.stem != "main"]
        below = arranged(objects)
        arrangements = {"one library": {"pocket": ([path.stem for path in objects], [])},
                        f"{len(below)} libraries": {name: ([name], below[name]) for name in below}}
        for arrangement, libraries in arrangements.items():
            counts, compared = play(ours, scratch, libraries, arguments)
            links = {by: count["libraries linked"] + count["programs linked"] for by, count in counts.items()}
            for by, count in counts.items():
                saved = f"{100 * (1 - links[by] / links['bytes']):.0f} %" if by == "interface" else ""
                cells = " | ".join(str(count[kind]) for kind in KINDS.values())
                print(f"| {arrangement}, by {by} | {cells} | {saved} | {compared} |", flush=True)


if __name__ == "__main__":
    main()
