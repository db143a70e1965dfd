#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/6: a driver domain that has been taken over tries every operation on the host, on Dom0
# and on a guest of a tenant: only what the policy grants goes through.
# TIMEOUT: 300
# CORES: bulkhead
# ADD: BUILD/tests/guests/policy_breakout:/root/policy_breakout
. /etc/bulkhead/testlib.sh

guest victim 'seclabel = "system_u:system_r:tenant_a_t"'
need "create victim" xl create -q /tmp/victim.cfg
within 90 said victim "user land is up" || fail "the victim does not start"
guest driver 'kernel = "/root/policy_breakout"' 'ramdisk = ""' 'extra = ""' \
	'seclabel = "system_u:system_r:netdom_t"' 'on_poweroff = "preserve"' 'on_crash = "preserve"'
need "create driver" xl create -q /tmp/driver.cfg
within 60 eval 'xl dmesg | grep -q "breakout: "' || fail "it does not get through its list"
xl dmesg | grep -E "WENT|breakout:"
xl dmesg | grep -q "breakout: kept in" || fail "it did more than the policy grants"

# What is denied is logged.
denied=$(xl dmesg | grep -c "avc:  denied.*scontext=system_u:system_r:netdom_t")
[ "$denied" -ge 20 ] || fail "only $denied denials are logged"
# The victim has felt nothing.
ask victim 'echo answer $((6 * 7))'
grep -q 'answer 42' /tmp/console || fail "the victim does not answer: $(cat /tmp/console)"
xl destroy driver 2>/dev/null
need "destroy victim" xl destroy victim
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
