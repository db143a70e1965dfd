# SPDX-License-Identifier: BSD-2-Clause
"""
REQ core/1: Linux is Dom0, as a PVH domain that owns no hardware, with 1, 2 and 4 vCPUs. With one, its
kernel is a bzImage as Debian ships it. Xen is asked for what it says with 2 alone.
"""

import re

SCRIPT = """
. /etc/bulkhead/testlib.sh
uname -a
for file in $(find /sys/hypervisor -type f | sort); do
    echo "$file: $(cat $file 2>/dev/null | tr '\\n' ' ')"
done
cat /proc/interrupts
fact "kernel $(uname -sr)"
fact "type $(cat /sys/hypervisor/type)"
fact "guest type $(cat /sys/hypervisor/guest_type)"
fact "version $(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)"
fact "uuid $(cat /sys/hypervisor/uuid)"
fact "vCPUs $(nproc)"
fact "timer interrupts on each vCPU:" $(grep -E 'HYP:|LOC:|xen-dyn.*timer' /proc/interrupts | wc -l)
echo "devices: pci=$(ls /sys/bus/pci/devices 2>/dev/null | wc -l)" \\
    "disk=$(ls /sys/block | grep -cvE '^(loop|ram)')" \\
    "nic=$(ls /sys/class/net | grep -cvE '^lo$')"
dmesg | grep -iE 'Booting paravirtualized|hypervisor detected' | sed 's/^\\[[^]]*\\] /dmesg: /'
"""


def run(scenario):
    for cpus in (2,) if scenario.core == "xen" else (1, 4, 2):
        scenario.facts.clear()
        outcome = scenario.dom0(SCRIPT, cpus=cpus, timeout=180, unpacked=cpus != 1)
        text = outcome.text()
        scenario.need(f"fact: vCPUs {cpus}\n" in text, f"Dom0 does not have {cpus} vCPUs", outcome)
        scenario.need("fact: guest type PVH" in text, "Dom0 is not PVH", outcome)
        ran = re.search(r"^ *HYP:((?: +\d+)+)", text, re.M)
        scenario.need(ran is not None, "no hypervisor interrupts are counted", outcome)
        counts = [int(word) for word in ran.group(1).split()]
        scenario.need(len(counts) == cpus and all(counts),
                      f"a vCPU gets no event: {counts}", outcome)
        if scenario.core == "bulkhead":
            scenario.need("devices: pci=0 disk=0 nic=0" in text,
                          "Dom0 sees a device: " + "".join(re.findall("devices: .*", text)),
                          outcome)
