# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/1: the stock xl and ours on the same core and store list the same facts, refuse the same mistakes, and
see what the other did (_same.sh)."""

from launcher.paths import ROOT


def run(scenario):
    scenario.tools = "bulkhead"
    text = (ROOT / "tests" / "system" / "_same.sh").read_text(encoding="utf-8")
    scenario.dom0(text, timeout=500, add=["BUILD/tests/system/programs/waiter:/boot/waiter"])
