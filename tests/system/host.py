# SPDX-License-Identifier: BSD-2-Clause
"""REQ toolstack/host: when the host starts, Dom0 takes the size that bulkhead.conf or xend-config.sxp asks for, and
guests start in the order of their dependencies; when it goes down, guests end in the opposite order."""

import re

from launcher.paths import BUILD

# Three small guests; "a-web" is first by its file's name, and last by what it depends on.
GUEST = """\
name = "{name}"
type = "pvh"
kernel = "/boot/waiter"
memory = 16
depends = [ {depends} ]
on_poweroff = "restart"
"""
GUESTS = {"a-web": '"m-app"', "m-app": '"z-data"', "z-data": "", "b-alone": ""}

CONF = """\
# The host's settings
dom0_mem = "600m"
dom0_vcpus = 1
shutdown_timeout = 30
store_quota = [ "nodes=1500" ]
"""

FIRST = """\
. /etc/bulkhead/testlib.sh
xl list
xl info | grep -E 'total_memory|free_memory'
fact "guests $(xl list | awk 'NR > 2 { print $1, $3, $4 }' | tr '\\n' ' ')"
# The balloon stops at its target or a page beside it.
now=
within 60 eval 'settled memory_of 0 && [ "$now" -le 601 ]' || fail "Dom0's memory does not settle: $now"
[ "$(memory_of 0)" -le 601 ] && [ "$(memory_of 0)" -ge 599 ] || fail "Dom0 has $(memory_of 0) MiB"
within 30 eval '[ "$(xl list 0 | awk "NR == 2 { print \\$4 }")" = 1 ]' || fail "Dom0's vCPUs: $(xl vcpu-list 0)"
within 30 eval '[ "$(nproc)" = 1 ]' || fail "Linux has $(nproc) CPUs"
[ "$(xl info | awk '/^free_memory/ { print $3 }')" -gt 3000 ] || fail "the memory is not given back"
xl store-quota | grep nodes | grep -q 1500 || fail "quota: $(xl store-quota)"
fact "Dom0 has $(memory_of 0) MiB and $(nproc) vCPU"
for name in a-web m-app z-data b-alone; do
	within 20 eval '[ "$(xenstore-read /local/domain/$(domid $name)/control/feature-poweroff)" = 1 ]' ||
		fail "$name does not listen"
done
poweroff
sleep 100
"""

SXP = "(xend-port 8000)\n(domain 0 (memory 700) (vcpus 1))\n(domain 1 (memory 1))\n"
SECOND = """\
. /etc/bulkhead/testlib.sh
xl list
now=
within 60 eval 'settled memory_of 0 && [ "$now" -le 701 ]' || fail "Dom0's memory does not settle: $now"
[ "$(memory_of 0)" -le 701 ] && [ "$(memory_of 0)" -ge 699 ] || fail "Dom0 has $(memory_of 0) MiB"
within 30 eval '[ "$(nproc)" = 1 ]' || fail "Linux has $(nproc) CPUs"
fact "xend-config.sxp: Dom0 has $(memory_of 0) MiB and $(nproc) vCPU"
"""


def additions(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    result = []
    for target, text in files.items():
        path = folder / target.replace("/", "_")
        path.write_text(text)
        result.append(f"{path}:{target}")
    return result


def position(scenario, outcome, text):
    found = outcome.console.find(text.encode())
    scenario.need(found >= 0, f'"{text}" is not in the log', outcome)
    return found


def in_order(scenario, outcome, *texts):
    places = [position(scenario, outcome, text) for text in texts]
    scenario.need(places == sorted(places), "not in this order: " + ", ".join(texts), outcome)


def run(scenario):
    scenario.tools = "bulkhead"
    folder = BUILD / "log" / "host"
    files = {"/etc/bulkhead.conf": CONF}
    for name, depends in GUESTS.items():
        files[f"/etc/xen/auto/{name}.cfg"] = GUEST.format(name=name, depends=depends)
    files["/etc/xen/auto/broken.cfg"] = 'name = "broken"\nkernel = \n'
    add = [*additions(folder, files), "BUILD/tests/system/programs/waiter:/boot/waiter"]
    outcome = scenario.dom0(FIRST, timeout=240, add=add, expect=None, memory=4096, dom0_memory=1024)
    failed = [line for line in outcome.lines if line.startswith("FAILED")]
    scenario.need(not failed, "; ".join(failed), outcome)
    position(scenario, outcome, "broken.cfg:2:")
    in_order(scenario, outcome, "starting z-data", "starting m-app", "starting a-web")
    scenario.fact("guests start in the order of their dependencies")
    in_order(scenario, outcome, "shutting down a-web", "a-web is down", "shutting down m-app",
             "m-app is down", "shutting down z-data", "z-data is down")
    position(scenario, outcome, "b-alone is down")
    scenario.need(b"does not end" not in outcome.console, "a guest was destroyed", outcome)
    scenario.need(re.search("went off|powered off", outcome.verdict) is not None,
                  f"the machine does not power off: {outcome.verdict}", outcome)
    scenario.fact("guests end in the opposite order, then the host")
    scenario.dom0(SECOND, add=additions(folder, {"/etc/xen/xend-config.sxp": SXP}), dom0_memory=1024)
