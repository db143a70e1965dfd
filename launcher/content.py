# SPDX-License-Identifier: BSD-2-Clause
"""What Dom0 and guests are made of: Debian's kernel, Xen tools, busybox and shared libraries."""

import gzip
import lzma
import os
import pathlib
import re
import struct
import zlib

from . import packages
from .paths import BUILD, LaunchError

STOCK = ["xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xen-utils-common", "xenstore-utils",
         "busybox-static"]
LIBRARIES = ["libc6", "libgcc-s1", "libxencall1", "libxendevicemodel1", "libxenevtchn1",
             "libxenforeignmemory1", "libxengnttab1", "libxenhypfs1", "libxenmisc4.17",
             "libxenstore4", "libxentoolcore1", "libxentoollog1", "libyajl2", "libuuid1",
             "libnl-3-200", "libnl-route-3-200", "zlib1g", "libbz2-1.0", "liblzma5", "liblzo2-2",
             "libzstd1", "libncurses6", "libtinfo6", "libfdt1"]


# Our own tools are linked with this machine's libraries, which are Debian's too.
HOST = pathlib.Path("/")


class Content:
    """Debian's files in the build folder. Root is a tree like that of an installed system."""

    def __init__(self):
        image = packages.dependency("linux-image-amd64", "linux-image-6.1")
        self.version = image.removeprefix("linux-image-")
        self.root = packages.fetch(STOCK + LIBRARIES + [image], BUILD / "debian" / "root")
        self.vmlinuz = self.root / "boot" / f"vmlinuz-{self.version}"
        self.modules = self.root / "lib" / "modules" / self.version
        self.busybox = self.root / "bin" / "busybox"

    def vmlinux(self):
        """The ELF kernel that vmlinuz holds: nobody has to decompress it in the emulator."""
        return _derived(BUILD / "debian" / f"vmlinux-{self.version}", self.vmlinuz, _unpack_kernel)

    def xen(self):
        """Debian's Xen as an ELF file that the emulator's -kernel takes."""
        packed = self.root / "boot" / "xen-4.17-amd64.gz"
        return _derived(BUILD / "debian" / "xen-4.17", packed, gzip.decompress)

    def find_library(self, name):
        """The file of shared library NAME."""
        for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
                       "usr/lib/xen-4.17/lib/x86_64-linux-gnu", "lib64"):
            for root in (self.root, HOST):
                path = root / folder / name
                if path.exists():
                    return path
        raise LaunchError(f"no package in launcher/content.py holds {name}")


def _derived(path, source, convert):
    newest = max(file.stat().st_mtime for file in (source, pathlib.Path(__file__)))
    if not path.exists() or path.stat().st_mtime < newest:
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_bytes(convert(source.read_bytes()))
        part.rename(path)
        os.utime(path)
    return path


def _unpack_kernel(image):
    """The payload of a bzImage (Linux: Documentation/x86/boot.rst, payload_offset)."""
    if image[0x202:0x206] != b"HdrS":
        raise LaunchError("the Debian kernel is no bzImage")
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload[:6] == b"\xfd7zXZ\0":
        # The four bytes behind the stream are the length of the result.
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload[:2] == b"\x1f\x8b":
        kernel = zlib.decompressobj(31).decompress(payload)
    else:
        raise LaunchError(f"a kernel compressed in an unknown way: {payload[:6].hex()}")
    if kernel[:4] != b"\x7fELF":
        raise LaunchError("the Debian kernel's payload is no ELF file")
    return _without_zeroes(kernel)


def _without_zeroes(kernel):
    """An ELF64 file whose last segment does without the zeroes at its end: 25 of Linux's 66 MB."""
    kernel = bytearray(kernel)
    phoff, = struct.unpack_from("<Q", kernel, 32)
    phentsize, phnum = struct.unpack_from("<HH", kernel, 54)
    at = max((phoff + index * phentsize for index in range(phnum)),
             key=lambda at: struct.unpack_from("<Q", kernel, at + 8))
    offset, _, _, filesz = struct.unpack_from("<QQQQ", kernel, at + 8)
    filesz = len(kernel[offset:offset + filesz].rstrip(b"\0"))
    struct.pack_into("<Q", kernel, at + 32, filesz)
    struct.pack_into("<Q", kernel, 40, 0)               # no section headers
    struct.pack_into("<HHH", kernel, 58, 0, 0, 0)
    return bytes(kernel[:offset + filesz])


def needed_libraries(path):
    """Names of the shared libraries that an ELF64 file asks for, and its interpreter."""
    data = path.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        return [], None
    phoff, = struct.unpack_from("<Q", data, 32)
    phentsize, phnum = struct.unpack_from("<HH", data, 54)
    loads, dynamic, interpreter = [], None, None
    for index in range(phnum):
        kind, _, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", data,
                                                               phoff + index * phentsize)
        if kind == 1:
            loads.append((vaddr, offset, filesz))
        elif kind == 2:
            dynamic = (offset, filesz)
        elif kind == 3:
            interpreter = data[offset:offset + filesz].rstrip(b"\0").decode()
    if dynamic is None:
        return [], interpreter
    entries = [struct.unpack_from("<QQ", data, dynamic[0] + at) for at in range(0, dynamic[1], 16)]
    strtab = next(value for tag, value in entries if tag == 5)
    base = next(offset + strtab - vaddr for vaddr, offset, size in loads
                if vaddr <= strtab < vaddr + size)
    names = []
    for tag, value in entries:
        if tag == 1:
            names.append(data[base + value:data.index(b"\0", base + value)].decode())
    return names, interpreter


def module_closure(modules, names):
    """Kernel modules NAMES and what they depend on, as {path: [paths it needs]}, in load order."""
    by_name = {path.stem.replace("-", "_"): path for path in modules.glob("kernel/**/*.ko")}
    result = {}

    def visit(name):
        path = by_name.get(name.replace("-", "_"))
        if path is None:
            raise LaunchError(f"the Debian kernel has no module {name}")
        if path in result:
            return [path, *result[path]]
        match = re.search(rb"\0depends=([^\0]*)\0", b"\0" + path.read_bytes())
        below = []
        for other in (match.group(1).decode() if match else "").split(","):
            if other:
                below += [item for item in visit(other) if item not in below]
        result[path] = below
        return [path, *below]

    for name in names:
        visit(name)
    return result
