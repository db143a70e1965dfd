# SPDX-License-Identifier: BSD-2-Clause
"""Puts the parts together: core, Dom0 kernel, initramfs and command lines."""

import hashlib
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

from . import initramfs, packages
from .content import Content
from .emulator import Machine, require
from .paths import BUILD, ROOT, LaunchError, build_lock

CORE = BUILD / "launcher" / "bridge" / "xen-core-qemu.bin"
ELF = BUILD / "xen-core" / "xen-core.elf"
POLICY = BUILD / "xsm-policy" / "bulkhead.policy"
LOADER = BUILD / "dom0-loader" / "dom0-loader.bin"

DEFAULT_CORE = "bulkhead"
DEFAULT_TOOLS = "bulkhead"

# Both cores take the same options; those that mean nothing to ours are accepted and ignored.
CORE_CMDLINE = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
XEN_CMDLINE = "dom0=pvh iommu=on"
# Xen reads the RTC without a pause until its second ends, and the emulator takes seconds for that. So the firmware
# waits first, at its menu and for no instructions, until the second is nearly over: ms with a small kernel in Dom0's
# place and with Linux. Without a counted clock the wait would be as long as Xen's.
XEN_WAITS = {"kernel": 630, "dom0": 350}
DOM0_CMDLINE = "console=hvc0 loglevel=4 panic=1"


def build(also=None):
    """Compiles what the platform is made of, and the build's file ALSO; ./check builds all."""
    packages.ensure("build")
    with build_lock("meson"):
        if not (BUILD / "build.ninja").exists():
            say(f"Configuring the build in {BUILD}")
            _quiet(["meson", "setup", str(BUILD), str(ROOT)])
        targets = ["bulkhead"]
        if also and BUILD in also.resolve().parents:
            targets.append(str(also.resolve().relative_to(BUILD)))
        _quiet(["ninja", "-C", str(BUILD), *targets], "Compiling")


def _quiet(command, title=None):
    """Runs COMMAND; what it prints is shown when it fails. TITLE: ninja's steps are shown after it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as child:
        lines = []
        step = 0
        for line in child.stdout:
            lines.append(line)
            match = re.match(r"\[(\d+)/(\d+)\] ", line) if title else None
            # A line for each tenth: it reads well on a terminal and in a file.
            if match and 10 * int(match[1]) // int(match[2]) > step:
                step = 10 * int(match[1]) // int(match[2])
                if int(match[2]) > 50:
                    say(f"{title}: {match[1]} of {match[2]}")
    if child.returncode != 0:
        raise LaunchError(f"{' '.join(command[:2])} failed:\n{''.join(lines)[-6000:]}")


def core_file(core, content):
    if core == "xen":
        return content.xen()
    return require(CORE, "the core")


def core_modules(core):
    """What our core wants beside Dom0's kernel and its ramdisk: the policy, and the kernel's loader."""
    if core == "xen":
        return []
    return [(require(POLICY, "the policy"), ""), (require(LOADER, "Dom0's loader"), "")]


def core_cmdline(core, cpus, dom0_memory, extra):
    words = [CORE_CMDLINE, f"dom0_mem={dom0_memory}M,max:{dom0_memory}M",
             f"dom0_max_vcpus={cpus}"]
    if core == "xen":
        words.append(XEN_CMDLINE)
    return " ".join([*words, extra]).strip()


def _before_xen(core, icount, what):
    """The emulator's options that let Xen start when it has little to wait for (XEN_WAITS)."""
    late = core == "xen" and icount
    return ["-boot", f"menu=on,splash-time={XEN_WAITS[what]}"] if late else []


def tools_for(tools):
    """The function that puts the toolstack TOOLS into Dom0's root."""
    return {"stock": initramfs.stock_tools, "bulkhead": _our_tools}[tools]


def base_image(content, tools):
    """The file of Dom0's initramfs without the run's own additions; made anew when stale."""
    add_tools = tools_for(tools)
    path = BUILD / "dom0" / f"initramfs-{tools}.img"
    with build_lock("dom0"):
        sources = [*pathlib.Path(__file__).parent.rglob("*"), content.root / ".packages"]
        if tools == "bulkhead":
            sources += (BUILD / "dom0-toolstack").rglob("*")
            sources += (BUILD / "xsm-policy").glob("bulkhead*")
        newest = max(item.stat().st_mtime for item in sources
                     if item.is_file() and item.suffix != ".pyc")
        if not path.exists() or path.stat().st_mtime < newest:
            say("Making Dom0's root file system")
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(initramfs.dom0(content, add_tools, initramfs.guest(content)))
            part.rename(path)
    return path


def _our_tools(root):
    """Our toolstack under /usr/local, before Debian's, which fills in what ours does not have."""
    initramfs.stock_tools(root, name="bulkhead")
    with tempfile.TemporaryDirectory(dir=BUILD) as name:    # two may be at this at once
        _quiet(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", name])
        folder = pathlib.Path(name)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in (".h", ".a", ".pc"):
                root.program(path, str(path.relative_to(folder)), stat.S_IMODE(path.stat().st_mode))


def image_with(base, name, script=None, additions=()):
    """BASE followed by an archive of this run's script and added files; and the script's mark."""
    extra = initramfs.Archive()
    token = None
    if script is not None:
        body = script if isinstance(script, bytes) else pathlib.Path(script).read_bytes()
        if not body.startswith(b"#!"):
            body = b"#!/bin/sh\n" + body
        token = hashlib.sha256(body).hexdigest()[:8]
        extra.data("etc/bulkhead/script", body, 0o755)
        extra.data("etc/bulkhead/token", token)
    for addition in additions:
        source, colon, target = addition.rpartition(":")
        if not colon or not target.startswith("/"):
            raise LaunchError(f"--add {addition}: it must be SRC:/DST")
        extra.add(source, target)
    path = base.parent / f"{name}.img"
    path.write_bytes(base.read_bytes() + extra.finish())
    return path, token


def dom0_machine(core, tools, cpus, memory, dom0_memory=1024, cmdline="", dom0_cmdline="",
                 name="run", script=None, additions=(), unpacked=False, icount=False, extra=(), **more):
    """A machine that boots CORE with Linux as Dom0, and the mark of its script's end."""
    content = Content()
    image, token = image_with(base_image(content, tools), name, script, additions)
    kernel = content.vmlinux() if unpacked else content.vmlinuz
    machine = Machine(core=core_file(core, content),
                      cmdline=core_cmdline(core, cpus, dom0_memory, cmdline),
                      modules=[(kernel, f"{DOM0_CMDLINE} {dom0_cmdline}".strip()), (image, ""),
                               *core_modules(core)],
                      cpus=cpus, memory=memory, icount=icount,
                      extra=[*_before_xen(core, icount, "dom0"), *extra], **more)
    return machine, token


def kernel_machine(core, kernel, ramdisk, cpus, memory, dom0_memory=128, cmdline="",
                   dom0_cmdline="", icount=False, extra=(), **more):
    """A machine that boots CORE with KERNEL in Dom0's place."""
    core_path = Content().xen() if core == "xen" else core_file(core, None)
    modules = [(require(pathlib.Path(kernel), "the kernel"), dom0_cmdline)]
    if ramdisk:
        modules.append((require(pathlib.Path(ramdisk), "the ramdisk"), ""))
    modules += core_modules(core)
    return Machine(core=core_path, cmdline=core_cmdline(core, cpus, dom0_memory, cmdline),
                   modules=modules, cpus=cpus, memory=memory, icount=icount,
                   extra=[*_before_xen(core, icount, "kernel"), *extra], **more)


def say(text):
    print(text, file=sys.stderr, flush=True)
