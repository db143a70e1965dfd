# SPDX-License-Identifier: BSD-2-Clause
"""
REQ core/boot: a kernel in Dom0's place may be a bzImage of any of Linux's formats, and the boot modules may come in
any order; a kernel or loader that can't be started ends the platform, and the serial port says why. That Debian's own
kernel boots, system/dom0 and system/iso show.
"""

import bz2
import gzip
import lzma
import struct
import subprocess

from launcher import emulator, platform
from launcher.content import Content
from launcher.paths import BUILD

CORES = ("bulkhead",)


def _with(*command):
    return lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "lz4": _with("lz4", "-l", "-c"),
    "zstd": _with("zstd", "-22", "--ultra", "-c"),
}


def boot(scenario, name, image, words, change=None, dom0_memory=256, status=emulator.PANIC):
    """Boots IMAGE (bytes) in Dom0's place, CHANGE(modules) made: the machine must say WORDS and stop."""
    folder = BUILD / "log"
    folder.mkdir(parents=True, exist_ok=True)
    kernel, log = folder / f"system-bzimage-{name}.img", folder / f"system-bzimage-{name}.log"
    kernel.write_bytes(image)
    machine = platform.kernel_machine("bulkhead", kernel, None, 1, 1024, dom0_memory,
                                      dom0_cmdline=platform.DOM0_CMDLINE, icount=True)
    if change:
        change(machine.modules)
    result = emulator.batch(machine, log, 300, lambda text: None)
    kernel.unlink()
    scenario.saw(result.console)
    scenario.need(result.status == status, f"{name}: {result.why}", result)
    scenario.need(words in result.console.decode(errors="replace"), f"{name}: it does not say: {words}",
                  result)
    scenario.fact(f"{name}: {words}")


def unpacks(scenario, name, pack):
    """A small kernel in a bzImage of the format NAME starts."""
    payload = pack((BUILD / "tests" / "guests" / "hello").read_bytes())
    # Linux: Documentation/x86/boot.rst: one sector of setup code, and the payload right behind.
    head = bytearray(1024)
    head[0x1f1], head[0x1fe:0x200], head[0x202:0x208] = 1, b"\x55\xaa", b"HdrS\x0f\x02"
    struct.pack_into("<II", head, 0x248, 0, len(payload))
    boot(scenario, name, bytes(head) + payload, "DONE hello", status=0)


def bad_loaders(scenario, hello):
    """Without its loader, or with a damaged one, no kernel starts."""
    loader = platform.LOADER.read_bytes()
    path = BUILD / "log" / "system-bzimage-loader.img"

    def replace(modules):
        modules[-1] = (path, "")

    boot(scenario, "no-loader", hello, "no loader for Dom0's kernel (dom0-loader.bin)", list.pop)
    for name, data in (("cut", loader[:-1]),
                       ("entry", loader[:16] + struct.pack("<I", 0xffff) + loader[20:])):
        path.write_bytes(data)
        boot(scenario, f"loader-{name}", hello, "Dom0's loader is damaged", replace)
    # Behind the end of Dom0's memory.
    path.write_bytes(loader[:12] + struct.pack("<II", 0xffff0000, 0xffff0014) + loader[20:])
    boot(scenario, "loader-high", hello, "Dom0 needs more memory than 256 MiB", replace)
    path.unlink()


def run(scenario):
    hello = (BUILD / "tests" / "guests" / "hello").read_bytes()
    for name, pack in PACKERS.items():
        unpacks(scenario, name, pack)
    boot(scenario, "reversed", hello, "DONE hello", list.reverse, status=0)
    boot(scenario, "least", hello, "DONE hello", dom0_memory=4, status=0)
    bad_loaders(scenario, hello)
    image = Content().vmlinuz.read_bytes()
    middle = len(image) // 2
    boot(scenario, "none", b"070701", "Dom0 can't start: no boot module is a kernel")
    boot(scenario, "nothing", hello, "Dom0 can't start: no boot module is a kernel",
         lambda modules: modules.pop(0))
    boot(scenario, "elf-cut", hello[:8192], "Dom0 can't start: the kernel is cut short")
    boot(scenario, "no-entry", hello.replace(b"\x12\0\0\0Xen\0", b"\x13\0\0\0Xen\0"),
         "Dom0 can't start: the kernel has no PHYS32_ENTRY note")
    boot(scenario, "cut", image[:middle], "Dom0 can't start: the bzImage is cut short")
    boot(scenario, "corrupt", image[:middle] + bytes([image[middle] ^ 1]) + image[middle + 1:],
         "Dom0 can't start: xz or lzma data is corrupt")
    boot(scenario, "small", image, "Dom0 can't start: it has too little memory", dom0_memory=64)
    boot(scenario, "tiny", image, "Dom0 needs more memory than 8 MiB: raise dom0_mem=", dom0_memory=8)
