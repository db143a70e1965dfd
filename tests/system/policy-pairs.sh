#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/1: memory that one granted and events go between the domains that the policy says may have
# them (tests/guests/pair): a back end and its client, the guests of a tenant, ordinary guests when
# guests_talk is set; and between no others.
# TIMEOUT: 400
# CORES: bulkhead
# DENIED: *_t xen_t:xen writeconsole
# DENIED: domU_t_channel domU_t:event bind
# DENIED: tenant_b_t_channel tenant_a_t:event bind
# DENIED: isolated_t_channel isolated_t:event bind
# DENIED: domU_t store_t:grant copy
# DENIED: store_t domU_t:grant copy
# ADD: BUILD/tests/guests/pair:/tmp/pair BUILD/xsm-policy/bulkhead-flask:/root/bulkhead-flask
. /etc/bulkhead/testlib.sh

# What the guests have said since the last pair.
lines() {
	xl dmesg | grep -o -E '(PASS|FAIL|granter:|mapper:|avc:  denied) .*'
}
heard() {
	lines | grep -q "$1"
}
small() {
	init=
	[ "$2" = sealed_t ] && init='init_seclabel = "system_u:system_r:sealed_t_building"'
	guest "$1" 'kernel = "/tmp/pair"' 'ramdisk = ""' 'memory = 16' "extra = \"$3\"" \
		"seclabel = \"system_u:system_r:$2\"" "$init"
	need "create $1 as $2" xl create -q "/tmp/$1.cfg"
}
# start GRANTER MAPPER: guests of these types.
start() {
	xl dmesg -c >/dev/null
	small granter "$1" "pair=granter,$((next + 1))"
	[ "$(domid granter)" = "$next" ] || fail "the granter is domain $(domid granter)"
	small mapper "$2" "pair=mapper,$next"
	next=$((next + 2))
}
reach() {
	start "$1" "$2"
	within 60 heard "mapper: waiting" || fail "$2 does not reach $1: $(lines)"
	# The store maps rings and copies nothing.
	[ "$2" = store_t ] && copies='FAIL cop' || copies=none
	lines | grep FAIL | grep -qv "$copies" && fail "$1 to $2: $(lines | grep FAIL)"
	need "destroy granter" xl destroy granter
	within 60 heard "mapper: done" || fail "$2 does not see the end of $1: $(lines)"
	need "destroy mapper" xl destroy mapper
}
# apart GRANTER MAPPER
apart() {
	start "$1" "$2"
	within 60 heard "denied.*{ bind }.*$1_channel.*$2 " || fail "$1 to $2: no denial: $(lines)"
	heard "mapper: waiting" && fail "$1 to $2: they reach each other"
	need "destroy granter" xl destroy granter
	need "destroy mapper" xl destroy mapper
}

next=$(($(xl list | awk 'END { print $2 }') + 1))
reach tenant_a_t netdom_t
reach sealed_t stordom_t
reach domU_t store_t
reach tenant_b_t tenant_b_t
apart tenant_b_t tenant_a_t
apart isolated_t isolated_t
apart domU_t domU_t
need "boolean" /root/bulkhead-flask boolean guests_talk 1
reach domU_t domU_t
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
