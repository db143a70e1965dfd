# SPDX-License-Identifier: BSD-2-Clause
"""
Benchmarks on the deterministic clock, where a nanosecond is an instruction: so that any commit can
be compared with any other exactly. Each line of a table, `NAME ours other ratio`, is a test.
"""

import re
import time

from launcher import emulator, initramfs, platform
from launcher.content import Content
from launcher.paths import BUILD, ROOT

from . import guests, system
from .report import Failure, excuse

FOLDER = ROOT / "tests" / "bench"
# Kernels of tests/bench that run on both cores.
KERNELS = ("paths", "memory_ops", "domains")
GROUPS = (*KERNELS, "flask", "toolstack", "footprint")

# Lines of kernels that are compared with the built-in rules: no check, one, several.
FLASK_LINES = {"paths": ["null-hypercall"],
               "domains": ["event-round-trip-domains", "grant-map-unmap"]}
# What FLASK may add to an operation, and what the loading of the policy may take.
FLASK_SHARE = 1.05
POLICY_LOAD = 20_000_000
# KiB of Dom0 and of our processes in it.
DOM0_MIB = 192
PROCESSES = 12 * 1024
# What the scripts of tests/bench need in Dom0.
ADD = ("BUILD/tests/bench/timed:/usr/bin/timed", "BUILD/tests/bench/bench_idle:/boot/idle",
       "tests/bench/benchlib.sh:/etc/bulkhead/bench.sh")


class Row:
    """One line: fewer is better; OURS may be at most LIMIT times OTHER."""

    def __init__(self, name, ours, other, limit=1.0):
        self.name, self.ours, self.other, self.limit = name, ours, other, limit
        self.ratio = ours / other


def _numbers(text):
    return {match.group(1): int(match.group(2))
            for match in re.finditer(r"^BENCH (\S+) (\d+)$", text, re.M)}


def _kernel(name, core, cmdline=""):
    """{line: instructions} of a kernel of tests/bench in Dom0's place."""
    kernel = f"bench_{name}"
    lines, console = guests.boot(kernel, core, folder="bench", timeout=600, dom0_memory=256,
                                 cmdline=cmdline, tag=f"-{cmdline}" if cmdline else "")
    if f"DONE {kernel}" not in lines:
        raise Failure(f"{name} did not get to its end on {core}", console)
    bad = [line for line in lines if line.startswith("FAIL")]
    if bad:
        raise Failure(f"{name} on {core}: {'; '.join(bad[:5])}", console)
    return _numbers(console)


def _firmware():
    """Instructions from the machine's reset to the first of the core."""
    machine = platform.kernel_machine("bulkhead", BUILD / "tests" / "bench" / "bench_paths", None,
                                      2, 1024, 256, icount=True)
    machine.core = BUILD / "tests" / "bench" / "firmware"
    log = BUILD / "log" / "bench-firmware.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    console = emulator.batch(machine, log, 300, lambda text: None).console.decode()
    match = re.search(r"^FIRMWARE ([0-9a-f]+)$", console, re.M)
    if not match:
        raise Failure("the firmware does not get to its end", console)
    return {"firmware": int(match.group(1), 16)}


def _toolstack(tools):
    """{line: nanoseconds} of what tests/bench/toolstack.sh does with TOOLS on our core."""
    scenario = system.Scenario(f"bench-{tools}", "bulkhead", tools)
    script = (FOLDER / "toolstack.sh").read_text(encoding="utf-8")
    outcome = scenario.dom0(script, timeout=420, add=[
        "BUILD/tests/store/store-bench:/usr/bin/store-bench", *ADD])
    return _numbers(outcome.text())


def _small_machine(script):
    """A machine whose Dom0 has little memory: one guest kernel in its initramfs."""
    content = Content()
    base = BUILD / "dom0" / "initramfs-small.img"
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_bytes(initramfs.dom0(content, platform.tools_for("bulkhead"),
                                    initramfs.guest(content), small=True))
    add = [item.replace("BUILD", str(BUILD)) if item.startswith("BUILD") else f"{ROOT}/{item}"
           for item in (*ADD, "tests/system/dom0lib.sh:/etc/bulkhead/testlib.sh")]
    image, token = platform.image_with(base, "footprint", script, add)
    return emulator.Machine(
        core=platform.core_file("bulkhead", content), cpus=2, memory=1024, icount=True,
        cmdline=platform.core_cmdline("bulkhead", 2, DOM0_MIB, ""),
        modules=[(content.vmlinux(), platform.DOM0_CMDLINE), (image, ""),
                 *platform.core_modules("bulkhead")]), token


def _footprint():
    """{line: KiB} of what tests/bench/footprint.sh finds in a Dom0 of 192 MiB."""
    machine, token = _small_machine(FOLDER / "footprint.sh")
    log = BUILD / "log" / "bench-footprint.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result = emulator.batch(machine, log, 1200, lambda text: None, token)
    if result.status:
        raise Failure(f"Dom0 of {DOM0_MIB} MiB: {result.why}", result.console)
    numbers = _numbers(result.console.decode(errors="replace").replace("\r", ""))
    total = DOM0_MIB * 1024
    known = ("files-of-initramfs", "slab", "anonymous", "page-tables", "kernel-stacks", "per-cpu",
             "available")
    rest = {"kernel": total - numbers["total"], **{name: numbers[name] for name in known}}
    print(f"    Dom0 of {DOM0_MIB} MiB, in KiB: " +
          ", ".join(f"{name} {kib}" for name, kib in rest.items()), flush=True)
    return {"dom0-used-kib": total - numbers["available"], "processes-kib": numbers["processes"]}


# The runs that a group needs: {key: (function, arguments...)}. Runs of the same key are one.
def _runs(group):
    if group in KERNELS:
        runs = {(group, core): (_kernel, group, core) for core in ("bulkhead", "xen")}
        if group == "paths":
            runs["firmware"] = (_firmware,)
        return runs
    if group == "flask":
        runs = {"policy": (_kernel, "policy", "bulkhead")}
        for kernel in FLASK_LINES:
            runs[kernel, "bulkhead"] = (_kernel, kernel, "bulkhead")
            runs[kernel, "built-in"] = (_kernel, kernel, "bulkhead", "flask=disabled")
        return runs
    if group == "footprint":
        return {group: (_footprint,)}
    return {(group, tools): (_toolstack, tools) for tools in ("bulkhead", "stock")}


def _rows(group, results):
    """The lines of a group, and the name of the third column."""
    if group == "flask":
        rows = [Row(f"flask/{name}", results[kernel, "bulkhead"][name],
                    results[kernel, "built-in"][name], FLASK_SHARE)
                for kernel, names in FLASK_LINES.items() for name in names]
        return "built-in", [*rows, Row("flask/policy-load", results["policy"]["policy-load"],
                                       POLICY_LOAD)]
    if group == "footprint":
        return "most", [Row("footprint/dom0-kib", results[group]["dom0-used-kib"], DOM0_MIB * 1024),
                        Row("footprint/processes-kib", results[group]["processes-kib"], PROCESSES)]
    other = "stock" if group == "toolstack" else "xen"
    ours, theirs = results[group, "bulkhead"], results[group, other]
    firmware = results["firmware"]["firmware"] if group == "paths" else 0
    return other, [Row(name, ours[name] - (firmware if name == "boot" else 0),
                       theirs[name] - (firmware if name == "boot" else 0))
                   for name in theirs if name in ours]


class Benchmarks:
    """The benchmarks of GROUPS: runs that each take an emulator, and what is said once all have ended."""

    def __init__(self, report, groups):
        self._report = report
        self._groups = groups
        self._results = {}

    def jobs(self):
        """The runs that the groups need, each once, as (function, argument): the longest first."""
        runs = {}
        for group in sorted(self._groups, key=lambda group: group != "toolstack"):
            runs.update(_runs(group))
        return [(self._measure, run) for run in runs.items()]

    def _measure(self, run):
        key, (function, *arguments) = run
        start = time.monotonic()
        try:
            self._results[key] = function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            name = key if isinstance(key, str) else "@".join(key)
            why = str(error) if isinstance(error, Failure) else repr(error)
            self._report.bad(f"bench/{name}", time.monotonic() - start, why, getattr(error, "log", ""))

    def judge(self):
        """Prints the tables; each line is a test."""
        for group in self._groups:
            if not all(key in self._results for key in _runs(group)):
                continue
            other, rows = _rows(group, self._results)
            print(f"    {'NAME':28} {'ours':>12} {other:>12} {'ratio':>7}")
            for row in rows:
                print(f"    {row.name:28} {row.ours:12} {row.other:12} {row.ratio:7.2f}", flush=True)
            for row in rows:
                _judge(self._report, row, other)


def _judge(report, row, other):
    test = f"bench/{row.name}"
    if row.ratio <= row.limit:
        report.good(test, 0, f"{row.ratio:.2f} of {other}'s")
    elif excuse(test, "bulkhead"):
        report.skip(test, f"{row.ratio:.2f} of {other}'s: {excuse(test, 'bulkhead')}")
    else:
        report.bad(test, 0, f"{row.ratio:.2f} times {other}'s, not {row.limit}")
