# SPDX-License-Identifier: BSD-2-Clause
"""./check: picks the tests that are asked for and runs them."""

import argparse
import concurrent.futures
import os
import subprocess
import sys

from launcher import packages
from launcher.content import Content
from launcher.paths import LaunchError
from launcher.platform import base_image

from . import bench, coverage, guests, host, policy, system
from .report import BY_NAME, NOT_ASKED, Report, excuse

PARTS = ("unit", "guests", "system", "bench", "coverage", "size", "rules")
EMULATORS = 2

HELP = """\
parts:
  unit      host unit tests and fuzz targets
  guests    small test kernels in Dom0's place, on our core and on Xen
  system    whole-platform scenarios, on our core and on Xen
  bench     instruction counts, ours beside Xen's; bench/paths, bench/toolstack... for a part
  coverage  branch coverage of the core's units
  size      lines and image size of the core
  rules     rules of the shipped policy that no run has used
  NAME      tests of that name, as printed: system/cycle, guests/hello@xen, build, ...

With no arguments: all but coverage. The last line is `N passed, N failed`, and `, N skipped` when
tests are left out on a core (tests/not-run.txt says why).
"""


class Selection:
    """Which tests are wanted."""

    def __init__(self, words):
        self.words = words
        self.used = set()

    def whole(self, part):
        """Whether all of PART is wanted."""
        if part in self.words:
            self.used.add(part)
            return True
        return not self.words and part != "coverage"

    def named(self, part, name):
        """The words that ask for the test PART/NAME by its name (or NAME alone, when it has no part)."""
        return {word for word in self.words if word.split("@")[0] in (name, f"{part}/{name}")}

    def test(self, part, name):
        """Whether the test PART/NAME is wanted."""
        if self.whole(part):
            return True
        hits = self.named(part, name)
        self.used |= hits
        return bool(hits)

    def core(self, part, name, core):
        """Whether PART/NAME is wanted on CORE: NAME@CORE asks for one alone."""
        asked = [word for word in self.named(part, name) if "@" in word]
        return not asked or any(word.endswith(f"@{core}") for word in asked)

    def unknown(self):
        return [word for word in self.words if word not in self.used]


def _emulator_jobs(select, report, bench_jobs):
    """Functions that each run one test kernel, scenario or benchmark on its cores."""
    jobs = []

    def skipper(part, name):
        def reason(core):
            if not select.core(part, name, core):
                return NOT_ASKED
            why = excuse(f"{part}/{name}", core)
            return None if why and why.startswith(BY_NAME) and select.named(part, name) else why
        return reason

    # The longest first: two run beside each other, and the short ones fill what is left at the end.
    for name in system.names():
        if select.test("system", name):
            jobs.append((system.run, name, report, skipper("system", name)))
    jobs += bench_jobs
    for name in guests.names():
        if select.test("guests", name):
            jobs.append((guests.run, name, report, skipper("guests", name)))
    return jobs


def _host_tests(select, report):
    units = {full: name for name, full in host.unit_tests() if select.test("unit", name)}
    host.run_units(report, units)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in host.fuzz_targets():
            if select.whole("unit") or select.test("fuzz", name):
                pool.submit(report.run, f"fuzz/{name}", host.fuzz, name)
        for name, test in (("format", host.formatting), ("licences", host.licences),
                           ("launcher", host.launcher)):
            if not select.words or name in select.words:
                select.used.add(name)
                pool.submit(report.run, name, test)
    if select.whole("size"):
        report.run("size", host.size)


def _run(select, build):
    report = Report()
    packages.ensure("build", "run", "check", "iso")
    select.used.add("build")
    if build:
        report.run("build", host.build)
    if not report.failed:
        _host_tests(select, report)
        benchmarks = bench.Benchmarks(report, [group for group in bench.GROUPS if select.test("bench", group)])
        jobs = _emulator_jobs(select, report, benchmarks.jobs())
        if jobs:
            base_image(Content(), "stock")      # once, not in each of the runs
            with concurrent.futures.ThreadPoolExecutor(EMULATORS) as pool:
                for job in [pool.submit(*job) for job in jobs]:
                    job.result()
        # After runs that all passed: one that stops half-way has not used what it should.
        if select.whole("rules") and not (report.failed and not select.words):
            report.run("rules", policy.used_rules, not select.words)
        benchmarks.judge()
        if select.whole("coverage"):
            coverage.run(report)
    for word in [] if report.failed else select.unknown():
        report.bad(word, 0, "there is no such test")
    return report.close()


def main(arguments):
    parser = argparse.ArgumentParser(prog="./check", description="Builds, and runs every test.",
                                     epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="parts or names of tests")
    parser.add_argument("--no-build", action="store_true", help="take what is built")
    options = parser.parse_args(arguments)
    try:
        return _run(Selection(options.what), not options.no_build)
    except (LaunchError, subprocess.CalledProcessError) as error:
        print(f"./check: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
