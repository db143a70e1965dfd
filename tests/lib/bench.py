# SPDX-License-Identifier: BSD-2-Clause
"""Benchmarks: instruction counts on the deterministic clock, ours beside Xen's."""

import concurrent.futures
import re
import time

from launcher.paths import ROOT

from . import guests
from .report import Failure, excuse

# Ours may take at most this share of Xen's instructions.
LIMIT = 1.0


def _measure(name, core):
    lines, console = guests.boot(f"bench_{name}", core, folder="bench", timeout=180,
                                 dom0_memory=256)
    if f"DONE bench_{name}" not in lines:
        raise Failure(f"{name} did not get to its end on {core}", console)
    bad = [line for line in lines if line.startswith("FAIL")]
    if bad:
        raise Failure(f"{name} on {core}: {'; '.join(bad)}", console)
    return [(match.group(1), int(match.group(2)))
            for match in re.finditer(r"^BENCH (\S+) (\d+)$", console, re.M)]


def names():
    return sorted(path.stem for path in (ROOT / "tests" / "bench").glob("*/*.c"))


def run(report, cores=("bulkhead", "xen")):
    """Prints the table `NAME ours xen ratio`; each line is a test."""
    start = time.monotonic()
    results = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {(name, core): pool.submit(_measure, name, core)
                for name in names() for core in cores}
        for (name, core), job in jobs.items():
            try:
                results[name, core] = job.result()
            except Failure as failure:
                report.bad(f"bench/{name}@{core}", time.monotonic() - start, str(failure),
                           failure.log)
    rows = []
    for name in names():
        ours = dict(results.get((name, "bulkhead"), []))
        for test, xen in results.get((name, "xen"), []):
            if test in ours:
                rows.append((test, ours[test], xen))
    print(f"    {'NAME':28} {'ours':>12} {'xen':>12} {'ratio':>7}")
    for test, ours, xen in rows:
        print(f"    {test:28} {ours:12} {xen:12} {ours / xen:7.2f}", flush=True)
    for test, ours, xen in rows:
        _judge(report, test, ours / xen, time.monotonic() - start)


def _judge(report, test, ratio, seconds):
    if ratio <= LIMIT:
        report.good(f"bench/{test}", seconds, f"{ratio:.2f} of Xen's instructions")
    elif excuse(f"bench/{test}", "bulkhead"):
        report.skip(f"bench/{test}", f"{ratio:.2f} of Xen's: {excuse(f'bench/{test}', 'bulkhead')}")
    else:
        report.bad(f"bench/{test}", seconds, f"{ratio:.2f} times Xen's instructions")
