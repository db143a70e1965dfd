# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/2: for every pair of operation and permission of xsm-policy/access_vectors: without the
permission -EPERM and a message that names it, with it not. REQ flask/4: a policy is loaded 1,000
times under load. In test kernels in Dom0's place."""

import re
import subprocess
import sys

from launcher.paths import BUILD, ROOT

CORES = ("bulkhead",)


class Outcome:
    """What the scenario keeps when it fails."""

    def __init__(self, console):
        self.console = console.encode()


def boot(scenario, name, *options):
    """The console of kernel NAME under the matrix policy."""
    folder = BUILD / "tests" / "guests"
    log = BUILD / "log" / f"system-{name}-bulkhead.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, ROOT / "run", "--no-build", "--core", "bulkhead", *options,
         "--kernel", folder / name, "--ramdisk", folder / "matrix.policy",
         "--timeout", "240", "--log", log],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=False)
    console = log.read_text(errors="replace").replace("\r", "") if log.exists() else done.stderr
    failures = re.findall(r"^FAIL (.*)$", console, re.M)
    scenario.need(not failures, f"{name}: {len(failures)} fail: " + "; ".join(failures[:10]),
                  Outcome(console))
    scenario.saw(console, ["*_t *_t:* *"])  # each is judged by the kernel
    scenario.need(f"DONE {name}" in console, f"{name} did not get to its end", Outcome(console))
    return console


def run(scenario):
    console = boot(scenario, "policy", "--icount")
    passed = len(re.findall(r"^PASS \w+:\w+/", console, re.M))
    scenario.need(passed >= 80, f"only {passed} pairs were tried", Outcome(console))
    # Two vCPUs race here: with CPUs that take turns it would take very long.
    boot(scenario, "policy_reload")
