# SPDX-License-Identifier: BSD-2-Clause
"""Test kernels in Dom0's place: the same lines on our core and on Xen."""

import re
import subprocess
import sys
import time

from launcher.paths import BUILD, ROOT

from . import policy
from .report import Failure, differences

CORES = ("xen", "bulkhead")
_LINE = re.compile(r"^(PASS|FAIL|OUT|DONE) (.*)$")


def names():
    """All test kernels in the tree that can stand in Dom0's place."""
    return sorted(path.parent.name for path in (ROOT / "tests" / "guests").glob("*/*.c")
                  if path.stem == path.parent.name and "Needs a partner" not in path.read_text())


def _source(name, folder):
    source = ROOT / "tests" / folder / name / f"{name}.c"
    return source.read_text() if source.exists() else ""


def _head(name, folder):
    """What the kernel's comment asks for, in ` * KEY: value` lines: CPUS, CMDLINE and QEMU."""
    text = _source(name, folder)
    return dict(re.findall(r"^ \* (CPUS|CMDLINE|QEMU): (.*)$", text, re.M))


def boot(name, core, folder="guests", timeout=600, cpus=2, cmdline="",
         dom0_memory=128, tag=""):
    """The lines that kernel NAME prints, and the console. TAG tells apart runs of one kernel."""
    kernel = BUILD / "tests" / folder / name
    log = BUILD / "log" / f"{folder}-{name}-{core}{tag}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    head = _head(name, folder)
    options = " ".join(["bootscrub=0" if core == "xen" else policy.CMDLINE if folder == "guests" else "",
                        cmdline, head.get("CMDLINE", "")])
    done = subprocess.run(
        [sys.executable, ROOT / "run", "--no-build", "--core", core, "--kernel", kernel,
         "--icount", "--memory", "1024", "--cpus", head.get("CPUS", str(cpus)),
         "--cmdline", options.strip(), f"--qemu={head.get('QEMU', '')}",
         "--dom0-memory", str(dom0_memory), "--timeout", str(timeout), "--log", log],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=False)
    console = log.read_bytes().decode(errors="replace").replace("\r", "") if log.exists() else ""
    if done.returncode >= 124:
        raise Failure(done.stderr.strip(), console)
    if core == "bulkhead":
        policy.check_console(console, policy.declared(_source(name, folder)))
    console = policy.without_uses(console)
    lines = [match.group(0) for line in console.split("\n")
             for match in [_LINE.match(line)] if match]
    return lines, console


def _judge(name, core, lines, console):
    known = differences()
    bad = []
    for line in lines:
        if line.startswith("FAIL "):
            check = line[5:].split(":")[0]
            if (name, check, core) not in known:
                bad.append(line)
    if bad:
        raise Failure("; ".join(bad), console)
    if f"DONE {name}" not in lines:
        raise Failure("the kernel did not get to its end", console)


def _comparable(name, lines):
    """The lines without those of checks whose difference is written down."""
    known = {check for kernel, check, _ in differences() if kernel == name}
    return [line for line in lines if line.split(" ", 1)[1].split(":")[0] not in known]


def run(name, report, skip):
    """One kernel on both cores; SKIP(core) is the reason not to, or None."""
    outputs = {}
    for core in CORES:
        test = f"guests/{name}@{core}"
        if skip(core):
            report.skip(test, skip(core))
            continue
        start = time.monotonic()
        try:
            lines, console = boot(name, core)
            _judge(name, core, lines, console)
            outputs[core] = _comparable(name, lines)
            if len(outputs) == 2 and outputs["xen"] != outputs["bulkhead"]:
                other = [line for line in outputs["bulkhead"] if line not in outputs["xen"]]
                missing = [line for line in outputs["xen"] if line not in outputs["bulkhead"]]
                raise Failure(f"not what Xen says: {other} instead of {missing}", console)
        except Failure as failure:
            report.bad(test, time.monotonic() - start, str(failure), failure.log)
        else:
            count = sum(line.startswith("PASS") for line in lines)
            report.good(test, time.monotonic() - start, f"{count} checks")
