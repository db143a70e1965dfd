#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/4: 50 cycles of create and destroy leave memory and event channels as they were.
# REQ core/size: a guest of 256 MiB costs our core less than 1.5 MiB beside its nested page tables.
# TIMEOUT: 900
. /etc/bulkhead/testlib.sh

free_memory() {
	xl info | sed -n 's/^free_memory *: //p'
}

channels() {
	lsevtchn 0 | grep -c .
}

# KiB of the heap, less what is free or nested page tables: grows by all that a guest takes but its tables.
taken() {
	xl debug-keys m
	xl dmesg | awk '{ gsub(",", "") }
		/ Frames: / { free = $5 + $9; heap = $(NF - 1) / 1024; tables = 0 }
		/ pages of tables/ { tables += $9 }
		END { print int(heap - 4 * (free + tables)) }'
}

cycle() {
	rm -f /var/log/xen/console/guest-cycle.log
	need "create" xl create -q -p /tmp/cycle.cfg
	if [ $(($1 % 10)) = 0 ]; then
		xl unpause cycle
		within 60 said cycle "user land is up" || fail "cycle $1: no user land"
	fi
	need "destroy" xl destroy cycle
	within 30 gone cycle || fail "cycle $1: it stays"
}

guest cycle 'memory = 256'
# Twice first: what is allocated once for all (xenstored, the tools) is then there.
cycle 10
cycle 1
sleep 2
memory=$(free_memory) ports=$(channels)
if xl dmesg | grep -q "Bulkhead starts"; then
	before=$(taken)
	rm -f /var/log/xen/console/guest-cycle.log
	need "create" xl create -q /tmp/cycle.cfg
	within 60 said cycle "user land is up" || fail "no user land"
	cost=$(($(taken) - before - 256 * 1024))
	echo "core memory for the guest: $cost KiB"
	[ $cost -gt 0 ] && [ $cost -lt 1536 ] || fail "a guest costs the core $cost KiB"
	need "destroy" xl destroy cycle
	within 30 gone cycle || fail "it stays"
fi
n=0
while [ $n -lt 50 ]; do
	n=$((n + 1))
	cycle $n
done
sleep 2
echo "free memory: $memory MiB before, $(free_memory) MiB after"
echo "event channels of Dom0: $ports before, $(channels) after"
[ "$(free_memory)" -ge "$memory" ] || fail "memory is lost: $memory MiB before, $(free_memory) after"
[ "$(channels)" = "$ports" ] || fail "event channels are lost: $ports before, $(channels) after"
[ "$(xl list | wc -l)" = 2 ] || fail "domains stay: $(xl list)"
fact "nothing is lost in 50 cycles"
