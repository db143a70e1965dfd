# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/2: for every pair of operation and permission of xsm-policy/access_vectors: without the
permission -EPERM and a message that names it, with it not. In a test kernel in Dom0's place."""

import re
import subprocess
import sys

from launcher.paths import BUILD, ROOT

CORES = ("bulkhead",)


def run(scenario):
    folder = BUILD / "tests" / "guests"
    log = BUILD / "log" / "system-policy-bulkhead.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, ROOT / "run", "--no-build", "--core", "bulkhead", "--icount",
         "--kernel", folder / "policy", "--ramdisk", folder / "matrix.policy",
         "--timeout", "240", "--log", log],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=False)
    console = log.read_text(errors="replace") if log.exists() else done.stderr

    class Outcome:
        pass

    outcome = Outcome()
    outcome.console = console.encode()
    failures = re.findall(r"^FAIL (.*)$", console.replace("\r", ""), re.M)
    scenario.need(not failures, f"{len(failures)} fail: " + "; ".join(failures[:10]), outcome)
    scenario.need("DONE policy" in console, "the kernel did not get to its end", outcome)
    passed = len(re.findall(r"^PASS \w+:\w+/", console, re.M))
    scenario.need(passed >= 80, f"only {passed} pairs were tried", outcome)
