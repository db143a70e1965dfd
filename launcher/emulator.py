# SPDX-License-Identifier: BSD-2-Clause
"""The emulated machine: its slot, its command line, and what its console tells."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from .paths import BUILD, LaunchError

# Exit statuses that the launcher adds to a script's own.
TIMEOUT = 124   # the platform hangs or was too slow
PANIC = 125     # the core panicked
DIED = 126      # the emulator or Dom0 ended before the script did

# Left-out features are faults of Debian 12's QEMU (docs/testing.md).
CPU = "EPYC,+svm,+npt,-smap,-monitor,-rdtscp,-xsave"
POWER_OFF_SECONDS = 120
PANIC_SECONDS = 10         # a panic's text, where its end does not come

_CORE_PANIC = re.compile(rb"^(\((?:XEN|core)\) )?(PANIC\b|Panic on CPU|FATAL TRAP|FATAL PAGE FAULT)", re.M)
# The last line of both cores' panics, behind the registers and the stack trace, or head.S's only one.
_PANIC_END = re.compile(rb"Reboot(ing)? in \w+ seconds|^PANIC: .*\n", re.M)
_DOM0_PANIC = re.compile(rb"Kernel panic - not syncing: (.*)")


def _take_slot(path, taken, lock):
    """In a thread: waits for the slot PATH in the kernel's queue, and keeps it if it is the first."""
    # The lock belongs to this open file, which the emulator inherits: the slot is taken for as
    # long as either lives.
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with lock:
        if taken:
            os.close(handle)
        else:
            taken.append((path[-1], handle))


@contextlib.contextmanager
def slot():
    """Holds one of this machine's two emulator slots (EMU_SLOT=0 or 1 pins one)."""
    taken, lock = [], threading.Lock()
    for name in os.environ.get("EMU_SLOT", "0 1").split():
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"bulkhead-emulator-{name}")
        threading.Thread(target=_take_slot, args=(path, taken, lock), daemon=True).start()
    start = time.monotonic()
    said = False
    while not taken:
        time.sleep(0.05)
        if not said and time.monotonic() > start + 1:
            print("Waiting for an emulator slot ...", file=sys.stderr, flush=True)
            said = True
    name, handle = taken[0]
    os.set_inheritable(handle, True)
    try:
        yield name, handle
    finally:
        os.close(handle)


def _escape(text):
    """QEMU separates by commas; a comma in a value is doubled."""
    return str(text).replace(",", ",,")


def _name(file):
    """FILE's name for the emulator, which runs in the build folder. The core gets the names of what it
    boots: where the tree lies must not change a deterministic run."""
    path = pathlib.Path(file).resolve()
    return str(path.relative_to(BUILD) if BUILD in path.parents else path)


class Machine:
    """What is to be booted; filled in by ./run and by the tests."""

    def __init__(self, core=None, cmdline="", modules=(), cpus=2, memory=4096, icount=False,
                 gdb=False, extra=(), firmware_boot=()):
        self.core = core
        self.cmdline = cmdline
        self.modules = list(modules)       # (file, arguments) pairs
        self.cpus = cpus
        self.memory = memory
        self.icount = icount
        self.gdb = gdb
        self.extra = list(extra)
        self.firmware_boot = list(firmware_boot)   # arguments that replace -kernel and -initrd

    def command(self):
        accel = "tcg,thread=single" if self.icount else "tcg,thread=multi"
        words = ["qemu-system-x86_64", "-M", "q35", "-accel", accel, "-cpu", CPU,
                 "-smp", str(self.cpus), "-m", str(self.memory), "-display", "none",
                 "-no-reboot", "-net", "none", "-device", "amd-iommu,intremap=on"]
        if self.icount:
            words += ["-icount", "shift=0,sleep=off",
                      "-rtc", "base=2020-01-01T00:00:00,clock=vm", "-seed", "42"]
        if self.gdb:
            words += ["-s", "-S"]
        if self.firmware_boot:
            words += self.firmware_boot
        else:
            words += ["-kernel", _name(self.core), "-append", self.cmdline]
        if self.modules:
            words += ["-initrd", ",".join(
                _escape(_name(file)) + (" " + _escape(arguments) if arguments else "")
                for file, arguments in self.modules)]
        return words + self.extra


def _die_with_launcher():
    """In the child, before QEMU starts: whatever ends the launcher ends the emulator too."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG


# Ctrl-\\ is nobody's: Ctrl-a is the core's, Ctrl-] leaves a guest's console.
ESCAPE = 0x1c


def interactive(machine, log):
    """Boots with the console on the terminal; returns the launcher's exit status."""
    chardev = "stdio,id=console,mux=on,signal=off"
    if log:
        chardev += f",logfile={_escape(_name(log))}"
    words = machine.command() + ["-echr", str(ESCAPE), "-chardev", chardev,
                                 "-serial", "chardev:console", "-mon", "chardev=console"]
    with slot() as (_, handle), tempfile.TemporaryFile() as errors:
        status = subprocess.run(words, cwd=BUILD, pass_fds=[handle], check=False, stderr=errors,
                                preexec_fn=_die_with_launcher).returncode
        print(_complaints(errors), end="", file=sys.stderr)
    return DIED if status else 0


def _complaints(errors):
    """What the emulator wrote to the file ERRORS, without what it always says of its CPU model."""
    errors.seek(0)
    return "".join([line for line in errors.read().decode(errors="replace").splitlines(True)
                    if "TCG doesn't support requested feature" not in line][-20:])


class Result:
    """How a run ended: a status for the shell, a sentence for people, and the console's text."""

    def __init__(self, status, why, console, log):
        self.status = status
        self.why = why
        self.console = console
        self.log = log


def batch(machine, log, timeout, show, token=None, stop=None):
    """
    Boots without input, the console in the file LOG, until the machine is off.

    SHOW(bytes) gets the console's new text. TOKEN marks the script's begin and end lines; its
    status is the result's. STOP, a compiled pattern, ends the run with status 0 when the
    console matches. TIMEOUT is in seconds from when the emulator slot is held.
    """
    with slot() as (name, handle):
        if log is None:
            # One name for each slot: equal names keep deterministic runs equal.
            (BUILD / "log").mkdir(parents=True, exist_ok=True)
            log = BUILD / "log" / f"console-{name}.log"
        with open(log, "wb"), tempfile.TemporaryFile() as errors:
            words = machine.command() + ["-monitor", "none", "-serial", f"file:{_escape(_name(log))}"]
            child = subprocess.Popen(words, cwd=BUILD, stdin=subprocess.DEVNULL, stdout=errors,
                                     stderr=errors, pass_fds=[handle],
                                     preexec_fn=_die_with_launcher)
            try:
                result = _watch(child, log, timeout, show, token, stop)
            finally:
                if child.poll() is None:
                    child.kill()
                child.wait()
            if result.status == DIED and (said := _complaints(errors)):
                result.why += "; the emulator says: " + said.rstrip()
            return result


def _watch(child, log, timeout, show, token, stop):
    end = time.monotonic() + timeout
    power_off_by = panicked = None
    finished = status = panic = None
    if token:
        pattern = rb"bulkhead-script " + token.encode() + rb" end (\d+)\r*\n"
        finished = re.compile(pattern)
    text = b""
    with open(log, "rb") as console:
        while True:
            gone = child.poll() is not None
            new = console.read()
            if new:
                text += new
                show(new)
                status = finished.search(text) if finished else None
                plain = text.replace(b"\r", b"")
                panic = _CORE_PANIC.search(plain)
            if new and stop and stop.search(text):
                return Result(0, "the awaited text came", text, log)
            if panic:
                panicked = panicked or time.monotonic()
                told = _PANIC_END.search(plain, panic.start())
                if gone or told or time.monotonic() > panicked + PANIC_SECONDS:
                    return Result(PANIC, "the core panicked", text, log)
            if gone:
                return _ended(child, text, log, status, token)
            now = time.monotonic()
            if status and power_off_by is None:
                power_off_by = now + POWER_OFF_SECONDS
            if power_off_by and now > power_off_by:
                return Result(TIMEOUT, "the platform did not power off after the script", text,
                              log)
            if now > end:
                return Result(TIMEOUT, f"no end within {timeout} s: it hangs or is too slow",
                              text, log)
            time.sleep(0.05)


def _ended(child, text, log, status, token):
    if status:
        code = int(status.group(1))
        return Result(code, f"the script ended with status {code}", text, log)
    panic = _DOM0_PANIC.search(text)
    if panic:
        return Result(DIED, "Dom0 panicked: " + panic.group(1).decode(errors="replace").strip(),
                      text, log)
    if child.returncode != 0:
        return Result(DIED, f"the emulator died with status {child.returncode}", text, log)
    if token:
        return Result(DIED, "the machine went off before the script ended", text, log)
    return Result(0, "the machine powered off", text, log)


def script_lines(console, token):
    """What the script printed: the lines between its marks, without the core's own messages."""
    text = console.decode(errors="replace").replace("\r", "")
    # What flask=uses logs comes in the middle of lines, too.
    text = re.sub(r"\(core\) FLASK: used: [^\n]*\n", "", text)
    begin = text.find(f"bulkhead-script {token} begin\n")
    if begin < 0:
        return []
    body = text[begin:].split("\n")[1:]
    lines = []
    for line in body:
        if line.startswith(f"bulkhead-script {token} end "):
            break
        if not line.startswith("(XEN)"):
            lines.append(line)
    return lines


def require(path, what):
    if not path.exists():
        raise LaunchError(f"{what} is not there: {path} (without --no-build it is made)")
    return path
