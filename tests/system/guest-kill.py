# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/4: processes of the toolstack are killed at 50 moments; nothing leaks (_guest-kill.sh)."""

from launcher.paths import ROOT


def run(scenario):
    scenario.tools = "bulkhead"
    text = (ROOT / "tests" / "system" / "_guest-kill.sh").read_text(encoding="utf-8")
    scenario.dom0(text, timeout=600, add=["BUILD/tests/system/programs/waiter:/boot/waiter"])
