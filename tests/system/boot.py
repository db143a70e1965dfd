# SPDX-License-Identifier: BSD-2-Clause
"""REQ core/boot: what the core says when it can't run, or is asked for what it does not know."""

import re
import subprocess
import sys

from launcher import emulator
from launcher.paths import BUILD, ROOT

CORES = ("bulkhead",)

# What the machine lacks, by the emulator's CPU model, and what the serial port then tells.
LACKING = (
    ("EPYC,-svm", "this CPU has no SVM"),
    ("EPYC,+svm,-npt,-xsave", "nested paging"),
    ("EPYC,+svm,+npt,-nx,-xsave", "no 64-bit mode or no NX"),
)


def boot(scenario, name, *options):
    """(status, console) of the kernel hello in Dom0's place."""
    log = BUILD / "log" / f"system-boot-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, ROOT / "run", "--no-build", "--core", scenario.core, "--icount",
         "--kernel", BUILD / "tests" / "guests" / "hello", "--memory", "1024", "--timeout", "300",
         "--log", log, *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if not log.exists():
        return done.returncode, done.stderr.decode(errors="replace")
    scenario.saw(log.read_bytes())
    return done.returncode, log.read_text(errors="replace").replace("\r", "")


def run(scenario):
    for number, (cpu, words) in enumerate(LACKING):
        status, text = boot(scenario, f"lacking-{number}", "--qemu", f"-cpu {cpu}")
        scenario.need(status == emulator.PANIC and words in text,
                      f"with {cpu}: status {status}, said:\n{text[-600:]}")
        scenario.need("DONE hello" not in text, f"with {cpu} a guest runs all the same")
        if "Panic on CPU" in text:
            scenario.need(re.search(r"Call trace:\n(.*\n)*.*\[<[0-9a-f]{16}>\] start_core\+0x", text),
                          f"no stack trace with symbols:\n{text[-600:]}")
    # REQ flask/boot: without a policy, which is wanted by default, Dom0 does not start.
    kernel = BUILD / "tests" / "guests" / "hello"
    status, text = boot(scenario, "no-policy", "--qemu", f"-initrd {kernel}")
    scenario.need(status == emulator.PANIC and "no policy among the boot modules" in text,
                  f"without a policy: status {status}, said:\n{text[-600:]}")
    scenario.need("hello:" not in text, "without a policy Dom0 runs all the same")
    # The small model: no 1 GiB pages, no SMEP.
    status, text = boot(scenario, "qemu64", "--qemu", "-cpu qemu64,+svm,+npt")
    scenario.need(status == 0 and "DONE hello" in text, f"with qemu64:\n{text[-600:]}")
    # What the suite's CPU model leaves out: SMAP for the core itself, XSAVE hidden from Dom0, RDTSCP.
    outcome = scenario.dom0("grep -m1 ^flags /proc/cpuinfo; dmesg | grep -c 'segfault'", timeout=120,
                            options=("--icount", "--qemu", "-cpu EPYC,+svm,+npt,-monitor"),
                            expect=None)
    scenario.need(" smap" in outcome.text() and " xsave" not in outcome.text() and
                  "\n0" in outcome.text(), f"Dom0 with the full CPU model: {outcome.verdict}", outcome)
    # An option that the core does not know, and values that it does not understand.
    status, text = boot(scenario, "options", "--cmdline",
                        "flask=disabled nosuch=1 loglvl=nonsense sched=null")
    for words in ("unknown option 'nosuch'", "'loglvl=nonsense' not understood",
                  "'sched=null' not understood"):
        scenario.need(words in text, f"not said: {words}")
    scenario.need(status == 0 and "DONE hello" in text, "it does not go on with odd options")
