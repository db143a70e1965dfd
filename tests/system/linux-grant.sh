#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/5: programs on Debian's libxenevtchn and libxengnttab exchange data between two Linux
# guests, with Dom0 only naming the references; what is not granted is refused.
# TIMEOUT: 300
# DENIED: tenant_a_t dom0_t:grant map_read
# ADD: BUILD/tests/system/programs/granter:/root/programs/bin/granter BUILD/tests/system/programs/mapper:/root/programs/bin/mapper
. /etc/bulkhead/testlib.sh

guest_image /tmp/guest.img /root/programs
# Under the shipped policy, guests of one tenant may share memory and events.
label='seclabel = "system_u:system_r:tenant_a_t"'
next=$(($(xl list | awk 'END { print $2 }') + 1))
guest granter 'ramdisk = "/tmp/guest.img"' "$label" \
	"extra = \"console=hvc0 quiet bulkhead.run=xen_modules bulkhead.run=granter,$((next + 1))\""
need "create granter" xl create -q /tmp/granter.cfg
within 60 said granter "granter: ref .* end" || fail "the granter grants nothing"
set -- $(sed -n 's/.*granter: ref \([0-9]*\) readonly \([0-9]*\) end.*/\1 \2/p' \
	/var/log/xen/console/guest-granter.log)
guest mapper 'ramdisk = "/tmp/guest.img"' "$label" \
	"extra = \"console=hvc0 quiet bulkhead.run=xen_modules bulkhead.run=mapper,$next,$1,$2\""
need "create mapper" xl create -q /tmp/mapper.cfg
[ "$(domid mapper)" = $((next + 1)) ] || fail "the mapper is domain $(domid mapper)"
within 120 said mapper "mapper: waiting" || fail "the mapper does not get through its rounds"
# Another console, which may be behind.
within 10 said granter "granter: answered 500 rounds" || fail "the granter did not answer all"
need "destroy granter" xl destroy granter
within 60 said mapper "mapper: done" || fail "the mapper does not see the granter's end"
grep -o -E '(PASS|FAIL) .*' /var/log/xen/console/guest-mapper.log | tr -d '\r' | while read -r line; do
	fact "$line"
done
! said mapper "^FAIL" || fail "$(grep ^FAIL /var/log/xen/console/guest-mapper.log)"
xl destroy mapper
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
