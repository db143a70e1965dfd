# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/1: the stock xl and ours on the same core and store list the same facts, end with the same status, and
see what the other did; people at a terminal: xl create -c, xl console, xl top (_same.sh)."""

from launcher.paths import ROOT

PROGRAMS = "BUILD/tests/system/programs"


def run(scenario):
    scenario.tools = "bulkhead"
    text = (ROOT / "tests" / "system" / "_same.sh").read_text(encoding="utf-8")
    scenario.dom0(text, timeout=500, add=[f"{PROGRAMS}/waiter:/boot/waiter",
                                          f"{PROGRAMS}/typist:/usr/bin/typist"])
