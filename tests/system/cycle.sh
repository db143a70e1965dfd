#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/4: 50 cycles of create and destroy leave memory and event channels as they were.
# REQ core/size: a guest of 256 MiB costs our core less than 1.5 MiB beside its nested page tables.
# TIMEOUT: 900
# ADD: BUILD/tests/guests/pair:/tmp/pair
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

# Bytes of the core's heap.
heap() {
	xl debug-keys m
	xl dmesg | sed -n 's/.* Frames: .* heap: \([0-9]*\) bytes/\1/p' | tail -n 1
}

# Each tenth guest is Linux and boots; the others are made and never run.
cycle() {
	config=/tmp/small.cfg
	[ $(($1 % 10)) = 0 ] && config=/tmp/cycle.cfg
	rm -f /var/log/xen/console/guest-cycle.log
	need "create" xl create -q -p $config
	if [ $config = /tmp/cycle.cfg ]; then
		xl unpause cycle
		within 60 said cycle "user land is up" || fail "cycle $1: no user land"
	fi
	need "destroy" xl destroy cycle
	within 30 gone cycle || fail "cycle $1: it stays"
}

guest cycle 'memory = 256'
cp /tmp/cycle.cfg /tmp/small.cfg
printf '%s\n' 'kernel = "/tmp/pair"' 'ramdisk = ""' 'memory = 64' >>/tmp/small.cfg
# Twice first: what is allocated once for all (xenstored, the tools) is then there.
cycle 10
cycle 1
# What was freed may come back a while later.
now=
within 30 settled free_memory || fail "free memory does not settle: $now"
memory=$now ports=$(channels)
heap= rounds=10 # Xen only shows that the measures don't move by themselves
if xl dmesg | grep -q "Bulkhead starts"; then
	rounds=50
	before=$(taken)
	rm -f /var/log/xen/console/guest-cycle.log
	need "create" xl create -q /tmp/cycle.cfg
	within 60 said cycle "user land is up" || fail "no user land"
	cost=$(($(taken) - before - 256 * 1024))
	echo "core memory for the guest: $cost KiB"
	[ $cost -gt 0 ] && [ $cost -lt 1536 ] || fail "a guest costs the core $cost KiB"
	need "destroy" xl destroy cycle
	within 30 gone cycle || fail "it stays"
	now=
	within 30 settled heap || fail "the core's heap does not settle: $now"
	heap=$now frames=$(taken)
fi
n=0
while [ $n -lt $rounds ]; do
	n=$((n + 1))
	cycle $n
done
sleep 2
within 20 eval '[ "$(free_memory)" -ge "$memory" ] && [ "$(channels)" = "$ports" ]'
echo "free memory: $memory MiB before, $(free_memory) MiB after"
echo "event channels of Dom0: $ports before, $(channels) after"
[ "$(free_memory)" -ge "$memory" ] || fail "memory is lost: $memory MiB before, $(free_memory) after"
[ "$(channels)" = "$ports" ] || fail "event channels are lost: $ports before, $(channels) after"
if [ -n "$heap" ]; then
	within 20 eval '[ "$(heap)" = "$heap" ]'
	echo "core: heap $heap B before, $(heap) after; frames $frames KiB before, $(taken) after"
	[ "$(heap)" = "$heap" ] || fail "the core's heap grows: $heap bytes before, $(heap) after"
	[ "$(taken)" -le $((frames + 320)) ] || fail "the core loses frames: $frames KiB before, $(taken) after"
fi
[ "$(xl list | wc -l)" = 2 ] || fail "domains stay: $(xl list)"
echo "$rounds cycles"
fact "nothing is lost"
