#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/2: the stock tools drive guests through their life.
# TIMEOUT: 400
. /etc/bulkhead/testlib.sh

# The host
need "xl info" xl info >/tmp/info
for key in nr_cpus xen_major xen_minor xen_scheduler xen_pagesize threads_per_core; do
	fact "$key $(sed -n "s/^$key *: //p" /tmp/info)"
done
grep -q hvm-3.0-x86_64 /tmp/info || fail "xl info does not offer 64-bit hardware-assisted guests"
xl dmesg | grep -q . || fail "xl dmesg is empty"
fact "Dom0 $(xl list | awk 'NR == 2 { print $1, $2, $4 }')"
fact "Dom0's vCPUs $(xl vcpu-list Domain-0 | wc -l)"

# One and two vCPUs
guest one
guest two 'vcpus = 2' 'extra = "console=hvc0 quiet"'
need "create one" xl create -q /tmp/one.cfg
within 60 said one "user land is up" || fail "one: no user land"
need "create two" xl create -q /tmp/two.cfg
within 60 said two "user land is up" || fail "two: no user land"
fact "$(grep -h -o 'user land is up: Linux [^ ]*, . vCPUs' /var/log/xen/console/guest-one.log)"
fact "$(grep -h -o 'user land is up: Linux [^ ]*, . vCPUs' /var/log/xen/console/guest-two.log)"
fact "two's vCPUs: $(($(xl vcpu-list two | wc -l) - 1))"
fact "memory $(memory_of one) $(memory_of two)"

# The console takes input
ask one 'echo answer $((6 * 7))'
grep -q 'answer 42' /tmp/console || fail "one's console does not answer: $(cat /tmp/console)"
fact "the console answers"

# Pause: no time is used while paused
need "pause" xl pause one
case $(state one) in *p*) fact paused ;; *) fail "not paused: $(state one)" ;; esac
before=$(xl list one | awk 'NR == 2 { print $6 }')
sleep 3
[ "$before" = "$(xl list one | awk 'NR == 2 { print $6 }')" ] || fail "a paused guest runs"
need "unpause" xl unpause one
case $(state one) in *p*) fail "still paused" ;; *) fact unpaused ;; esac
ask one 'echo again $((6 * 7))'
grep -q 'again 42' /tmp/console || fail "one does not answer after the pause"

# Memory, vCPUs, placement, weights
need "mem-set" xl mem-set two 200
within 30 eval '[ "$(memory_of two)" -le 201 ]' || fail "the balloon does not move: $(memory_of two)"
fact "ballooned down"
need "mem-set back" xl mem-set two 256
within 30 eval '[ "$(memory_of two)" -ge 255 ]' || fail "the balloon does not move back: $(memory_of two)"
fact "ballooned up"
need "vcpu-set 1" xl vcpu-set two 1
within 20 eval 'xl vcpu-list two | tail -n 1 | grep -q -e "--p"' || fail "vCPU 1 stays: $(xl vcpu-list two)"
fact "one vCPU off"
need "vcpu-set 2" xl vcpu-set two 2
# Linux makes the CPU present; to bring it up is for user land (udev, elsewhere).
ask two 'until echo 1 >/sys/devices/system/cpu/cpu1/online; do sleep 1; done'
within 20 eval '! xl vcpu-list two | tail -n 1 | grep -q -e "--p"' ||
	fail "vCPU 1 does not come back: $(xl vcpu-list two)"
fact "and on"
need "vcpu-pin" xl vcpu-pin two 0 1
fact "pinned to $(xl vcpu-list two | awk '$3 == 0 { print $7 }')"
need "vcpu-pin all" xl vcpu-pin two 0 all
need "sched-credit2" xl sched-credit2 -d two -w 512
fact "weight $(xl sched-credit2 -d two | awk '/^two/ { print $3 }')"
need "rename" xl rename two second
need "rename back" xl rename second two

# Reboot gives a new domain with the old name, whose user land comes up again
old=$(domid two)
need "reboot" xl reboot two
within 60 said two "user land is up" 2 || fail "two: no second user land"
[ "$(domid two)" != "$old" ] || fail "the domain's number is still $old"
fact "rebooted"

# Shutdown and destroy
need "shutdown" xl shutdown -w one
within 20 gone one || fail "one stays after its shutdown"
fact "shut down"
need "destroy" xl destroy two
within 20 gone two || fail "two stays after its destruction"
fact "destroyed; domains: $(($(xl list | wc -l) - 1))"

# The kernel as Debian packs it
guest packed 'kernel = "/boot/vmlinuz"'
need "create packed" xl create -q /tmp/packed.cfg
within 60 said packed "user land is up" || fail "packed: no user land"
fact "bzImage boots"
xl destroy packed
