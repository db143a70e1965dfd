# SPDX-License-Identifier: BSD-2-Clause
"""
REQ core/console: Ctrl-a three times switches the serial input between Dom0's shell and the core's
debug keys. REQ core/scheduling: sched-gran=core with guests that run. REQ core/guests: a guest of 4
vCPUs beside a Dom0 of 4, on 4 CPUs (2 cores of 2 threads).

The one scenario that types: the machine has no script, the test is at its serial port.
"""

import re
import subprocess
import threading
import time

from launcher import emulator, platform
from launcher.paths import BUILD, ROOT

from tests.lib import policy, system
from tests.lib.report import Failure

SECONDS = 400       # until something typed is answered; decides nothing but what counts as hanging
PROMPT = rb"\n/root # "
SWITCH = b"\x01\x01\x01"
THREADS = ["-smp", "4,cores=2,threads=2"]
GUESTS = """. /etc/bulkhead/testlib.sh
guest four 'vcpus = 4' 'memory = 192'
guest spinner 'kernel = "/tmp/pair"' 'ramdisk = ""' 'vcpus = 2' 'memory = 32' 'extra = "pair=spin"'
spins() { xl vcpu-list spinner | awk 'NR > 1 && $6 >= 1' | wc -l; }
xl create -q /tmp/spinner.cfg && xl create -q /tmp/four.cfg && echo created-'both'
within 200 said four 'user land is up.* 4 vCPUs' && echo four-'up'
within 200 eval '[ $(spins) = 2 ]' && echo spinner-'up'
"""


class Terminal:
    """A machine with its serial port in the test's hands."""

    def __init__(self, machine, log, handle):
        words = machine.command() + ["-monitor", "none", "-serial", "stdio"]
        self.child = subprocess.Popen(words, cwd=BUILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, pass_fds=[handle],
                                      preexec_fn=emulator._die_with_launcher)
        self.log = open(log, "wb")
        self.text = b""
        self._from = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while data := self.child.stdout.read1(65536):
            self.log.write(data)
            self.log.flush()
            self.text += data.replace(b"\r", b"")

    def type(self, text):
        self._from = len(self.text)
        self.child.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.child.stdin.flush()

    def wait(self, pattern, what):
        """Waits for PATTERN in what came since the last input; returns its match."""
        end = time.monotonic() + SECONDS
        while True:
            alive = self._reader.is_alive()
            match = re.search(pattern, self.text[self._from:])
            if match:
                return match
            if not alive or time.monotonic() > end:
                raise Failure(f"{what}: no answer ({pattern.decode()})", self.text)
            time.sleep(0.05)

    def ask(self, command, pattern, what):
        self.type(command + "\n")
        return self.wait(pattern, what)

    def close(self):
        self.child.kill()
        self.child.wait()
        self._reader.join()
        self.log.close()


def _talk(scenario, terminal):
    terminal.wait(PROMPT, "Dom0's shell")
    count = terminal.ask("echo $(nproc) 'vCPUs'", rb"\n(\d+) vCPUs\n", "the shell").group(1)
    scenario.fact(f"Dom0 has {count.decode()} vCPUs")
    for line in GUESTS.splitlines():
        terminal.ask(line, PROMPT, line)
    # A message of the core may stand behind it on its line.
    for sign in (b"created-both", b"four-up", b"spinner-up"):
        scenario.need(b"\n" + sign in terminal.text, f"not {sign.decode()}")
    threads = terminal.ask("xl info", rb"\nthreads_per_core *: (\d)\n", "xl info").group(1)
    # Xen looks for an AMD CPU's threads where this emulator tells nothing.
    scenario.need(threads == b"2" or scenario.core == "xen", f"{threads} threads in a core")
    scenario.fact("both guests run")

    terminal.type(SWITCH)
    terminal.wait(rb"\*\*\* Serial input to (Xen|the core)", "Ctrl-a three times")
    terminal.type("m")
    terminal.wait(rb"\) (Physical memory information:|Frames: )", "debug key m")
    terminal.type("q")
    terminal.wait(rb"\) 'q' pressed -> ", "debug key q")
    terminal.type(SWITCH)
    terminal.wait(rb"(?i)\*\*\* Serial input to DOM0", "Ctrl-a three times")
    scenario.fact("debug keys m and q answered")
    # Nothing of what the core got has reached the shell.
    echo = terminal.ask("echo $((40 + 2)) 'back'", rb"\n(42 back|sh: .*)\n", "the shell, again")
    scenario.fact(f"then the shell says {echo.group(1).decode()}")

    terminal.ask("xl destroy four; xl destroy spinner; xl list | grep -c :; xl list | wc -l",
                 rb"\n2\n", "destroying the guests")
    terminal.type("poweroff -f\n")
    scenario.need(terminal.child.wait(SECONDS) == 0, "it does not power off")
    scenario.saw(terminal.text)


def run(scenario):
    log = BUILD / "log" / f"system-console-{scenario.core}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    options = system.XEN_CMDLINE if scenario.core == "xen" else policy.CMDLINE
    machine, _ = platform.dom0_machine(
        scenario.core, "stock", 4, 4096, cmdline=f"{options} sched-gran=core", icount=True, extra=THREADS,
        unpacked=True, name=f"console-{scenario.core}",
        additions=[f"{ROOT}/tests/system/dom0lib.sh:/etc/bulkhead/testlib.sh",
                   f"{BUILD}/tests/guests/pair:/tmp/pair"])
    with emulator.slot() as (_, handle):
        terminal = Terminal(machine, log, handle)
        try:
            _talk(scenario, terminal)
        except subprocess.TimeoutExpired as error:
            raise Failure("it does not power off", terminal.text) from error
        finally:
            terminal.close()
