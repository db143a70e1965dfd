# SPDX-License-Identifier: BSD-2-Clause
"""REQ core/boot: the image for real machines boots to Dom0 by multiboot2, under BIOS and UEFI."""

import re
import subprocess

from launcher import emulator
from launcher.paths import BUILD
from tests.lib.report import Failure

CORES = ("bulkhead",)
UP = re.compile(rb"This is Dom0, the control domain")
FIRMWARE = {"bios": [], "uefi": ["-bios", "/usr/share/ovmf/OVMF.fd"]}


def run(scenario):
    made = subprocess.run(["meson", "compile", "-C", str(BUILD), "iso"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        raise Failure("the image is not made", made.stdout)
    for name, options in FIRMWARE.items():
        machine = emulator.Machine(
            firmware_boot=["-cdrom", str(BUILD / "launcher" / "bulkhead.iso"), *options])
        log = BUILD / "log" / f"system-iso-{name}.log"
        result = emulator.batch(machine, log, 300, lambda text: None, stop=UP)
        if not UP.search(result.console):
            raise Failure(f"{name}: no Dom0: {result.why}", result.console)
        scenario.saw(result.console)
        scenario.fact(f"{name} boots")
