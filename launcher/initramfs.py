# SPDX-License-Identifier: BSD-2-Clause
"""Initial RAM file systems: a writer of cpio archives, and what goes into Dom0's and guests'."""

import os
import pathlib
import stat

from . import content as debian
from .paths import LaunchError

HERE = pathlib.Path(__file__).resolve().parent

DOM0_MODULES = ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "loop"]
GUEST_MODULES = ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs"]
STOCK_TOOLS = ["xl", "xenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "lsevtchn",
               "xen-diag", "xen-hptool", "xenlockprof", "flask-loadpolicy", "flask-getenforce",
               "flask-setenforce", "flask-get-bool", "flask-set-bool", "libxl-save-helper",
               "xenstore-control", "xen-cpuid", "xen-mfndump"]
STORE_TOOLS = ["xenstore-chmod", "xenstore-exists", "xenstore-list", "xenstore-ls",
               "xenstore-read", "xenstore-rm", "xenstore-watch", "xenstore-write"]


class Archive:
    """A cpio archive (newc) in memory. All times are 0, so equal content gives equal bytes."""

    def __init__(self):
        self._parts = []
        self._inode = 0
        self._folders = set()

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self._inode += 1
        name = name.encode()
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1],
                  len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
        self._parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def folder(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self._folders:
            self.folder(os.path.dirname(path))
            self._folders.add(path)
            self._entry(path, stat.S_IFDIR | mode)

    def data(self, path, data, mode=0o644):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode())

    def link(self, path, target):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def node(self, path, major, minor):
        self.folder(os.path.dirname(path.strip("/")))
        self._entry(path.strip("/"), stat.S_IFCHR | 0o600, rdev=(major, minor))

    def add(self, source, path):
        """Puts the host's file or folder SOURCE at PATH."""
        source = pathlib.Path(source)
        if source.is_symlink() and not source.exists():
            self.link(path, os.readlink(source))
        elif source.is_dir():
            self.folder(path)
            for item in sorted(source.iterdir()):
                if item.is_symlink():
                    self.link(f"{path}/{item.name}", os.readlink(item))
                else:
                    self.add(item, f"{path}/{item.name}")
        elif source.is_file():
            self.data(path, source.read_bytes(), stat.S_IMODE(source.stat().st_mode))
        else:
            raise LaunchError(f"cannot add {source}: no such file or folder")

    def finish(self):
        self._entry("TRAILER!!!", 0)
        data = b"".join(self._parts)
        return data + bytes(-len(data) % 512)


class Root(Archive):
    """An archive that becomes a root file system of Debian's files."""

    def __init__(self, content):
        super().__init__()
        self.content = content
        self._libraries = set()
        for path in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "var/log", "var/lib",
                     "mnt"):
            self.folder(path)
        self.node("dev/console", 5, 1)
        self.link("var/run", "../run")
        self.link("var/lock", "../run")
        self.link("lib64", "lib")
        self.data("bin/busybox", content.busybox.read_bytes(), 0o755)
        self.link("bin/sh", "busybox")

    def program(self, source, path, mode=0o755):
        """A program with the shared libraries that it needs."""
        self.data(path, source.read_bytes(), mode)
        self.libraries_of(source)

    def libraries_of(self, source):
        names, interpreter = debian.needed_libraries(source)
        if interpreter:
            names = [*names, os.path.basename(interpreter)]
        for name in names:
            self.library(name)

    def library(self, name):
        if name in self._libraries:
            return
        self._libraries.add(name)
        path = self.content.find_library(name)
        self.data(f"lib/{name}", path.read_bytes(), 0o755)
        self.libraries_of(path)

    def kernel_modules(self, names):
        closure = debian.module_closure(self.content.modules, names)
        base = f"lib/modules/{self.content.version}"
        lines = []
        for path, below in closure.items():
            relative = path.relative_to(self.content.modules)
            self.data(f"{base}/{relative}", path.read_bytes())
            lines.append(f"{relative}: " +
                         " ".join(str(item.relative_to(self.content.modules)) for item in below))
        self.data(f"{base}/modules.dep", "\n".join(lines) + "\n")
        for name in ("modules.alias", "modules.symbols", "modules.builtin"):
            self.data(f"{base}/{name}", "")


def guest(content):
    """User land of a guest: busybox, a line that says that it is up, a shell on the console."""
    root = Root(content)
    root.kernel_modules(GUEST_MODULES)
    root.data("init", (HERE / "guest" / "init").read_bytes(), 0o755)
    for name in ("poweroff", "reboot", "halt"):
        root.data(f"sbin/{name}", f"#!/bin/sh\nexec /bin/busybox {name} -f\n", 0o755)
    # Test programs are linked against these, unmodified from Debian.
    for name in ("libxenevtchn.so.1", "libxengnttab.so.1", "libxenstore.so.4", "libc.so.6",
                 "ld-linux-x86-64.so.2"):
        root.library(name)
    return root.finish()


def dom0(content, add_tools, guest_image, small=False):
    """Dom0's base image; ADD_TOOLS(root) puts the chosen toolstack in. SMALL: one guest kernel."""
    root = Root(content)
    root.kernel_modules(DOM0_MODULES)
    root.add(HERE / "dom0", "")
    for folder in ("var/lib/xen", "var/lib/xenstored", "var/log/xen", "etc/xen/auto"):
        root.folder(folder)
    add_tools(root)
    root.data("boot/vmlinuz", content.vmlinuz.read_bytes())
    if small:
        root.link("boot/vmlinux", "vmlinuz")
    else:
        root.data("boot/vmlinux", content.vmlinux().read_bytes())
    root.data("boot/guest-initrd.img", guest_image)
    return root.finish()


def stock_tools(root, name="stock"):
    """Debian's xl, xenstored and xenconsoled."""
    root.data("etc/bulkhead/tools", f"{name}\n")
    binaries = root.content.root / "usr" / "lib" / "xen-4.17" / "bin"
    for tool in STOCK_TOOLS:
        root.program(binaries / tool, f"usr/lib/xen-4.17/bin/{tool}")
        root.link(f"usr/sbin/{tool}", f"../lib/xen-4.17/bin/{tool}")
    for tool in STORE_TOOLS:
        root.program(root.content.root / "usr" / "bin" / tool, f"usr/bin/{tool}")
    root.library("libgcc_s.so.1")       # libc loads it when a thread is cancelled: xl create
    root.add(root.content.root / "etc" / "xen" / "scripts", "etc/xen/scripts")
