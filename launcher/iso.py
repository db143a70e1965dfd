#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a bootable image (GRUB, BIOS and UEFI): iso.py CORE IMAGE."""

import gzip
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from launcher import initramfs, packages, platform  # noqa: E402
from launcher.content import Content  # noqa: E402

CONFIG = """\
set timeout=3
set default=0
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
insmod all_video

menuentry "Bulkhead" {{
    multiboot2 /boot/xen-core.bin {core}
    module2 /boot/dom0-loader.bin
    module2 /boot/vmlinuz {dom0}
    module2 /boot/initramfs.gz
    module2 /boot/bulkhead.policy
}}
"""


def make(core, image):
    """Writes IMAGE with the core CORE, Debian's kernel and Dom0's initramfs."""
    packages.ensure("iso")
    content = Content()
    root = initramfs.dom0(content, platform.tools_for(platform.DEFAULT_TOOLS),
                          initramfs.guest(content), small=True)
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        boot = pathlib.Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copy(core, boot / "xen-core.bin")
        shutil.copy(content.vmlinuz, boot / "vmlinuz")
        for file, _ in platform.core_modules("bulkhead"):
            shutil.copy(file, boot)
        (boot / "initramfs.gz").write_bytes(gzip.compress(root, 6, mtime=0))
        (boot / "grub" / "grub.cfg").write_text(CONFIG.format(
            core=f"{platform.CORE_CMDLINE} dom0_mem=1024M,max:1024M",
            dom0=platform.DOM0_CMDLINE))
        subprocess.run(["grub-mkrescue", "-o", str(image), folder], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    print(f"{image}: {image.stat().st_size >> 20} MiB")


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve())
