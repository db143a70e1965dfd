# SPDX-License-Identifier: BSD-2-Clause
"""Checks without an emulator: build, format, unit tests, fuzz targets, size."""

import json
import os
import re
import subprocess
import tempfile

from launcher.paths import BUILD, ROOT

from .report import Failure

FUZZ_RUNS = 20000
MORE_RUNS = {"policy": 100000}      # REQ flask/4
SLOWEST = ("memory", "policy")      # first, so that none is left alone at the end
FUZZ_SECONDS = 1800    # ends what hangs, also on a slow and busy machine

# Limits of the core (text + data), and the count of its lines that is aimed at when all of DESIGN is there
# (docs/performance.md, "Size"; Xen's 279,000 are counted in the same way).
CORE_IMAGE_KIB = 600
CORE_LINES = 20000
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\])*")', re.S)
# The security server with its cache (REQ flask/size); the hooks' module and the hypercall are apart.
SERVER = ("avc.c", "context.c", "policy.h", "policy_expr.c", "policy_read.c", "policy_rules.c",
          "policy_symbols.c", "reader.h", "server.c", "state.c", "state.h")
SERVER_LINES = 2500


def _call(command, timeout, **more):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False,
                              errors="replace", **more)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"no end within {timeout} s: {command[0]}", late.stdout or "") from late
    return done.returncode, done.stdout


def tracked(*patterns):
    done = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, stdout=subprocess.PIPE,
                          check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0")
            if name and (ROOT / name).exists()]


def build():
    """Everything compiles, warnings being errors."""
    if not (BUILD / "build.ninja").exists():
        status, out = _call(["meson", "setup", str(BUILD), str(ROOT)], 300)
        if status:
            raise Failure("meson setup fails", out)
    status, out = _call(["meson", "compile", "-C", str(BUILD)], 1200)
    if status:
        errors = re.findall(r"^.*(?:error|undefined).*$", out, re.M)[:10]
        raise Failure("the build fails", "\n".join(errors) + "\n" + out)


def formatting():
    """All tracked C files are as clang-format leaves them."""
    files = tracked("*.c", "*.h")
    status, out = _call(["clang-format", "--dry-run", "-Werror", *map(str, files)], 300)
    if status:
        named = sorted({line.split(":")[0] for line in out.splitlines() if ": error:" in line})
        raise Failure("not formatted: " + " ".join(os.path.relpath(name, ROOT)
                                                   for name in named))
    return f"{len(files)} files"


def licences():
    """Every tracked source file names its licence."""
    files = tracked("*.c", "*.h", "*.S", "*.py", "*.sh", "*.lds", "*meson.build", "run", "check")
    bad = [str(path.relative_to(ROOT)) for path in files
           if "SPDX-License-Identifier: BSD-2-Clause" not in
           path.read_text(encoding="utf-8", errors="replace")[:400]]
    if bad:
        raise Failure("no SPDX line in: " + " ".join(bad))
    return f"{len(files)} files"


def launcher():
    """./run refuses what makes no sense with its own status and one sentence; it knows its options."""
    for words, said in ((["--nonsense"], "--help"), (["--cpus", "0"], "needs a CPU"),
                        (["--kernel", "/dev/null", "--script", "/dev/null"], "can't be used with"),
                        (["--ramdisk", "/dev/null"], "belongs to --kernel"),
                        (["--kernel", "/nonexistent"], "is not there: /nonexistent"),
                        (["--script", "/nonexistent"], "No such file or directory: /nonexistent")):
        status, out = _call([str(ROOT / "run"), "--no-build", *words], 60)
        if status != 127 or said not in out or "Traceback" in out:
            raise Failure(f"./run {' '.join(words)} ends with {status}", out)
    status, out = _call([str(ROOT / "run"), "--help"], 60)
    bare = re.findall(r"^  (--[\w-]+)(?: [^ ]+)?\n(?! {20})", out, re.M)
    if status or bare:
        raise Failure(f"./run --help says nothing of {bare}", out)


def unit_tests():
    """[(name, meson's name)] of all host tests of the build."""
    out = subprocess.run(["meson", "introspect", "--tests", str(BUILD)], stdout=subprocess.PIPE,
                         check=True, text=True).stdout
    return [(test["name"].removeprefix("test_"), test["name"]) for test in json.loads(out)]


def run_units(report, wanted):
    """Runs the meson tests called in WANTED ({meson's name: test's name}) at once."""
    if not wanted:
        return
    # What is slow on a busy machine has not failed: a timeout only ends what hangs.
    _call(["meson", "test", "-C", str(BUILD), "--no-rebuild", "--timeout-multiplier", "5", *wanted],
          1500)
    seen = set()
    for line in (BUILD / "meson-logs" / "testlog.json").read_text().splitlines():
        entry = json.loads(line)
        name = entry["name"].split(" / ")[-1].split(":")[-1].strip()
        if name not in wanted:
            continue
        seen.add(name)
        if entry["result"] in ("OK", "EXPECTEDFAIL"):
            report.good(f"unit/{wanted[name]}", entry["duration"])
        elif entry["result"] == "SKIP":
            report.skip(f"unit/{wanted[name]}", "the test says so")
        else:
            report.bad(f"unit/{wanted[name]}", entry["duration"], entry["result"],
                       entry.get("stdout", "") + "\n" + entry.get("stderr", ""))
    for name in wanted:
        if name not in seen:
            report.bad(f"unit/{wanted[name]}", 0, "meson did not run it")


def fuzz_targets():
    """All fuzz targets in the tree, in the order in which they are to start."""
    return sorted((path.stem.removeprefix("fuzz_")
                   for path in (ROOT / "tests" / "fuzz").glob("fuzz_*.c")),
                  key=lambda name: (name not in SLOWEST, name))


def fuzz(name):
    """
    A fixed number of runs from a seed, over the corpus in the tree. Addresses have an influence on what
    libFuzzer tries, so the same seed does not always try the same: an input that fails is kept.
    """
    programs = [path for path in (BUILD / "tests" / "fuzz").glob(f"fuzz_{name}")
                if path.is_file()]
    if not programs:
        status, out = _call(["meson", "compile", "-C", str(BUILD), f"fuzz_{name}"], 300)
        programs = [BUILD / "tests" / "fuzz" / f"fuzz_{name}"]
        if status:
            raise Failure("it does not build", out)
    corpus = ROOT / "tests" / "fuzz" / "corpus" / name
    wanted = MORE_RUNS.get(name, FUZZ_RUNS)
    kept = BUILD / "log" / f"fuzz-{name}-"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(programs[0]), f"-runs={wanted}", "-seed=1", "-timeout=60",
                   f"-artifact_prefix={kept}", "-print_final_stats=1", scratch]
        if corpus.is_dir():
            command.append(str(corpus))
        status, out = _call(command, FUZZ_SECONDS, cwd=scratch)
    if status:
        written = re.search(r"Test unit written to (.+)", out)
        raise Failure("it found a fault" + (f" with {written[1]}" if written else ""), out)
    runs = re.search(r"number_of_executed_units: *(\d+)", out)
    if runs is None or int(runs.group(1)) < wanted // 2:
        raise Failure("it did not run", out)
    return f"{runs.group(1)} runs"


def core_lines():
    """Lines of the core's code, by folder: C and assembly, without comments and blank lines."""
    counts = {}
    for path in tracked("xen-core/*.c", "xen-core/*.h", "xen-core/*.S"):
        folder = path.relative_to(ROOT / "xen-core").parts[0]
        text = path.read_text(encoding="utf-8")
        code = COMMENT.sub(lambda found: found[1] or "", text)
        counts[folder] = counts.get(folder, 0) + sum(bool(line.strip())
                                                     for line in code.splitlines())
    return counts


def size():
    """Prints the size of the core; its image must stay below the limit."""
    counts = core_lines()
    for folder, count in sorted(counts.items()):
        print(f"    xen-core/{folder:12} {count:6} lines")
    total = sum(counts.values())
    print(f"    xen-core              {total:6} lines of code (aim: {CORE_LINES})")
    server = sum(bool(line.strip()) for name in SERVER
                 for line in (ROOT / "xen-core" / "xsm" / name).read_text().splitlines())
    print(f"    security server and cache: {server} lines that are not blank, comments among them"
          f" (below {SERVER_LINES})")
    if server >= SERVER_LINES:
        raise Failure(f"the security server has {server} lines: the limit is {SERVER_LINES}")
    elf = BUILD / "xen-core" / "xen-core.elf"
    if not elf.exists():
        raise Failure("the core is not built")
    _, out = _call(["size", str(elf)], 60)
    text, data, bss = (int(word) for word in out.splitlines()[1].split()[:3])
    image = (text + data) // 1024
    print(f"    image: text {text // 1024} KiB, data {data // 1024} KiB, bss {bss // 1024} KiB"
          f" (text + data at most {CORE_IMAGE_KIB} KiB)")
    if image >= CORE_IMAGE_KIB:
        raise Failure(f"text + data are {image} KiB: the limit is {CORE_IMAGE_KIB}")
    return f"{total} lines, {image} KiB"
