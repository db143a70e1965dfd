#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Where the instructions of a benchmark go: tests/bench/profile.py KERNEL [FUNCTIONS]

Boots bench_KERNEL in Dom0's place on our core and prints, for what ran before each of its lines,
the core's functions that took most. (For docs/performance.md; ./check does not need it.)
"""

import bisect
import collections
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from launcher import emulator, platform  # noqa: E402
from launcher.paths import BUILD  # noqa: E402

OTHERS = "(outside the core)"


def symbols(path):
    """Functions of the ELF file PATH: sorted addresses, and their names."""
    out = subprocess.run(["nm", "-n", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [(int(line.split()[0], 16), line.split()[2]) for line in out.splitlines()
            if line.split()[1] in "tT"]
    return [row[0] for row in rows], [row[1] for row in rows]


def run(name):
    """Boots the kernel under the plugin; the counts' file and the names of its lines."""
    folder = BUILD / "tests" / "bench"
    counts, log = BUILD / "log" / f"profile-{name}.txt", BUILD / "log" / f"profile-{name}.log"
    kernel = folder / f"bench_{name}"
    mark = dict(zip(*reversed(symbols(kernel))))["print"]
    machine = platform.kernel_machine(
        "bulkhead", kernel, None, 2, 1024, 256, icount=True,
        extra=["-plugin", f"{folder / 'libprofile.so'},mark={mark:x},out={counts}"])
    console = emulator.batch(machine, log, 600, lambda text: None).console.decode()
    return counts, re.findall(r"^BENCH (\S+) \d+\r?$", console, re.M)


def main(name, most=12):
    counts, lines = run(name)
    addresses, names = symbols(BUILD / "xen-core" / "xen-core.elf")
    periods = collections.defaultdict(collections.Counter)
    for line in counts.read_text().splitlines():
        period, address, count = line.split()
        place = bisect.bisect_right(addresses, int(address, 16)) - 1
        inside = place >= 0 and int(address, 16) >= 0xffff800000000000
        periods[int(period)][names[place] if inside else OTHERS] += int(count)
    for period, line in enumerate(lines):
        total = sum(periods[period].values())
        print(f"{line}: {total}")
        for function, count in periods[period].most_common(int(most)):
            print(f"    {count:12} {100 * count / total:5.1f} % {function}")


if __name__ == "__main__":
    main(*sys.argv[1:])
