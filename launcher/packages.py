# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages: what this tree needs on the machine, and what is fetched into the build folder."""

import os
import pathlib
import shutil
import subprocess

from .paths import BUILD, LaunchError, build_lock

# package -> why it is needed, by what is to be done
NEEDED = {
    "build": {
        "gcc": "compiles the core, the tools and the tests",
        "libc6-dev": "host programs",
        "meson": "describes the build",
        "ninja-build": "runs the build",
        "pkg-config": "finds libraries",
        "libxen-dev": "the Xen ABI headers, and the libraries that test programs link",
        "libcmocka-dev": "host unit tests",
        "libjson-c-dev": "the toolstack's records",
        "zlib1g-dev": "guest kernels compressed with gzip",
        "liblzma-dev": "guest kernels compressed with xz",
        "libbz2-dev": "guest kernels compressed with bzip2",
        "liblzo2-dev": "guest kernels compressed with lzo",
        "liblz4-dev": "guest kernels compressed with lz4",
        "libzstd-dev": "guest kernels compressed with zstd",
        "uuid-dev": "the toolstack's identifiers",
        "clang": "fuzz targets",
        "checkpolicy": "compiles the policy",
        "m4": "macros of the policy",
    },
    "run": {
        "qemu-system-x86": "the emulated machine",
        "seabios": "its firmware",
    },
    "check": {
        "clang-format": "checks the formatting",
        "libclang-rt-14-dev": "sanitizers of the fuzz targets",
        "llvm": "symbols in sanitizer reports",
        "gcovr": "branch coverage",
        "checkpolicy": "the reference compiler that the policy's tests compare with",
        "setools": "the reference analysis that the policy's tests compare with",
        "python3-setools": "the same, as a library",
        "binutils": "size of the core",
        "lz4": "packs a test kernel as Linux's build does",
        "zstd": "the same",
        "git": "the list of tracked files",
        "policycoreutils-python-utils": "audit2allow, which reads the core's denials",
    },
    "iso": {
        "grub-common": "makes the bootable image",
        "grub-pc-bin": "BIOS boot",
        "grub-efi-amd64-bin": "UEFI boot",
        "xorriso": "writes the image",
        "mtools": "the UEFI partition in the image",
        "ovmf": "UEFI firmware for the test",
    },
}

LISTS = pathlib.Path("/var/lib/apt/lists")
_updated = False


def _root(command):
    """COMMAND, by way of sudo where that is needed."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo"):
        return ["sudo", *command]
    raise LaunchError("not root and no sudo; run as root: " + " ".join(command))


def _apt_update():
    global _updated
    if not _updated:
        subprocess.run(_root(["apt-get", "-q", "update"]), check=True,
                       stdout=subprocess.DEVNULL)
        _updated = True


def _apt(command, again=False, **more):
    """Runs apt-get's COMMAND; with AGAIN once more with new lists of packages when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode and again:
        _apt_update()
        _apt(command, **more)
    elif done.returncode:
        raise LaunchError(f"{' '.join(command[:5])} ... failed; is there a network, and a Debian 12 "
                          f"archive in /etc/apt?\n{done.stdout[-3000:]}")


def _missing(names):
    out = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    have = {line.split()[0] for line in out.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in have]


def ensure(*groups):
    """Installs what is missing of the named groups of NEEDED; says what and why."""
    wanted = {}
    for group in groups:
        wanted.update(NEEDED[group])
    missing = _missing(list(wanted))
    if not missing:
        return
    print("Installing missing Debian packages:", flush=True)
    for name in missing:
        print(f"    {name:24} {wanted[name]}", flush=True)
    _apt_update()
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    _apt(_root(["apt-get", "-q", "-y", "--no-install-recommends", "install", *missing]), env=env)


def dependency(meta, prefix):
    """
    The package starting with PREFIX that the meta package META depends on. Apt may take seconds for
    the answer: it is kept until apt's lists change.
    """
    kept = BUILD / "debian" / meta
    if kept.exists() and not (LISTS.exists() and LISTS.stat().st_mtime >= kept.stat().st_mtime):
        return kept.read_text()
    name = _dependency(meta, prefix)
    part = kept.with_name(f"{meta}.{os.getpid()}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(name)
    part.rename(kept)
    return name


def _dependency(meta, prefix):
    for attempt in range(2):
        out = subprocess.run(["apt-cache", "depends", meta], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for line in out.splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "Depends:" and words[1].startswith(prefix):
                return words[1]
        if attempt == 0:
            _apt_update()
    raise LaunchError(f"no package {prefix}* behind {meta}: is this Debian 12?")


def fetch(names, where):
    """Unpacks the packages NAMES into the folder WHERE. Cached: a finished folder is kept."""
    stamp = where / ".packages"
    wanted = "\n".join(sorted(names))
    with build_lock("packages"):
        if stamp.exists() and stamp.read_text() == wanted:
            return where
        print(f"Fetching {len(names)} Debian packages (100 MB) into {where}", flush=True)
        shutil.rmtree(where, ignore_errors=True)
        pool = BUILD / "debian" / "pool"
        shutil.rmtree(pool, ignore_errors=True)
        pool.mkdir(parents=True)
        where.mkdir(parents=True)
        _apt(["apt-get", "-q", "download", *names], again=True, cwd=pool)
        for deb in sorted(pool.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", deb, where], check=True)
        shutil.rmtree(pool)
        stamp.write_text(wanted)
    return where
