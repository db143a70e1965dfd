# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/guide: what docs/policy-guide.md shows is so: its commands print what it says, and its two
tenants run under the policy that it builds (_policy-guide.sh). REQ flask/tools: labels of domains,
devices and ports shown and set, booleans, errors that list the labels, denials explained."""

import os
import pathlib
import re
import subprocess
import tempfile

from launcher.paths import BUILD, ROOT

CORES = ("bulkhead",)
GUIDE = ROOT / "docs" / "policy-guide.md"
DENIED = ["red_t_channel blue_t:event bind", "*_t xen_t:xen writeconsole", "dom0_t domU_t:domain2 relabelself",
          "dom0_t red_t:domain unpause", "? red_t unlabeled_t:event create"]


def blocks(text):
    """[(block, text before it since the last one)] of the indented blocks."""
    out, block, before = [], [], []
    for line in [*text.split("\n"), "end"]:
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line[4:])
        elif block:
            out.append(("\n".join(block).rstrip() + "\n", "\n".join(before)))
            block, before = [], [line]
        else:
            before.append(line)
    return out


def commands(block):
    """[(command, expected output)] of a block with `$ ` lines."""
    parts = re.split(r"^\$ ", block, flags=re.M)
    return [part.partition("\n")[::2] for part in parts[1:]]


def as_expected(expected, said):
    """Whether SAID is what the guide shows; a line of dots stands for all that follows."""
    want, have = expected.rstrip("\n").split("\n"), said.rstrip("\n").split("\n")
    for index, line in enumerate(want):
        if line.strip() == "…":
            return True
        if index >= len(have) or line != have[index]:
            return False
    return len(want) == len(have)


def run_guide(scenario, folder):
    """Does what the guide says in FOLDER, which then has colours.policy."""
    programs = folder / "bin"
    (programs / "xsm-policy").mkdir(parents=True)
    os.symlink(BUILD / "xsm-policy" / "bulkhead-policy", programs / "bulkhead-policy")
    os.symlink(ROOT / "xsm-policy", folder / "xsm-policy")
    os.symlink(BUILD / "xsm-policy" / "bulkhead.policy", folder / "bulkhead.policy")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    ran, source = 0, folder / "colours" / "colours.te"
    for block, before in blocks(GUIDE.read_text(encoding="utf-8")):
        if "`colours.te`:" in before:
            source.parent.mkdir()
            source.write_text(block)
        mistake = re.search(r"Someone adds `([^`]*)`", before)
        good = source.read_text() if source.exists() else ""
        if mistake:
            source.write_text(good + mistake.group(1) + "\n")
        for command, expected in commands(block):
            done = subprocess.run(command, shell=True, cwd=folder, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            ran += 1
            scenario.need(as_expected(expected, done.stdout),
                          f"the guide shows for: {command}\n{expected}and it prints:\n{done.stdout}")
            scenario.need(bool(done.returncode) == bool(mistake), f"{command}: {done.returncode}")
        if mistake:
            source.write_text(good)
    scenario.need(ran >= 8, f"only {ran} commands are in the guide")
    made = BUILD / "tests" / "colours.policy"
    subprocess.run([ROOT / "xsm-policy" / "build", "--output", made, source.parent], check=True)


def run(scenario):
    with tempfile.TemporaryDirectory() as folder:
        run_guide(scenario, pathlib.Path(folder))
    scenario.tools = "bulkhead"
    script = (ROOT / "tests" / "system" / "_policy-guide.sh").read_text(encoding="utf-8")
    scenario.dom0(script, timeout=300, denied=DENIED,
                  add=["BUILD/tests/colours.policy:/root/colours.policy",
                       "BUILD/tests/guests/pair:/tmp/pair"])
