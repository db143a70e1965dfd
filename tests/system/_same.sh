#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run by same.py with our tools; Debian's xl is there too.
. /etc/bulkhead/testlib.sh

stock=/usr/lib/xen-4.17/bin/xl
"$stock" list >/dev/null || fail "the stock xl does not run"
[ "$(readlink -f "$(which xl)")" = /usr/local/sbin/xl ] || fail "this is not our xl: $(which xl)"

# What may differ between two moments: times of CPUs and clocks, which CPU a vCPU ran on last.
steady() {
	sed -E -e 's/ +[0-9]+\.[0-9]( |$)/ TIME\1/' -e 's/[0-9]+:[0-9]{2}:[0-9]{2}/CLOCK/g' \
		-e 's/(up |, ) *[0-9]+:[0-9]{2},/\1CLOCK,/' -e 's/^(.{38} +[0-9]+) +[0-9]+ +[rb-]{2}-/\1 CPU/' \
		-e 's/ [r-][b-]---- / STATE /'
}

# same ARGUMENT...: both print the same lines. A few tries, for something may happen between the two.
same() {
	for try in 1 2 3 4 5; do
		"$stock" "$@" >/tmp/stock.raw 2>/tmp/stock.err
		stock_status=$?
		xl "$@" >/tmp/ours.raw 2>/tmp/ours.err
		our_status=$?
		steady </tmp/stock.raw >/tmp/stock.out
		steady </tmp/ours.raw >/tmp/ours.out
		if cmp -s /tmp/stock.out /tmp/ours.out && [ $stock_status = $our_status ]; then
			echo "same: xl $*: $(wc -l </tmp/ours.out) lines"
			return
		fi
	done
	echo "--- stock, status $stock_status"
	cat /tmp/stock.out /tmp/stock.err
	echo "--- ours, status $our_status"
	cat /tmp/ours.out /tmp/ours.err
	different="$different [xl $*]"
}

# status ARGUMENT...: both refuse it. What they say may differ, and the stock tool's status, if not 0, has no system.
status() {
	"$stock" "$@" >/tmp/stock.raw 2>&1 </dev/null
	stock_status=$?
	xl "$@" >/tmp/ours.raw 2>&1 </dev/null
	our_status=$?
	echo "status: xl $*: stock $stock_status, ours $our_status: $(head -n 1 /tmp/ours.raw)"
	[ $stock_status != 0 ] && [ $our_status != 0 ] || different="$different [status of xl $*]"
}

judge() {
	[ -z "$different" ] || fail "$1:$different"
	fact "$1"
}

lists() {
	same list
	same list -v
	same list -Z
	same list -c
	same list -n
	same vm-list
	same vcpu-list
	same sched-credit2
	same uptime
	same uptime -s
	same claims
}

different=
guest one 'vcpus = 2' 'extra = "console=hvc0 quiet"' 'memory = 160'
guest small 'kernel = "/boot/waiter"' 'ramdisk = ""' 'memory = 16' 'maxvcpus = 3' 'cpu_weight = 300'
need "create one" xl create -q /tmp/one.cfg
need "create small" xl create -q -p /tmp/small.cfg
within 60 said one "user land is up" || fail "one: no user land"
sleep 1
lists
same list one
same list 1
same vcpu-list one small
same sched-credit2 -d one
same sched-credit2 -s
same domid one
same domname "$(domid one)"
same uptime one
same info
same info -n
same getenforce
judge "both xl list the same"

# What one does, the other sees.
need "pin" xl vcpu-pin one 0 1
need "weight" "$stock" sched-credit2 -d one -w 700 -c 50
need "Dom0's weight" xl sched-credit2 -d 0 -w 512
need "Dom0's CPUs" xl vcpu-pin 0 0 all
need "rename" "$stock" rename small tiny
need "unpause" "$stock" unpause tiny
need "pause" xl pause tiny
case $(state tiny) in *p*) ;; *) fail "pause" ;; esac
need "unpause" "$stock" unpause tiny
# The stock tool changes memory only of guests that it made itself: it wants its own record of them.
need "mem-set" xl mem-set one 140
within 30 eval '[ "$(memory_of one)" -le 141 ]' || fail "the balloon does not move: $(memory_of one)"
need "vcpu-set" "$stock" vcpu-set one 1
within 30 eval 'xl vcpu-list one | tail -n 1 | grep -q -e "--p"' || fail "vCPU 1 stays: $(xl vcpu-list one)"
lists
need "sysrq" "$stock" sysrq one h
within 20 eval '[ "$(xenstore-read "/local/domain/$(domid tiny)/control/feature-poweroff")" = 1 ]' ||
	fail "tiny does not listen"
need "shutdown" "$stock" shutdown -w tiny
within 20 gone tiny || fail "tiny stays"
# Not the stock create: it waits for the pseudo terminal of its own console daemon.
# The watcher may still be at work on the one that ended.
within 20 xl create -q /tmp/small.cfg || fail "create small again"
same list
same vcpu-list small
need "destroy" xl destroy small
same list
[ -z "$(xenstore-list /local/domain | grep -v -e '^0$' -e "^$(domid one)\$")" ] || fail "entries stay"
judge "each sees what the other does"

# The same mistakes are refused.
status nonsense
status list nobody
status domid nobody
status domname 999
status pause nobody
status destroy nobody
status destroy 0
status vcpu-set one 99
status vcpu-pin one 0 99
status sched-credit2 -d nobody
status sched-credit2 -d one -w 0
status create /tmp/none.cfg
status console nobody
status mem-set one nonsense
status trigger one nonsense
status rename one
status setenforce nonsense
status list -j
judge "both refuse the same mistakes"

# Each command of the stock tool is known here.
"$stock" help 2>&1 | sed -n 's/^ \([a-z][a-z0-9-]*\) .*/\1/p' >/tmp/commands
[ "$(wc -l </tmp/commands)" -gt 50 ] || fail "the stock xl lists its commands in another way"
unknown=$(while read -r command; do
	xl help "$command" >/tmp/said 2>&1 || echo "$command"
done </tmp/commands)
[ -z "$unknown" ] || fail "there is no command" $unknown
fact "all commands of the stock xl are known"
need "destroy one" xl destroy one
