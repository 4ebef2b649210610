#!/usr/bin/env python3
"""Projects of Debian, built by ninja and by ours: the same commands, the same words, the same bytes?

    experiments/debian_projects.py --ninja PATH [--ours PATH] [--archives DIRECTORY] [PROJECT...]

Each project is unpacked twice, and configured by CMake or Meson for one of the two builders. Then both follow one
script: build; build again, when there is nothing to do; touch a header; append a comment to a source; append a
declaration to the header; take the edits back; `-t clean`; configure again. Whichever tree is at work has the same
path, so that what both made can be compared, byte for byte, after each step. What differs is a failure, unless a second
build by ninja differs there, too; so is another exit code, and a line that ninja does not print. That ours runs fewer
commands is none.

Prints a table. PATH must be ninja itself: what PyPI puts on the path is a wrapper that costs 60 to 90 ms a call, and is
refused. An archive that has left Debian's pool can be put into the directory of archives by hand.
"""

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request

from builders import programs

POOL = "http://deb.debian.org/debian/pool/main/"


@dataclasses.dataclass(frozen=True)
class Project:
    """Sources, how they are configured, and which of them the script edits."""

    archive: str
    sha256: str
    generator: str
    options: str
    header: str
    source: str
    packages: str = ""
    comment: str = "/* nothing new */\n"
    declaration: str = "struct declared_by_an_edit;\n"

    @property
    def name(self):
        return pathlib.Path(self.archive).name.partition(".orig.tar")[0].replace("_", " ")

    def configure(self, ninja):
        if self.generator == "CMake":
            return ["cmake", "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DCMAKE_BUILD_TYPE=None",
                    *self.options.split(), "-S", "source", "-B", "build"]
        return ["meson", "setup", "--buildtype=plain", "--wrap-mode=nodownload", *self.options.split(),
                "build", "source"]

    def configure_again(self):
        if self.generator == "CMake":
            return ["cmake", "build"]
        return ["meson", "setup", "--reconfigure", "build", "source"]


PROJECTS = [
    Project("c/cjson/cjson_1.7.15.orig.tar.gz",
            "5308fd4bd90cef7aa060558514de6a1a4a0819974a26e6ed13973c5f624c24b2",
            "CMake", "", "cJSON.h", "cJSON.c"),
    Project("j/json-c/json-c_0.16.orig.tar.gz",
            "3ecaeedffd99a60b1262819f9e60d7d983844073abc74e495cb822b251904185",
            "CMake", "", "json_object.h", "json_object.c"),
    Project("c/c-ares/c-ares_1.18.1.orig.tar.gz",
            "1a7d52a8a84a9fbffb1be9133c0f6e17217d91ea5a6fa61f6b4729cda78ebbcf",
            "CMake", "-DCARES_BUILD_TESTS=OFF", "src/lib/ares_private.h", "src/lib/ares_init.c"),
    Project("b/brotli/brotli_1.0.9.orig.tar.gz",
            "f9e8d81d0405ba66d181529af42a3354f838c939095ff99930da6aa9cdf6fe46",
            "CMake", "", "c/include/brotli/types.h", "c/dec/decode.c"),
    Project("libe/libevent/libevent_2.1.12-stable.orig.tar.gz",
            "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb",
            "CMake", "-DEVENT__DISABLE_OPENSSL=ON -DEVENT__DISABLE_BENCHMARK=ON", "util-internal.h", "event.c"),
    Project("c/curl/curl_7.88.1.orig.tar.gz",
            "cdb38b72e36bc5d33d5b8810f8018ece1baa29a8f215b4495e495ded82bbf3c7",
            "CMake", "-DCURL_ENABLE_SSL=OFF -DBUILD_TESTING=OFF", "lib/curl_setup.h", "lib/url.c", "zlib1g-dev"),
    Project("libz/libzip/libzip_1.7.3.orig.tar.xz",
            "a60473ffdb7b4260c08bfa19c2ccea0438edac11193c3afbbb1f17fbcf6c6132",
            "CMake", "-DBUILD_REGRESS=OFF", "lib/zipint.h", "lib/zip_open.c", "zlib1g-dev"),
    Project("libu/libuv1/libuv1_1.44.2.orig.tar.gz",
            "d79b4b06ef04be85fb890bf39d55942cc64c2e15fd14eaa32dae5dce94485484",
            "CMake", "", "include/uv.h", "src/uv-common.c"),
    Project("m/mbedtls/mbedtls_2.28.3.orig.tar.gz",
            "3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d",
            "CMake", "", "include/mbedtls/platform.h", "library/aes.c", "perl"),
    Project("g/graphene/graphene_1.10.8.orig.tar.xz",
            "52e3f69828a2e1895a29d08d8a457ecad7a7a554901596069284fd9cf092fcf9",
            "Meson", "-Dgobject_types=false -Dintrospection=disabled -Dtests=false",
            "src/graphene-private.h", "src/graphene-box.c"),
    Project("f/fribidi/fribidi_1.0.8.orig.tar.bz2",
            "94c7b68d86ad2a9613b4dcffe7bbeb03523d63b5b37918bdf2e4ef34195c1e6c",
            "Meson", "-Ddocs=false", "lib/common.h", "lib/fribidi.c"),
    Project("libd/libdrm/libdrm_2.4.114.orig.tar.xz",
            "3049cf843a47d12e5eeefbc3be3496d782fa09f42346bf0b7defe3d1e598d026",
            "Meson", "-Dcairo-tests=disabled -Dman-pages=disabled -Dvalgrind=disabled",
            "libdrm_macros.h", "xf86drm.c", "libpciaccess-dev"),
    Project("d/dav1d/dav1d_1.0.0.orig.tar.xz",
            "51737db7e4897e599684f873a4725176dd3c779e639411d7c4fce134bb5ebb82",
            "Meson", "-Denable_asm=false", "include/common/intops.h", "src/lib.c"),
    Project("w/wayland/wayland_1.21.0.orig.tar.gz",
            "181b8885f152adef3afb361bb5f23cf466d455de86db123492fb507754b9ef36",
            "Meson", "-Ddocumentation=false", "src/wayland-util.h", "src/wayland-util.c",
            "libexpat1-dev libffi-dev libxml2-dev"),
    Project("p/pixman/pixman_0.42.2.orig.tar.gz",
            "ea1480efada2fd948bc75366f7c349e1c96d3297d09a3fe62626e38e234a625e",
            "Meson", "-Dgtk=disabled -Dlibpng=disabled", "pixman/pixman-private.h", "pixman/pixman-image.c"),
    Project("libx/libxkbcommon/libxkbcommon_1.5.0.orig.tar.xz",
            "560f11c4bbbca10f495f3ef7d3a6aa4ca62b4f8fb0b52e7d459d18a26e46e017",
            "Meson", "-Denable-wayland=false -Denable-x11=false -Denable-docs=false",
            "src/utils.h", "src/context.c", "bison libxml2-dev xkb-data"),
    Project("g/glib2.0/glib2.0_2.74.6.orig.tar.xz",
            "069cf7e51cd261eb163aaf06c8d1754c6835f31252180aff5814e5afc7757fbc",
            "Meson", "-Dlibmount=disabled -Dselinux=disabled -Dtests=false -Dnls=disabled",
            "glib/glibintl.h", "glib/garray.c", "libffi-dev libpcre2-dev zlib1g-dev gettext"),
    Project("l/lapack/lapack_3.11.0.orig.tar.gz",
            "4b9ba79bfd4921ca820e83979db76ab3363155709444a787979e81c22285ffa9",
            "CMake", "-DLAPACKE=OFF -DCBLAS=OFF -DBUILD_TESTING=OFF", "SRC/la_constants.f90", "SRC/dgesv.f", "gfortran",
            comment="! nothing new\n", declaration="module declared_by_an_edit\nend module\n"),
]

STEPS = ["clean", "null", "touch", "comment", "declaration", "taken back", "cleaned", "configured"]

# Whose answers must be the same; where those of `deps` and `graph` differ is documented.
TOOLS = ["commands", "compdb", "rules", "targets all", "inputs all", "query all", "missingdeps"]

# What a builder or a generator writes for itself: logs, and what it has pickled.
PRIVATE = {".ninja_log", ".ninja_deps", ".ninja_lock", ".alacarte", "meson-logs", "meson-private", "CMakeOutput.log",
           "CMakeError.log", "ninja"}

STATUS = re.compile(r"\[\d+/\d+\] ")
NOTHING = "ninja: no work to do."
NULL_ROUNDS = 5


class Failed(Exception):
    """A command ended with an error, so that there is nothing to compare any more."""


def contents(tree):
    """What lies at each path of the tree."""
    found = {}
    for directory, below, names in os.walk(tree):
        below[:] = [name for name in below if name not in PRIVATE]
        for name in names:
            path = pathlib.Path(directory, name)
            if name in PRIVATE:
                continue
            if path.is_symlink():
                found[str(path.relative_to(tree))] = "a link to " + os.readlink(path)
            elif path.is_file():
                executable = "an executable " if os.access(path, os.X_OK) else ""
                found[str(path.relative_to(tree))] = executable + hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def different(one, other):
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


class Beside:
    """A project in two trees, of which the one at work lies at `work`, and the other under its builder's name."""

    def __init__(self, root, project, archive, builders):
        self.root, self.project, self.archive, self.builders = root, project, archive, builders
        self.work = root / "work"
        self.seconds = collections.defaultdict(dict)
        self.commands = collections.defaultdict(dict)
        self.failures = []
        self.excused = None
        for name, binary in builders.items():
            self.unpack(name, binary)

    def unpack(self, name, binary):
        tree = self.root / name
        with tarfile.open(self.archive) as file:
            file.extractall(tree / "unpacked", filter="tar")
        (top,) = (tree / "unpacked").iterdir()
        top.rename(tree / "source")
        (tree / "unpacked").rmdir()
        # The name of the builder is the same, too, for generators write it down.
        (tree / "ninja").symlink_to(binary)

    @contextlib.contextmanager
    def at_work(self, name):
        (self.root / name).rename(self.work)
        yield
        self.work.rename(self.root / name)

    def run(self, name, command, may_fail=False):
        """What the command printed, and its exit code; the tree of this builder is at work."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.root / "cache" / name),
                       # (Where `CC` says nothing, Meson takes ccache, if it is there.)
                       "CC": "cc", "CFLAGS": "-O0", "FFLAGS": "-O0", "NINJA": str(self.work / "ninja"), "LC_ALL": "C",
                       "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": "0"}
        with self.at_work(name):
            begin = time.perf_counter()
            ended = subprocess.run(command, cwd=self.work, env=environment, text=True, errors="replace",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.took = time.perf_counter() - begin
        if ended.returncode != 0 and not may_fail:
            tail = "\n".join(ended.stdout.splitlines()[-20:])
            raise Failed(f"{name}: {' '.join(command)} ended with {ended.returncode}:\n{tail}")
        return ended.stdout, ended.returncode

    def ninja(self, name, *arguments):
        return self.run(name, [str(self.work / "ninja"), "-C", "build", *arguments], may_fail=True)

    def configure(self, name):
        self.run(name, self.project.configure(self.work / "ninja"))

    def fail(self, step, text):
        self.failures.append(f"{self.project.name}, {step}: {text}")

    def build(self, step):
        """Builds with both, and compares."""
        ended, said = {}, {}
        for name in self.builders:
            out, ended[name] = self.ninja(name, "-j2")
            lines = out.splitlines()
            self.seconds[step].setdefault(name, []).append(self.took)
            self.commands[step][name] = ran = sum(1 for line in lines if STATUS.match(line))
            if (NOTHING in lines) != (ran == 0):
                self.fail(step, f"{name} ran {ran} commands, and says:\n{out[-2000:]}")
            said[name] = collections.Counter(STATUS.sub("", line) for line in lines if line != NOTHING)
            if ended[name] != 0:
                self.fail(step, f"{name} ended with {ended[name]}:\n{out[-2000:]}")
        if ended["ninja"] != ended["ours"] or any(ended.values()):
            raise Failed(f"exit codes {ended}")
        for line in said["ours"] - said["ninja"]:
            self.fail(step, f"only ours says: {line}")
        if self.commands[step]["ours"] == self.commands[step]["ninja"]:
            for line in said["ninja"] - said["ours"]:
                self.fail(step, f"only ninja says: {line}")
        self.compare(step)

    def compare(self, step, built=True):
        """Compares the trees; what ninja does not make the same way twice is excused, once it has been built."""
        theirs, ours = (contents(self.root / name) for name in ("ninja", "ours"))
        paths = different(theirs, ours)
        if paths and built and self.excused is None:
            self.excused = self.not_reproducible(theirs)
        for path in sorted(paths - (self.excused or set())):
            self.fail(step, f"{path} differs: {theirs.get(path, 'nothing')} and {ours.get(path, 'nothing')}")

    def not_reproducible(self, theirs):
        """What a second build by ninja, of the sources as they are now, makes otherwise."""
        self.unpack("again", self.builders["ninja"])
        shutil.rmtree(self.root / "again/source")
        shutil.copytree(self.root / "ninja/source", self.root / "again/source", symlinks=True)
        self.configure("again")
        self.ninja("again", "-j2")
        found = different(theirs, contents(self.root / "again"))
        shutil.rmtree(self.root / "again")
        return found

    def tools(self):
        for tool in TOOLS:
            answers = {name: self.ninja(name, "-t", *tool.split()) for name in self.builders}
            if answers["ninja"] != answers["ours"]:
                lines = zip(*(answers[name][0].splitlines() + ["(the end)"] for name in ("ninja", "ours")))
                first = next((pair for pair in lines if pair[0] != pair[1]), "the exit code")
                self.fail(f"-t {tool}", f"the answers differ: {first}")

    def edit(self, path, change):
        for name in self.builders:
            change(self.root / name / "source" / path)

    def script(self):
        header, source = self.project.header, self.project.source
        kept = {path: (self.root / "ninja/source" / path).read_bytes() for path in (header, source)}
        for name in self.builders:
            self.configure(name)
        self.compare("being configured", built=False)
        self.build("clean")
        self.tools()
        for _ in range(2):
            self.build("first null builds")
        for _ in range(NULL_ROUNDS):
            self.build("null")
        self.edit(header, lambda path: path.touch())
        self.build("touch")
        self.edit(source, lambda path: append(path, self.project.comment))
        self.build("comment")
        self.edit(header, lambda path: append(path, self.project.declaration))
        self.build("declaration")
        for path, text in kept.items():
            self.edit(path, lambda path: path.write_bytes(text))
        self.build("taken back")
        cleaned = {name: self.ninja(name, "-t", "clean") for name in self.builders}
        if cleaned["ninja"] != cleaned["ours"]:
            self.fail("-t clean", f"the answers differ: {cleaned}")
        self.compare("-t clean", built=False)
        self.build("cleaned")
        for name in self.builders:
            self.run(name, self.project.configure_again())
        self.build("configured")

    def row(self):
        """Its line of the table."""
        cells = [self.project.name, self.project.generator, str(self.commands["clean"].get("ninja", "–"))]
        for step, unit, digits in ("clean", 1, 1), ("null", 1000, 0):
            by = self.seconds[step]
            if len(by) < 2:
                cells += ["–"] * 3
                continue
            median = {name: statistics.median(by[name]) for name in by}
            cells += [f"{median[name] * unit:.{digits}f}" for name in ("ninja", "ours")]
            cells.append(f"{median['ours'] / median['ninja']:.2f}")
        for step in STEPS:
            ran = self.commands[step]
            cells.append(f"{ran['ninja']}/{ran['ours']}" if len(ran) == 2 else "–")
        excused = f", but for {len(self.excused)} files that ninja makes anew each time" if self.excused else ""
        cells.append(("no" if self.failures else "yes") + excused)
        return cells


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def fetch(project, directory):
    """The archive of a project, of which the digest is right."""
    file = directory / pathlib.Path(project.archive).name
    if not file.exists():
        try:
            with urllib.request.urlopen(POOL + project.archive) as answer:
                file.write_bytes(answer.read())
        except urllib.error.URLError as error:
            sys.exit(f"{POOL}{project.archive}: {error}")
    if hashlib.sha256(file.read_bytes()).hexdigest() != project.sha256:
        sys.exit(f"{file} is not the archive that is meant: its SHA-256 is not {project.sha256}")
    return file


def main():
    named = {project.name.split()[0]: project for project in PROJECTS}
    packages = " ".join(sorted({package for project in PROJECTS for package in project.packages.split()}))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Debian packages that the projects need: cmake meson gcc g++ pkg-config {packages}")
    parser.add_argument("projects", nargs="*", metavar="PROJECT", default=list(named),
                        help=f"all, or some of: {' '.join(named)}")
    parser.add_argument("--ninja", required=True)
    parser.add_argument("--ours", default="target/release/alacarte-ninja")
    parser.add_argument("--archives", type=pathlib.Path, help="where archives are kept [nowhere]")
    arguments = parser.parse_args()
    builders = programs(arguments.ninja, arguments.ours)
    if unknown := [name for name in arguments.projects if name not in named]:
        parser.error(f"there is no project {unknown[0]}: choose from {' '.join(named)}")
    titles = ["project", "generator", "commands", "clean: ninja s", "ours s", "ratio", "null: ninja ms", "ours ms",
              "ratio", *STEPS, "the same"]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * 2 + "---:|" * (len(titles) - 3) + "---|", flush=True)
    failures = []
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        archives = arguments.archives or directory / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        for name in arguments.projects:
            root = directory / name
            beside = Beside(root, named[name], fetch(named[name], archives), builders)
            try:
                beside.script()
            except Failed as failed:
                beside.fail("given up", failed)
            print("| " + " | ".join(beside.row()) + " |", flush=True)
            for failure in beside.failures:
                print(failure, file=sys.stderr, flush=True)
            failures += beside.failures
            shutil.rmtree(root)
    if failures:
        sys.exit(f"{len(failures)} failures")


main()
