"""The two programs that the scripts beside this file compare."""

import os
import sys


def programs(ninja, ours):
    """Their paths by name, if both are there and neither is a wrapper (PyPI's costs 60 to 90 ms a call)."""
    builders = {"ninja": os.path.abspath(ninja), "ours": os.path.abspath(ours)}
    for binary in builders.values():
        if not os.path.isfile(binary):
            sys.exit(f"there is no {binary}: build ours by `cargo build --release`, or name another")
        with open(binary, "rb") as file:
            if file.read(4) != b"\x7fELF":
                sys.exit(f"{binary} is no program but a wrapper: name the binary itself")
    return builders
