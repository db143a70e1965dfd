# SPDX-License-Identifier: BSD-2-Clause
"""./run: the one launcher."""

import argparse
import os
import pathlib
import shlex
import signal
import subprocess
import sys

from . import emulator, packages, platform
from .paths import LaunchError

KEYS = """\
Ctrl-\\ x ends the emulator at once, Ctrl-\\ c is its monitor (and back), Ctrl-a three times switches
between Dom0 and the core's debug keys (h lists them)."""

EPILOG = f"""\
On the console:
  {KEYS.replace(chr(10), chr(10) + "  ")}
  In Dom0, `poweroff` ends the platform.

exit status:
  With --script it is the script's own; with --kernel 0 when the machine powers itself off and
  printed no line that starts with FAIL, else 1.
  124  it hangs: no end within --timeout seconds (or the platform did not power off)
  125  the core panicked
  126  the emulator died, or Dom0 did before its script ended
  127  the launcher could not start (the message says why)

environment:
  BUILD=DIR      the build folder (default: build/)
  EMU_SLOT=0|1   take this one of the machine's two emulator slots

examples:
  ./run                                    a Dom0 shell on our core
  ./run --core xen                         the same on Debian's Xen 4.17
  ./run --script t.sh --add data:/data     run t.sh in Dom0, then power off
  ./run --kernel build/tests/guests/hello  a small test kernel in Dom0's place
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"./run: {message} (./run --help lists the options)", file=sys.stderr)
        sys.exit(127)


def parser():
    result = _Parser(
        prog="./run", description="Builds Bulkhead and boots it in the emulator.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = result.add_argument
    add("--script", metavar="FILE", type=pathlib.Path,
        help="run FILE in Dom0 instead of a shell, power off, exit with its status")
    add("--add", metavar="SRC:DST", action="append", default=[],
        help="put a file or folder into Dom0 at DST (may be repeated)")
    add("--timeout", metavar="S", type=float, default=300,
        help="with --script or --kernel: seconds from the emulator's start (default 300)")
    add("--cpus", metavar="N", type=int, default=2, help="CPUs of the machine (default 2)")
    add("--memory", metavar="M", type=int, default=4096, help="its memory in MiB (default 4096)")
    add("--cmdline", metavar="\"...\"", default="", help="more options for the core")
    add("--dom0-cmdline", metavar="\"...\"", default="", help="more options for Dom0's kernel")
    add("--dom0-memory", metavar="M", type=int, help="Dom0's memory in MiB (default 1024)")
    add("--log", metavar="FILE", type=pathlib.Path, help="keep the console's output in FILE")
    add("--quiet", action="store_true", help="with --script: show only what the script prints")
    add("--core", choices=["bulkhead", "xen"], default=platform.DEFAULT_CORE,
        help=f"ours, or Debian's Xen 4.17 (default {platform.DEFAULT_CORE})")
    add("--tools", choices=["bulkhead", "stock"], default=platform.DEFAULT_TOOLS,
        help="Dom0's tools: ours, or Debian's xl, xenstored and xenconsoled "
             f"(default {platform.DEFAULT_TOOLS})")
    add("--kernel", metavar="FILE", type=pathlib.Path,
        help="boot another kernel in Dom0's place: an ELF file with a PVH entry, or a bzImage")
    add("--ramdisk", metavar="FILE", type=pathlib.Path, help="with --kernel: its ramdisk")
    add("--unpacked", action="store_true",
        help="boot Dom0's kernel as an ELF file; a bzImage, as Debian ships it, takes the emulator "
             "some seconds more")
    add("--gdb", action="store_true", help="wait for a debugger on port 1234")
    add("--icount", action="store_true",
        help="count instructions instead of time: equal runs are equal to the last bit")
    add("--qemu", metavar="\"...\"", default="",
        help="more options for the emulator, which runs in the build folder (--qemu=-s for a single "
             "word)")
    add("--no-build", action="store_true", help="do not compile, take what is built")
    return result


def _check(options):
    """Refuses OPTIONS that make no sense together."""
    wrong = None
    if options.kernel and options.script:
        wrong = "--script runs in Linux: it can't be used with --kernel"
    elif options.ramdisk and not options.kernel:
        wrong = "--ramdisk belongs to --kernel; --add puts files into Dom0"
    elif options.kernel and options.add:
        wrong = "--add puts files into Dom0's Linux: it can't be used with --kernel"
    elif options.quiet and not options.script:
        wrong = "--quiet is for --script"
    elif options.cpus < 1 or options.memory < 64:
        wrong = "the machine needs a CPU and 64 MiB at least"
    if wrong:
        raise LaunchError(wrong)


def _machine(options):
    more = {"icount": options.icount, "gdb": options.gdb, "extra": shlex.split(options.qemu)}
    if options.kernel:
        machine = platform.kernel_machine(
            options.core, options.kernel, options.ramdisk, options.cpus, options.memory,
            options.dom0_memory or 128, options.cmdline, options.dom0_cmdline, **more)
        return machine, None
    return platform.dom0_machine(
        options.core, options.tools, options.cpus, options.memory, options.dom0_memory or 1024,
        options.cmdline, options.dom0_cmdline, f"run-{os.getpid():07}",
        options.script, options.add, options.unpacked, **more)


def run(options):
    packages.ensure("run")
    needs_build = options.core == "bulkhead" or options.tools == "bulkhead"
    if needs_build and not options.no_build:
        platform.build(options.kernel)
    interactive = not options.script and not options.kernel
    machine, token = _machine(options)
    own_image = None if options.kernel else machine.modules[1][0]
    if options.gdb:
        platform.say(f"Waiting for a debugger: gdb {platform.ELF} -ex 'target remote :1234'")
    try:
        if interactive:
            platform.say(f"Booting. {KEYS}")
            status = emulator.interactive(machine, options.log)
            platform.say("./run: " + ("the emulator has ended" if status == 0 else
                                      "the emulator failed: it says above why"))
            return status
        return _batch(options, machine, token)
    finally:
        if own_image:
            own_image.unlink(missing_ok=True)


def _batch(options, machine, token):
    def show(text):
        if not options.quiet:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()

    result = emulator.batch(machine, options.log, options.timeout, show, token)
    if options.quiet:
        print("\n".join(emulator.script_lines(result.console, token or "")))
        if result.status >= emulator.TIMEOUT:
            sys.stderr.write(result.console[-4000:].decode(errors="replace"))
    status = result.status
    if options.kernel and status == 0 and b"\nFAIL " in result.console:
        status, result.why = 1, "the kernel reports a failure"
    print(f"./run: {result.why}; the console is in {result.log}", file=sys.stderr)
    return status


def _interrupted(number, frame):
    raise KeyboardInterrupt


def main(arguments):
    options = parser().parse_args(arguments)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupted)
    try:
        _check(options)
        return run(options)
    except LaunchError as error:
        print(f"./run: {error}", file=sys.stderr)
    except OSError as error:
        print(f"./run: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"./run: {shlex.join(map(str, error.cmd))} failed", file=sys.stderr)
    except KeyboardInterrupt:
        print("./run: interrupted", file=sys.stderr)
    return 127
