#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/7: a guest without rights, all its vCPUs hostile (tests/guests/attack): its neighbour's results
# stay right, Dom0 and the core go on, and when it is destroyed its memory is back.
# TIMEOUT: 500
# DENIED: domU_t *:* *
# CORES: bulkhead
# (On Xen, in this emulator, Linux guests beside a busy one die in their entry code.)
# ADD: BUILD/tests/guests/attack:/tmp/attack
. /etc/bulkhead/testlib.sh

# Frames that nobody has, those to be scrubbed among them.
free_frames() {
	xl debug-keys m
	xl dmesg -c >>/tmp/log
	set -- $(grep -a ' Frames: ' /tmp/log | tail -n 1 | sed 's/.*free \([0-9]*\), to be scrubbed \([0-9]*\).*/\1 \2/')
	echo $(($1 + $2))
}
# What the core may keep of them: its pool of single pages (64, mm/core_pages.c), and tables for their map.
KEPT=80
# What the attacker has said: the core's log has it, until denials push it out.
lines() {
	xl dmesg -c >>/tmp/log
	grep -o -a -E '(PASS|FAIL|OUT|DONE) .*' /tmp/log
}
heard() {
	lines | grep -q "$1"
}
worked() {
	grep -c "guest: work" /var/log/xen/console/guest-worker.log
}

guest worker 'extra = "console=hvc0 quiet bulkhead.run=work"'
guest attacker 'kernel = "/tmp/attack"' 'ramdisk = ""' 'memory = 32' 'vcpus = 4' 'extra = ""' \
	'on_poweroff = "preserve"' 'on_crash = "preserve"'
need "create worker" xl create -q /tmp/worker.cfg
within 90 said worker "guest: work" || fail "the worker does not start"
# Once before: what the tools allocate once for all is then there.
need "create attacker, paused" xl create -q -p /tmp/attacker.cfg
need "destroy attacker, paused" xl destroy attacker
within 30 gone attacker || fail "it stays"
sleep 2
before=$(worked) frames=$(free_frames)

need "create attacker" xl create -q /tmp/attacker.cfg
within 300 heard "DONE attack" || fail "the attacker does not get to its end: $(lines | tail -n 3)"
lines | grep -E "FAIL|OUT"
heard "FAIL" && fail "$(lines | grep FAIL | head -n 3)"
fact "$(lines | grep -c PASS) attacks"
[ "$(worked)" -gt "$before" ] || fail "the worker stood still meanwhile"

# All of the neighbour's results are the same, and right.
sum=$(head -c 1000000 /dev/zero | sha256sum | cut -c1-16)
wrong=$(grep "guest: work" /var/log/xen/console/guest-worker.log | grep -vc "$sum")
[ "$wrong" = 0 ] || fail "$wrong wrong results of the worker"
now=$(worked)
within 60 said worker "guest: work" $((now + 1)) || fail "the worker stops"
fact "the neighbour notices nothing"

need "destroy attacker" xl destroy attacker
within 30 gone attacker || fail "it stays"
sleep 2
within 20 eval 'after=$(free_frames) && [ "$after" -ge $((frames - KEPT)) ]'
echo "free frames: $frames before, $after after"
[ "$after" -ge $((frames - KEPT)) ] || fail "memory is lost: $frames frames, then $after"
# Dom0 makes another guest as before.
need "create another" xl create -q -p /tmp/attacker.cfg
need "destroy another" xl destroy attacker
need "destroy worker" xl destroy worker
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
fact "all memory is back"
