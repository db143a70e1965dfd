# SPDX-License-Identifier: BSD-2-Clause
"""Where things are: the source tree, the build folder, and a lock on the latter."""

import contextlib
import fcntl
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()


class LaunchError(Exception):
    """Something that ends the launcher with a message for the user, not a traceback."""


@contextlib.contextmanager
def build_lock(name):
    """Holds the lock NAME of the build folder: two launchers must not prepare it at once."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f".lock-{name}", "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
