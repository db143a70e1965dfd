#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/5: two small guests (tests/guests/pair) exchange data through a granted page with events;
# grants that are revoked, for another, read-only, of no domain or of a dying one are refused.
# TIMEOUT: 240
# DENIED: tenant_a_t xen_t:xen writeconsole
# ADD: BUILD/tests/guests/pair:/tmp/pair
. /etc/bulkhead/testlib.sh

# What the guests have said: the core's log has it, by the debug port or by console_io.
lines() {
	xl dmesg | grep -o -E '(PASS|FAIL|granter:|mapper:) .*'
}
heard() {
	lines | grep -q "$1"
}
small() {
	guest "$1" 'kernel = "/tmp/pair"' 'ramdisk = ""' 'memory = 32' "extra = \"$2\"" \
		'seclabel = "system_u:system_r:tenant_a_t"'
	need "create $1" xl create -q "/tmp/$1.cfg"
}

next=$(($(xl list | awk 'END { print $2 }') + 1))
small granter "pair=granter,$((next + 1))"
small mapper "pair=mapper,$next"
[ "$(domid mapper)" = $((next + 1)) ] || fail "the mapper is domain $(domid mapper)"
within 60 heard "mapper: waiting" || fail "the mapper does not get through its rounds: $(lines)"
within 10 heard "granter: answered 200" || fail "the granter did not answer all"
need "destroy granter" xl destroy granter
within 60 heard "mapper: done" || fail "the mapper does not see the granter's end: $(lines)"
lines | grep -E '^(PASS|FAIL)' | tr -d '\r' | while read -r line; do
	fact "$line"
done
! heard FAIL || fail "$(lines | grep FAIL)"
need "destroy mapper" xl destroy mapper
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"

# Destroyed in the middle of it, in either order, sooner or later: all memory comes back.
free_memory() {
	xl info | sed -n 's/^free_memory *: //p'
}
cycle() {
	granter=$((last + 1)) last=$((last + 2))
	small granter "pair=granter,$last"
	small mapper "pair=mapper,$granter"
	sleep "0.$1"
	[ $(($1 % 2)) = 0 ] || need "destroy mapper" xl destroy mapper
	need "destroy granter" xl destroy granter
	[ $(($1 % 2)) = 1 ] || need "destroy mapper" xl destroy mapper
	within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
}
last=$((next + 1))
cycle 1
sleep 1
memory=$(free_memory)
for n in 2 3 4 5; do
	cycle $n
done
within 20 eval '[ "$(free_memory)" -ge "$memory" ]'
echo "free memory: $memory MiB before, $(free_memory) MiB after"
[ "$(free_memory)" -ge "$memory" ] || fail "memory is lost: $memory MiB before, $(free_memory) after"
fact "nothing is lost"
