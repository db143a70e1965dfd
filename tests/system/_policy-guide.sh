#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run by policy-guide.py: the tools in Dom0, then the guide's two tenants.
. /etc/bulkhead/testlib.sh

shipped=/usr/local/share/bulkhead/bulkhead.policy
t=system_u:system_r
o=system_u:object_r

# same WANTED COMMAND...: what it prints.
same() {
	wanted=$1
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || fail "$* prints: $got"
}
# refuses PATTERN COMMAND...: it fails and says so.
refuses() {
	pattern=$1
	shift
	if "$@" >/tmp/said 2>&1; then fail "$* does not fail"; fi
	grep -q -e "$pattern" /tmp/said || fail "$* says: $(cat /tmp/said)"
}

# Mode, booleans
same enforcing bulkhead-flask mode
bulkhead-flask boolean | grep -q "^guests_talk=0" || fail "booleans: $(bulkhead-flask boolean)"
need "boolean" bulkhead-flask boolean guests_talk 1
same guests_talk=1 bulkhead-flask boolean guests_talk
need "load" xl loadpolicy $shipped
same guests_talk=1 bulkhead-flask boolean guests_talk # kept by the reload
need "boolean" bulkhead-flask boolean guests_talk 0
refuses nosuch bulkhead-flask boolean nosuch 1

# The host's scheduler, which is a right of its own
need "rate limit" xl sched-credit2 -s -r 1000

# Labels of domains
same $t:dom0_t bulkhead-flask label domain 0
bulkhead-flask labels | grep -q "^$t:domU_t$" || fail "labels: $(bulkhead-flask labels)"
need "check" bulkhead-flask check $t:tenant_a_t
refuses "domains can have:" bulkhead-flask check $t:nosuch_t
grep -q "  $t:tenant_b_t" /tmp/said || fail "no list of labels: $(cat /tmp/said)"
refuses "Operation not permitted" bulkhead-flask label domain 0 $t:domU_t
guest wrong 'memory = 100' "seclabel = \"$t:nosuch_t\""
refuses "has no label \"$t:nosuch_t\"; guests can have .*$t:domU_t" xl create -q /tmp/wrong.cfg
[ "$(xl list | wc -l)" = 2 ] || fail "a refused guest stays"

# Labels of hardware: shown, set, shown, taken back
same $o:device_t bulkhead-flask label device 0:0:3.0
need "label a device" bulkhead-flask label device 0:0:3.0 $o:nic_t
same $o:nic_t bulkhead-flask label device 00:3.0
same $o:device_t bulkhead-flask label device 0:0:3.1
refuses "given at run time" bulkhead-flask label device 0:0:3.0 $o:disk_t
need "unlabel a device" bulkhead-flask unlabel device 0:0:3.0
same $o:device_t bulkhead-flask label device 0:0:3.0
same $o:irq_t bulkhead-flask label irq 9
need "label an interrupt" bulkhead-flask label irq 9 $o:disk_t
same $o:disk_t bulkhead-flask label irq 9
need "label ports" bulkhead-flask label ioport 0x2f8-0x2ff $o:passthrough_t
same "0x2f0-0x2f7 $o:ioport_t
0x2f8-0x2ff $o:passthrough_t
0x300-0x30f $o:ioport_t" bulkhead-flask label ioport 0x2f0-0x30f
same $o:passthrough_t bulkhead-flask label ioport 0x2f8
need "label memory" bulkhead-flask label iomem 0xfebf0-0xfebf3 $o:nic_t
need "label more memory" bulkhead-flask label iomem 0xfebf4 $o:disk_t
same "0xfebf0-0xfebf3 $o:nic_t
0xfebf4-0xfebf4 $o:disk_t
0xfebf5-0xfebff $o:iomem_t" bulkhead-flask label iomem 0xfebf0-0xfebff
# They stay when a policy is loaded.
need "load" bulkhead-flask load $shipped
same $o:nic_t bulkhead-flask label iomem 0xfebf1
need "unlabel" bulkhead-flask unlabel iomem 0xfebf0-0xfebf3
same $o:iomem_t bulkhead-flask label iomem 0xfebf1
bulkhead-flask stats | grep -q "^lookups [1-9]" || fail "stats: $(bulkhead-flask stats)"

# A sealed guest, by our tools: built under one label, run under another
guest sealed 'memory = 100' 'rtc_timeoffset = 60' "init_seclabel = \"$t:sealed_t_building\"" "seclabel = \"$t:sealed_t\""
need "create sealed" xl create -q /tmp/sealed.cfg
same $t:sealed_t bulkhead-flask label domain "$(domid sealed)"
need "destroy sealed" xl destroy sealed

# The two tenants of the guide
small() {
	guest "$1" 'kernel = "/tmp/pair"' 'ramdisk = ""' 'memory = 16' "extra = \"$3\"" \
		"seclabel = \"$t:$2\""
	sed -i /^ramdisk/d "/tmp/$1.cfg"
	need "create $1" xl create -q "/tmp/$1.cfg"
}
heard() {
	xl dmesg | grep -q "$1"
}
need "load the tenants' policy" xl loadpolicy /root/colours.policy
refuses "has no label" xl create -q /tmp/wrong.cfg
small probe blue_t "pair=mapper,0"
next=$(($(domid probe) + 1)) # numbers are given in order
need "destroy" xl destroy probe
small granter red_t "pair=granter,$((next + 1))"
small mapper red_t "pair=mapper,$next"
same $t:red_t bulkhead-flask label domain "$(domid granter)"
within 90 heard "mapper: waiting" || fail "red guests do not reach each other: $(xl dmesg | tail -n 5)"
need "destroy" xl destroy mapper
need "destroy" xl destroy granter
xl dmesg -c >/dev/null
next=$((next + 2))
small blue blue_t "pair=mapper,$((next + 1))"
small red red_t "pair=granter,$(domid blue)"
within 60 heard "denied.*red_t_channel.*blue_t.*tclass=event" || fail "no denial: $(xl dmesg | tail -n 5)"
heard "mapper: waiting" && fail "blue reaches red"

# What the tools make of it
xl dmesg | bulkhead-policy /root/colours.policy explain >/tmp/explained
grep -q "event:bind from red_t_channel to blue_t" /tmp/explained || fail "$(cat /tmp/explained)"
xl dmesg | bulkhead-policy /root/colours.policy rules | grep -q "^allow red_t_channel blue_t:event bind;" ||
	fail "no rule: $(xl dmesg | bulkhead-policy /root/colours.policy rules)"

# Another policy, without them: nobody may do anything to them but remove them.
need "pause" xl pause red
need "pause" xl pause blue
need "load the shipped policy" xl loadpolicy $shipped
same $t:red_t bulkhead-flask label domain "$(domid red)"
sleep 12 # what was logged as used under the other policy is logged again
refuses "" xl unpause red
need "destroy red" xl destroy red
need "destroy blue" xl destroy blue
within 30 eval '[ $(xl list | wc -l) = 2 ]' || fail "domains stay: $(xl list)"
