#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/1: a domain of each label that Dom0 makes comes up and may do to itself what every domain
# may (tests/guests/policy_guest); Dom0 manages it.
# TIMEOUT: 300
# CORES: bulkhead
# DENIED: *_t xen_t:xen writeconsole
# ADD: BUILD/tests/guests/policy_guest:/root/policy_guest BUILD/xsm-policy/bulkhead-flask:/root/bulkhead-flask
. /etc/bulkhead/testlib.sh

# How many have said it.
fine() {
	xl dmesg | grep -c "policy_guest: fine"
}

count=0
for type in domU_t tenant_a_t tenant_b_t isolated_t pvshim_t hvm_guest_t stubdom_t netdom_t stordom_t \
	store_t sealed_t; do
	label=system_u:system_r:$type
	init=
	[ $type = sealed_t ] && init="init_seclabel = \"${label}_building\""
	guest $type 'kernel = "/root/policy_guest"' 'ramdisk = ""' 'memory = 16' 'extra = ""' \
		'rtc_timeoffset = 60' "seclabel = \"$label\"" "$init" 'on_poweroff = "preserve"' 'on_crash = "preserve"'
	need "create $type" xl create -q /tmp/$type.cfg
	count=$((count + 1))
	within 30 eval '[ $(fine) -ge $count ]' ||
		fail "$type: $(xl dmesg | grep policy_guest: | tail -n 3)"
	[ "$(/root/bulkhead-flask label domain "$(domid $type)")" = $label ] || fail "$type: its label"
	need "pause $type" xl pause $type
	need "unpause $type" xl unpause $type
	need "destroy $type" xl destroy $type
done
need "Dom0's memory" xl mem-set 0 500
# One that can't be built is removed, under the label that it has then.
guest broken 'kernel = "/root/bulkhead-flask"' 'ramdisk = ""' 'memory = 16' \
	'init_seclabel = "system_u:system_r:sealed_t_building"' 'seclabel = "system_u:system_r:sealed_t"'
xl create -q /tmp/broken.cfg && fail "a program was taken for a kernel"
# All that Dom0 may make is in the list, and was made (sealed ones are built under another label).
/root/bulkhead-flask labels | sed 's/.*://' | sort >/tmp/labels
for type in $(cat /tmp/labels); do
	[ -f /tmp/$type.cfg ] || [ $type = sealed_t_building ] || fail "$type was not tried"
done
[ "$(wc -l </tmp/labels)" = $count ] || fail "labels: $(cat /tmp/labels)"
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
