# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/1: our xl does all that the stock one does in xl.sh, and the rest of its commands."""

from launcher.paths import ROOT

BETWEEN = """
within 30 eval '[ "$(xl list | wc -l)" = 2 ]' || fail "domains stay: $(xl list)"
rm -f /var/log/xen/console/*
"""


def run(scenario):
    folder = ROOT / "tests" / "system"
    scenario.tools = "bulkhead"
    # One after the other on one Dom0; the second finds no console logs of the first's guests.
    scripts = [(folder / name).read_text(encoding="utf-8") for name in ("xl.sh", "_cli.sh")]
    scenario.dom0(BETWEEN.join(scripts), timeout=1000, dom0_memory=1024)
