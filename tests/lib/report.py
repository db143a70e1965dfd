# SPDX-License-Identifier: BSD-2-Clause
"""Results of tests: printed as they come, counted, and the reasons of those that are not run."""

import fnmatch
import re
import threading
import time

from launcher.paths import ROOT

EXCUSES = ROOT / "tests" / "not-run.txt"
DIFFERENCES = ROOT / "tests" / "differences.txt"


NOT_ASKED = "not asked for"
# Reasons that begin so are for tests that run when they are asked for by name.
BY_NAME = "by name only"

# What Xen says of each guest that is made: 22 lines that would hide the reason of a failure.
NOISE = re.compile(r"\(XEN\) HVM ?d?\d+(v\d+)? (save|restore): ")


class Failure(Exception):
    """A test's requirement does not hold; the message and the log's end tell why."""

    def __init__(self, why, log=""):
        super().__init__(why)
        self.log = log


def tail(text, lines=40):
    """The last LINES of a log, indented."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    kept = [line for line in text.replace("\r", "").split("\n")
            if line.strip() and not NOISE.search(line)]
    return "\n".join("    | " + line for line in kept[-lines:])


class Report:
    """Takes every test's outcome; its closing line is the last of ./check."""

    def __init__(self):
        self._lock = threading.Lock()
        self.passed, self.failed, self.skipped = [], [], []
        self.started = time.monotonic()

    def _say(self, word, name, seconds, extra=""):
        elapsed = int(time.monotonic() - self.started)
        print(f"[{elapsed // 60:3}:{elapsed % 60:02}] {word} {name} ({seconds:.1f} s){extra}",
              flush=True)

    def good(self, name, seconds, note=""):
        with self._lock:
            self.passed.append(name)
            self._say("PASS", name, seconds, f": {note}" if note else "")

    def bad(self, name, seconds, why, log=""):
        with self._lock:
            self.failed.append(name)
            self._say("FAIL", name, seconds)
            print(f"    {why}", flush=True)
            if log:
                print(tail(log), flush=True)

    def skip(self, name, why):
        if why == NOT_ASKED:
            return
        with self._lock:
            self.skipped.append(name)
            self._say("SKIP", name, 0, f": {why}")

    def run(self, name, function, *arguments):
        """Runs one test; FUNCTION returns a note or None, or raises."""
        start = time.monotonic()
        try:
            note = function(*arguments)
        except Failure as failure:
            self.bad(name, time.monotonic() - start, str(failure), failure.log)
        except Exception as error:  # pylint: disable=broad-except
            self.bad(name, time.monotonic() - start, f"{type(error).__name__}: {error}")
        else:
            self.good(name, time.monotonic() - start, note or "")

    def close(self):
        if self.failed:
            print("Failed: " + " ".join(self.failed))
        line = f"{len(self.passed)} passed, {len(self.failed)} failed"
        if self.skipped:
            line += f", {len(self.skipped)} skipped"
        print(line, flush=True)
        return 1 if self.failed or not self.passed else 0


def _table(path, columns):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            rows.append(line.split(None, columns - 1))
    return rows


def excuse(test, core):
    """Why TEST can't pass on CORE yet (tests/not-run.txt; its names may have wildcards), or None."""
    for pattern, where, reason in _table(EXCUSES, 3):
        if where == core and fnmatch.fnmatch(test, pattern):
            return reason
    return None


def differences():
    """{(kernel, check, core): reason} of checks that may fail on a core (tests/differences.txt)."""
    return {(row[0], row[1], row[2]): row[3] for row in _table(DIFFERENCES, 4)}
