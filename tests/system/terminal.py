# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/1: people at a terminal: xl create -c, xl console, xl top, xl trigger and sysrq (_terminal.sh)."""

from launcher.paths import ROOT


def run(scenario):
    scenario.tools = "bulkhead"
    text = (ROOT / "tests" / "system" / "_terminal.sh").read_text(encoding="utf-8")
    scenario.dom0(text, timeout=600, add=["BUILD/tests/system/programs/typist:/usr/bin/typist"])
