#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack/2, toolstack/3: our store serves Dom0's and a guest's Linux over their rings, with
# stock tools, through live updates.
# TIMEOUT: 300
# ADD: BUILD/dom0-toolstack/store/xenstored:/usr/lib/xen-4.17/bin/xenstored BUILD/dom0-toolstack/store/xenstored:/root/xenstored BUILD/tests/store/store-client:/root/store-client
. /etc/bulkhead/testlib.sh

xenstore-control quota | grep -q node-permissions || fail "the store is not ours"
need "check" xenstore-control check
xenstore-read /local/domain/0/name | grep -q Domain-0 || fail "Dom0 has no name"

# Our client over the socket, and through Dom0's kernel.
need "our client on the socket" /root/store-client /run/xenstored/socket
need "our client on xenbus" /root/store-client /dev/xen/xenbus

guest one 'memory = 200' 'extra = "console=hvc0 quiet"'
need "create" xl create -q /tmp/one.cfg
within 60 said one "user land is up" || fail "no user land"
id=$(domid one)
echo "store: guest $id is up; rss $(sed -n 's/VmRSS: *//p' /proc/$(pidof xenstored)/status)"
xenstore-ls -f /local/domain/$id | head -n 40
within 20 eval '[ "$(xenstore-read /local/domain/$id/control/feature-poweroff)" = 1 ]' ||
	fail "the guest's xenbus does not write"

content() {
	xenstore-ls -f / | sort | md5sum
}

# The guest's watch on its memory target works, before and after each update.
for round in 1 2 3; do
	need "mem-set" xl mem-set one $((200 - round * 10))
	within 30 eval '[ "$(memory_of one)" -le $((201 - round * 10)) ]' ||
		fail "round $round: the balloon does not move: $(memory_of one)"
	pid=$(pidof xenstored)
	now=
	within 20 settled content || fail "the store does not come to rest"
	before=$now
	need "live update" xenstore-control live-update /root/xenstored
	[ "$pid" = "$(pidof xenstored)" ] || fail "the process is another one"
	ls -l "/proc/$pid/exe" | grep -q /root/xenstored || fail "the program is still the old one"
	[ "$before" = "$(content)" ] || fail "the update changed the store"
	need "check after the update" xenstore-control check
	echo "store: update $round; rss $(sed -n 's/VmRSS: *//p' /proc/$pid/status)"
done

# A second guest after the updates; both end through their xenbus.
guest two 'memory = 200' 'extra = "console=hvc0 quiet"'
need "create two" xl create -q /tmp/two.cfg
within 60 said two "user land is up" || fail "two: no user land"
two=$(domid two)
xenstore-control quota $two
need "shutdown one" xl shutdown one
need "shutdown two" xl shutdown two
within 40 eval 'gone one && gone two' || fail "the guests do not shut down"
within 10 eval '! xenstore-exists /local/domain/$id' || fail "nodes of $id remain"
within 10 eval '! xenstore-exists /local/domain/$two' || fail "nodes of $two remain"
need "check at the end" xenstore-control check
xenstore-control memreport
echo "store: fine"
