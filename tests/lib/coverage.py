# SPDX-License-Identifier: BSD-2-Clause
"""Branch coverage of the core's and the toolstack's units by the host tests, from a build of its own."""

import json
import subprocess

from launcher.paths import BUILD, ROOT

from .report import Failure

# Each unit that has host tests should reach this share of its branches.
WANTED = 85.0
# Objects that are optimised all the same, because their tests count instructions.
OPTIMISED = ".*(test_xsm_instructions|store_engine_counted).*"
# What can't be counted: the kernel loader's child may not write files.
UNCOUNTED = ("dom0-toolstack/builder/loader_child.c",)


def _call(command, why):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, errors="replace")
    if done.returncode:
        raise Failure(why, done.stdout)
    return done.stdout


def _host_tests(folder):
    """
    The host tests of our own code; not of stock programs, nor of what compilers make of the code, and
    not the one that counts instructions: counters are instructions.
    """
    tests = json.loads(_call(["meson", "introspect", "--tests", str(folder)], "no tests"))
    return [test for test in tests
            if not test["name"].endswith("_stock") and test["name"] not in
            ("store_alone", "store_tools", "xsm_instructions")]


def measure():
    """[(unit, branches covered, branches)] of the files that host tests compile."""
    folder = BUILD / "coverage"
    if not (folder / "build.ninja").exists():
        # Not optimised, or branches would be counted that are not in the source; then compilers
        # warn of other things than in the real build.
        _call(["meson", "setup", str(folder), str(ROOT), "-Db_coverage=true", "-Dwerror=false",
               "--buildtype=debug"], "meson setup fails")
    # Freestanding programs can't be linked with coverage; some host test may ask for one.
    subprocess.run(["ninja", "-C", str(folder), "-k0", "meson-test-prereq"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    for stale in folder.rglob("*.gcda"):
        stale.unlink()
    # Of objects that the build has no more.
    _call(["ninja", "-C", str(folder), "-t", "cleandead"], "ninja can't clean up")
    for notes in folder.rglob("*.gcno"):
        if not notes.with_suffix(".o").exists():
            notes.unlink()
    failing = [test["name"] for test in _host_tests(folder)
               if subprocess.run(test["cmd"], cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 timeout=300, check=False).returncode]
    if failing:
        raise Failure("host tests fail in this build: " + ", ".join(failing))
    out = _call(["gcovr", "--root", str(ROOT), "--object-directory", str(folder),
                 "--filter", str(ROOT) + "/(xen-core|dom0-toolstack)/.*\\.c$",
                 "--exclude-throw-branches", "--exclude-directories", OPTIMISED,
                 "--json-summary", "--gcov-ignore-parse-errors", str(folder / "tests"),
                 # The store, whose objects are linked with what stands in for Xen.
                 str(folder / "dom0-toolstack" / "store")],
                "gcovr fails")
    summary = json.loads(out[out.index("{"):])
    return [(entry["filename"].removeprefix("xen-core/"), entry["branch_covered"],
             entry["branch_total"]) for entry in summary["files"]
            if entry["branch_total"] and entry["filename"] not in UNCOUNTED]


def _judge():
    low, covered, total = [], 0, 0
    for unit, hit, branches in sorted(measure()):
        share = 100 * hit / branches
        print(f"    {unit:40} {hit:5} of {branches:5} branches {share:6.1f} %")
        covered, total = covered + hit, total + branches
        if share < WANTED:
            low.append(f"{unit} {share:.0f} %")
    if not total:
        raise Failure("nothing was measured")
    if low:
        raise Failure(f"below {WANTED:.0f} %: " + ", ".join(low))
    return f"{100 * covered / total:.1f} % of {total} branches"


def run(report):
    report.run("coverage", _judge)
