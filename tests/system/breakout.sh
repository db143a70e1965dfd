#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/6: a driver domain, and a device model, that has been taken over tries every operation on the host, on Dom0
# and on a guest of a tenant: only what the policy grants goes through.
# TIMEOUT: 300
# DENIED: *dom_t xen_t:* *
# DENIED: *dom_t security_t:security *
# DENIED: *dom_t dom0_t:* *
# DENIED: *dom_t dom0_t_channel:event status
# DENIED: *dom_t tenant_a_t:* *
# DENIED: *dom_t tenant_a_t_channel:event status
# DENIED: *dom_t domU_t:domain create
# DENIED: tenant_a_t stubdom_t:grant copy
# DENIED: stubdom_t_channel tenant_a_t:event bind
# CORES: bulkhead
# ADD: BUILD/tests/guests/policy_breakout:/root/policy_breakout
. /etc/bulkhead/testlib.sh

guest victim 'seclabel = "system_u:system_r:tenant_a_t"'
need "create victim" xl create -q /tmp/victim.cfg
within 90 said victim "user land is up" || fail "the victim does not start"
for type in netdom_t stordom_t stubdom_t; do
	guest driver 'kernel = "/root/policy_breakout"' 'ramdisk = ""' \
		"extra = \"target=$(domid victim)\"" "seclabel = \"system_u:system_r:$type\"" \
		'on_poweroff = "preserve"' 'on_crash = "preserve"'
	need "create driver" xl create -q /tmp/driver.cfg
	within 60 eval 'xl dmesg | grep -q "breakout: "' || fail "$type: no end of its list"
	xl dmesg -c >/tmp/dmesg
	grep -E "WENT|breakout:" /tmp/dmesg
	grep -q "breakout: kept in" /tmp/dmesg || fail "$type did more than the policy grants"
	# What is denied is logged.
	denied=$(grep -c "avc:  denied.*scontext=system_u:system_r:$type" /tmp/dmesg)
	[ "$denied" -ge 20 ] || fail "only $denied denials of $type are logged"
	xl destroy driver
	within 20 gone driver || fail "$type stays"
done

# The victim has felt nothing.
ask victim 'echo answer $((6 * 7))'
grep -q 'answer 42' /tmp/console || fail "the victim does not answer: $(cat /tmp/console)"
need "destroy victim" xl destroy victim
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
