# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/1: our xl does all that the stock one does in xl.sh, and the rest of its commands."""

from launcher.paths import ROOT


def run(scenario):
    folder = ROOT / "tests" / "system"
    scenario.tools = "bulkhead"
    scenario.dom0((folder / "xl.sh").read_text(encoding="utf-8"), timeout=400)
    scenario.dom0((folder / "_cli.sh").read_text(encoding="utf-8"), timeout=600)
