# SPDX-License-Identifier: BSD-2-Clause
"""
System tests: whole-platform scenarios, the same on our core and on Xen.

tests/system/NAME.sh runs in Dom0 and passes when it ends with status 0; `# KEY: value` lines at
its top set REQ, TIMEOUT, CPUS, ADD, CORES and DENIED (policy.py). tests/system/NAME.py has
run(scenario), for what one script can't say. Both may print or record `fact: ...` lines, which must
be equal on both cores.
"""

import importlib.util
import re
import subprocess
import sys
import time

from launcher.paths import BUILD, ROOT

from . import policy
from .report import Failure

FOLDER = ROOT / "tests" / "system"
CORES = ("xen", "bulkhead")
# No run is ended sooner: a slow machine with other work may take several times what a quiet one does.
PATIENCE = 1200
# Scrubbing takes the emulator longer than the rest of Xen's boot. Our builder trusts memory only where Xen has
# scrubbed it: with our tools Xen does.
XEN_CMDLINE = "bootscrub=0"
SCRUBBED = 2048     # MiB of such a machine


def names():
    return sorted(path.stem for path in FOLDER.iterdir()
                  if path.suffix in (".sh", ".py") and not path.name.startswith("_")
                  and path.stem != "dom0lib")


class Outcome:
    """A finished run: exit status of the script, its lines, the whole console, the verdict."""

    def __init__(self, status, lines, console, verdict):
        self.status = status
        self.lines = lines
        self.console = console
        self.verdict = verdict

    def text(self):
        return "\n".join(self.lines)


class Scenario:
    """What a system test gets: the core it is to run on, and ways to boot it and to judge."""

    def __init__(self, name, core, tools="stock", again=False):
        self.name = name
        self.core = core
        self.tools = tools
        self.again = again
        self.facts = []
        self._runs = 0
        self._judged = False

    def dom0(self, script, cpus=2, timeout=400, add=(), cmdline="", dom0_cmdline="",
             options=("--icount",), expect=0, denied=(), unpacked=True, memory=None, dom0_memory=512):
        """Boots Linux as Dom0 and runs SCRIPT (text) there; its status must be EXPECT, and only
        what DENIED declares may be denied (policy.py). UNPACKED saves seconds in the emulator, and so
        does a DOM0_MEMORY that is small, as our core scrubs it. MEMORY is the machine's; both in MiB."""
        self._runs += 1
        folder = BUILD / "log"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"system-{self.name}-{self.core}-{self._runs}"
        file, log = folder / f"{stem}.sh", folder / f"{stem}.log"
        file.write_text(script)
        if self.core == "bulkhead":
            cmdline = f"{policy.CMDLINE} {cmdline}"
        elif self.tools == "stock":
            cmdline = f"{XEN_CMDLINE} {cmdline}"
        else:
            memory = memory or SCRUBBED
        if memory:
            options = [*options, "--memory", str(memory)]
        if self.again:
            dom0_cmdline += " bulkhead.again"     # the deterministic clock would repeat the run
        if unpacked:
            options = [*options, "--unpacked"]
        command = [sys.executable, ROOT / "run", "--no-build", "--quiet", "--core", self.core,
                   "--tools", self.tools, "--cpus", str(cpus), "--timeout", str(max(timeout, PATIENCE)),
                   "--dom0-memory", str(dom0_memory),
                   "--log", log, "--script", file, "--cmdline", cmdline,
                   "--dom0-cmdline", dom0_cmdline, *options]
        for item in ["tests/system/dom0lib.sh:/etc/bulkhead/testlib.sh", *add]:
            source, _, target = item.rpartition(":")
            place = BUILD / source[6:] if source.startswith("BUILD/") else ROOT / source
            command += ["--add", f"{place}:{target}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        lines = done.stdout.decode(errors="replace").split("\n")
        verdict = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        console = log.read_bytes() if log.exists() else done.stderr
        outcome = Outcome(done.returncode, lines, console, verdict)
        if expect is not None and done.returncode != expect:
            reasons = [line for line in lines if line.startswith("FAILED")]
            raise Failure("; ".join(reasons + [verdict]), console)
        self.saw(console, denied)
        self.facts += [line for line in lines if line.startswith("fact: ")]
        return outcome

    def saw(self, console, denied=()):
        """Judges a run's CONSOLE by its denials; every run of a scenario goes through here."""
        self._judged = True
        if self.core == "bulkhead":
            policy.check_console(console, denied)

    def judged(self):
        """Whether any run's console was judged."""
        return self._judged

    def need(self, condition, why, outcome=None):
        """The requirement CONDITION; WHY is what is said when it does not hold."""
        if not condition:
            raise Failure(why, outcome.console if outcome else "")

    def fact(self, text):
        """Something that must be the same on both cores."""
        self.facts.append(f"fact: {text}")


def _header(text):
    return dict(re.findall(r"^# ([A-Z]+): *(.*)$", text, re.M))


def _load(name):
    """The test NAME as (function of a scenario, its cores)."""
    script = FOLDER / f"{name}.sh"
    if script.exists():
        text = script.read_text(encoding="utf-8")
        head = _header(text)

        def run_script(scenario):
            scenario.dom0(text, cpus=int(head.get("CPUS", 2)),
                          timeout=float(head.get("TIMEOUT", 240)), add=head.get("ADD", "").split(),
                          cmdline=head.get("CMDLINE", ""), denied=policy.declared(text))
        return run_script, head.get("CORES", " ".join(CORES)).split()
    spec = importlib.util.spec_from_file_location(f"system_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run, getattr(module, "CORES", CORES)


def _facts(function, name, core, again=False):
    """Runs the scenario NAME; the facts that it has told."""
    scenario = Scenario(name, core, again=again)
    function(scenario)
    if not scenario.judged():
        raise Failure("no run of it was judged by its denials: scenario.saw(console)")
    return scenario.facts


def run(name, report, skip):
    """One scenario on each of its cores; SKIP(core) is the reason not to, or None."""
    facts = {}
    try:
        function, cores = _load(name)
    except Exception as error:  # pylint: disable=broad-except
        report.bad(f"system/{name}", 0, f"it does not load: {error}")
        return
    for core in cores:
        test = f"system/{name}@{core}"
        if skip(core):
            report.skip(test, skip(core))
            continue
        start = time.monotonic()
        try:
            try:
                facts[core] = _facts(function, name, core)
            except Failure as failure:
                # The emulator delivers some of Xen's interrupts twice (docs/testing.md), which a
                # kernel does not survive. Ours has to pass at once.
                if core != "xen":
                    raise
                print(f"{test} again: {failure}", flush=True)
                facts[core] = _facts(function, name, core, again=True)
            if len(facts) == 2 and facts["xen"] != facts["bulkhead"]:
                raise Failure("not the same as on Xen:\n" + "\n".join(
                    f"    {ours!r} instead of {theirs!r}" for ours, theirs in
                    zip(facts["bulkhead"], facts["xen"]) if ours != theirs))
        except Failure as failure:
            report.bad(test, time.monotonic() - start, str(failure), failure.log)
        except Exception as error:  # pylint: disable=broad-except
            report.bad(test, time.monotonic() - start, f"{type(error).__name__}: {error}")
        else:
            report.good(test, time.monotonic() - start)
