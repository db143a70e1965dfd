# SPDX-License-Identifier: BSD-2-Clause
"""
REQ core/boot: a Dom0 kernel that can't be unpacked ends the platform, and the serial port says why. That Debian's
kernel boots as it is, system/dom0 and system/iso show.
"""

from launcher import emulator, platform
from launcher.content import Content
from launcher.paths import BUILD

CORES = ("bulkhead",)


def boot(scenario, name, image, words, loader=True, dom0_memory=256):
    """Boots IMAGE (bytes) in Dom0's place: the core must say WORDS and stop."""
    folder = BUILD / "log"
    folder.mkdir(parents=True, exist_ok=True)
    kernel, log = folder / f"system-bzimage-{name}.img", folder / f"system-bzimage-{name}.log"
    kernel.write_bytes(image)
    machine = platform.kernel_machine("bulkhead", kernel, None, 1, 1024, dom0_memory,
                                      dom0_cmdline=platform.DOM0_CMDLINE, icount=True)
    if not loader:
        machine.modules.pop()
    result = emulator.batch(machine, log, 120, lambda text: None)
    kernel.unlink()
    scenario.saw(result.console)
    scenario.need(result.status == emulator.PANIC, f"{name}: {result.why}", result)
    scenario.need(words in result.console.decode(errors="replace"), f"{name}: it does not say: {words}",
                  result)
    scenario.fact(f"{name}: {words}")


def run(scenario):
    image = Content().vmlinuz.read_bytes()
    middle = len(image) // 2
    boot(scenario, "no-loader", image, "its loader, dom0-loader, must be a module too", loader=False)
    boot(scenario, "cut", image[:middle], "Dom0 can't start: the bzImage is cut short")
    boot(scenario, "corrupt", image[:middle] + bytes([image[middle] ^ 1]) + image[middle + 1:],
         "Dom0 can't start: xz or lzma data is corrupt")
    boot(scenario, "small", image, "Dom0 can't start: it has too little memory", dom0_memory=64)
    boot(scenario, "tiny", image, "Dom0 needs more memory than 8 MiB: raise dom0_mem=", dom0_memory=8)
