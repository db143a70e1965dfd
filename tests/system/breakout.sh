#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ flask/6: a driver domain that has been taken over tries every operation on the host, on Dom0
# and on a guest of a tenant: only what the policy grants goes through.
# TIMEOUT: 300
# CORES: bulkhead
# ADD: BUILD/tests/system/programs/breakout:/root/programs/bin/breakout
. /etc/bulkhead/testlib.sh

guest_image /tmp/guest.img /root/programs
guest victim 'seclabel = "system_u:system_r:tenant_a_t"'
need "create victim" xl create -q /tmp/victim.cfg
within 90 said victim "user land is up" || fail "the victim does not start"
victim=$(domid victim)
guest driver 'ramdisk = "/tmp/guest.img"' 'seclabel = "system_u:system_r:netdom_t"' \
	"extra = \"console=hvc0 quiet bulkhead.run=xen_modules bulkhead.run=breakout,0,$victim\""
need "create driver" xl create -q /tmp/driver.cfg
within 120 said driver "breakout: tried" || fail "it does not get through its list"
grep -a "^WENT" /var/log/xen/console/guest-driver.log | tr -d '\r' | sort -u >/tmp/went
cat /tmp/went
# What the policy lets it do: ask for Xen's version, and offer event channels.
grep -vE '^WENT (XENVER_(extraversion|compile_info|capabilities|changeset|pagesize|guest_handle|commandline) |EVTCHNOP_(alloc_unbound|bind_interdomain) event:)' \
	/tmp/went >/tmp/wrong && fail "these went through: $(cat /tmp/wrong)"
[ "$(grep -c . /tmp/went)" -gt 4 ] || fail "nothing at all went through: the program is broken"
# What is denied is logged, and the log is not flooded.
xl dmesg | grep -c "avc:  denied" >/tmp/denied
[ "$(cat /tmp/denied)" -ge 20 ] || fail "only $(cat /tmp/denied) denials are logged"
# The victim has felt nothing.
[ "$(state victim)" != "------" ] || [ -n "$(domid victim)" ] || fail "the victim is gone"
need "destroy driver" xl destroy driver
need "destroy victim" xl destroy victim
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
