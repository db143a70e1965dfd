#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack, speed: what the tools take for the same work, ours or the stock ones. Prints
# `BENCH name nanoseconds`; of a store's operation the time that each takes when they come densely.
. /etc/bulkhead/testlib.sh
. /etc/bulkhead/bench.sh

store-bench /run/xenstored/socket 0.2 >/tmp/store || fail "store-bench: $(cat /tmp/store)"
awk '/ a second$/ { printf "BENCH store-%s-%u %u\n", $1, $(NF - 4), 1e9 / $(NF - 2) }' /tmp/store

guest linux 'extra = "console=hvc0"'
need "xl create" timed -f /var/log/xen/console/guest-linux.log xl-create-first-byte \
	xl create -q /tmp/linux.cfg
need "xl destroy" xl destroy linux

idle_guests 20
need "xl create" timed xl-create-small 20 /tmp/create-next
[ "$(xl list | wc -l)" = 22 ] || fail "not 20 guests: $(xl list)"
need "xl list" timed xl-list-20 5 xl list
need "xl vcpu-list" timed xl-vcpu-list-20 2 xl vcpu-list
need "xl destroy" timed xl-destroy 5 /tmp/destroy-next
