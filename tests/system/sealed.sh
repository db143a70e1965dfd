#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/5: a sealed guest works, and Dom0's root can't read, change, save or unseal it.
# REQ flask/1: nothing else is denied on the way.
# TIMEOUT: 300
# DENIED: dom0_t sealed_t:mmu map_read physmap
# DENIED: dom0_t sealed_t:domain getvcpucontext setdomainmaxmem getscheduler
# DENIED: dom0_t sealed_t:domain2 make_priv_for resource_map relabelfrom
# DENIED: dom0_t sealed_t:hvm gethvmc sethvmc
# CORES: bulkhead
# ADD: BUILD/tests/system/programs/intruder:/root/intruder BUILD/xsm-policy/bulkhead-flask:/root/bulkhead-flask
. /etc/bulkhead/testlib.sh

[ "$(xl getenforce 2>/dev/null || /root/bulkhead-flask mode)" != Permissive ] || fail "not enforcing"
guest open
guest sealed 'init_seclabel = "system_u:system_r:sealed_t_building"' \
	'seclabel = "system_u:system_r:sealed_t"' 'on_reboot = "destroy"'
need "create open" xl create -q /tmp/open.cfg
within 90 said open "user land is up" || fail "the ordinary guest does not start"
xl dmesg | grep "avc:  denied" && fail "something is denied to an ordinary system"

/root/intruder "$(domid open)" open || fail "an ordinary guest's memory can't be mapped"
need "create sealed" xl create -q /tmp/sealed.cfg
within 90 said sealed "user land is up" || fail "the sealed guest does not work"
label=$(/root/bulkhead-flask label domain "$(domid sealed)")
[ "$label" = system_u:system_r:sealed_t ] || fail "its label is $label"
xl dmesg | grep "avc:  denied" && fail "something is denied before anyone intrudes"

/root/intruder "$(domid sealed)" sealed || fail "the sealed guest let something through"
xl dump-core sealed /tmp/core 2>/dev/null && [ -s /tmp/core ] && fail "xl dump-core got something"
timeout 60 xl save sealed /tmp/image 2>/dev/null && fail "xl save saved it"
/root/bulkhead-flask label domain "$(domid sealed)" system_u:system_r:sealed_t_building 2>/dev/null &&
	fail "it could be unsealed"

# It goes on, and can be removed.
need "pause" xl pause sealed
need "unpause" xl unpause sealed
need "destroy" xl destroy sealed
need "destroy open" xl destroy open
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
