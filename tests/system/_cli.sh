#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run by cli.py with our tools: the commands that xl.sh does not use, and their errors.
. /etc/bulkhead/testlib.sh

# refuses PATTERN COMMAND...: COMMAND fails and says PATTERN.
refuses() {
	pattern=$1
	shift
	if "$@" >/tmp/said 2>&1; then fail "$* does not fail"; fi
	grep -q -e "$pattern" /tmp/said || fail "$* says: $(cat /tmp/said)"
}

[ "$(readlink -f "$(which xl)")" = /usr/local/sbin/xl ] || fail "this is not our xl: $(which xl)"

# Help, and what is not offered
need help xl help >/tmp/help
for command in create list console shutdown vcpu-pin sched-credit2 loadpolicy; do
	grep -q "^ $command " /tmp/help || fail "xl help does not know $command"
	need "$command --help" xl $command --help | grep -q Usage
done
refuses "not offered: guests are not moved" xl migrate guest other
refuses "not offered" xl block-attach guest x
refuses "there is no command" xl nonsense
refuses Usage xl pause
refuses "invalid domain identifier" xl pause nobody
fact "errors are told"

# Configuration: good, wrong, and overridden
guest checked 'vcpus = 2'
need config-check xl config-check /tmp/checked.cfg
echo 'memroy = 3' >>/tmp/checked.cfg
refuses "checked.cfg:[0-9]*: unknown key 'memroy'; did you mean 'memory'" xl config-check /tmp/checked.cfg
guest typed 'memory = "much"'
refuses "memory: a number" xl create -n /tmp/typed.cfg
guest disk "disk = ['file:/var/lib/xen/images/domu1.img,hda,w']" "vif = ['bridge=xenbr0']"
refuses "back end" xl create /tmp/disk.cfg
[ "$(xl list | wc -l)" = 2 ] || fail "a refused guest left something: $(xl list)"
need "dry run" xl create -n /etc/xen/guest.cfg
[ "$(xl list | wc -l)" = 2 ] || fail "a dry run creates"
xl create -d /etc/xen/guest.cfg memory=77 | grep -q '"memory_kib": 78848' || fail "an override is lost"
fact "configurations are checked"

# Life
need "create -p" xl create -p -q /etc/xen/guest.cfg name='"one"'
case $(state one) in *p*) ;; *) fail "create -p does not leave it paused" ;; esac
refuses "one" xl create -q /etc/xen/guest.cfg name='"one"'
need unpause xl unpause one
within 60 said one "user land is up" || fail "one: no user land"
xl list --json | grep -q '"name": "one"' || fail "list --json"
xl list -l one | grep -q '"kernel"' || fail "list -l"
xl list -v | grep -q "^one .*-.*-.*-.*-" || fail "list -v shows no UUID"
xl vcpu-list --json | grep -q '"vcpu": 0' || fail "vcpu-list --json"
xl uptime one | grep -q "^one .* 0:0" || fail "uptime: $(xl uptime one)"
xl top -b | grep -q "^one " || fail "top -b"
xl claims | grep -q Claimed || fail claims
need "mem-max" xl mem-max one 300
need sysrq xl sysrq one h
need debug-keys xl debug-keys h
xl dmesg | grep -q . || fail dmesg
refuses "Cannot destroy privileged domain 0" xl destroy 0
need "pause -n" xl pause -n one
case $(state one) in *p*) fail "a dry run pauses" ;; *) ;; esac
xl info --json | grep -q '"xen_major": "\?4' || fail "info --json"
fact "commands work"

# Two viewers of one console: both see, the first writes
(sleep 1; echo 'echo from $((20 + 1))'; sleep 4) | timeout 12 xl console one >/tmp/first 2>&1 &
sleep 0.5
(sleep 1; echo 'echo from $((50 + 1))'; sleep 2) | timeout 12 xl console one >/tmp/second 2>&1
wait
grep -q "from 21" /tmp/first && grep -q "from 21" /tmp/second || fail "viewers do not see the same"
grep -q "from 51" /tmp/first && fail "the second viewer writes"
fact "consoles are shared"

# The console daemon dies and comes back; the guest does not notice
kill -9 "$(cat /run/xen/xenconsoled.pid)"
xenconsoled --pid-file=/run/xen/xenconsoled.pid || fail "the console daemon does not start again"
sleep 1
ask one 'echo still $((6 * 7))'
grep -q "still 42" /tmp/console || fail "no console after the daemon's restart"
fact "the console daemon can be restarted"

# A guest that floods its console is logged within bounds, and others are served
before=$(date +%s)
(echo 'while :; do echo flood flood flood flood flood flood flood flood flood; done &'; sleep 1) |
	timeout 2 xl console one >/dev/null 2>&1
need "list under flood" timeout 5 xl list >/dev/null
need "pause the flood" xl pause one
# 64 KiB a second, for the seconds that began meanwhile, and what there was before.
size=$(du -sk /var/log/xen/console | awk '{ print $1 }')
most=$((64 * ($(date +%s) - before + 2) + 64))
[ "$size" -lt $most ] || fail "the log has grown to $size KiB, more than $most"
fact "a flood is bounded"

# Policy
if [ "$(xl getenforce)" = Enforcing ]; then
	need "setenforce 0" xl setenforce 0
	[ "$(xl getenforce)" = Permissive ] || fail "setenforce 0"
	need "setenforce 1" xl setenforce 1
	echo nonsense >/tmp/bad.policy
	refuses "not a policy" xl loadpolicy /tmp/bad.policy
else
	xl getenforce | grep -q Disabled || fail "getenforce: $(xl getenforce)"
	refuses "this core can't tell" bulkhead-flask label device 0:0:3.0
fi

# Dom0's size
echo 'dom0_mem = 600' >/tmp/host.conf
need host-config xl host-config /tmp/host.conf >/dev/null
within 30 eval '[ "$(memory_of 0)" -le 601 ]' || fail "Dom0 does not shrink: $(memory_of 0)"
echo '(xend-port 8000) (domain 0 (memory 700) (vcpus 1)) (domain 1 (memory 1))' >/tmp/x.sxp
[ "$(xl host-config -n /tmp/x.sxp)" = "Dom0's memory: 700 MiB
Dom0's vCPUs: 1" ] || fail "xend-config.sxp: $(xl host-config -n /tmp/x.sxp)"
need host-config-sxp xl host-config /tmp/x.sxp >/dev/null
within 30 eval '[ "$(memory_of 0)" -ge 699 ]' || fail "Dom0 does not grow: $(memory_of 0)"
within 30 eval 'xl vcpu-list 0 | tail -n 1 | grep -q -e "--p"' || fail "Dom0 keeps its vCPU"
echo 'dom0_mme = 3' >/tmp/host.conf
refuses "host.conf:1: 'dom0_mme' is none of" xl host-config -n /tmp/host.conf
fact "Dom0's size is set"

# Store quotas
xl store-quota | grep -q nodes || fail "store-quota"
xl store-quota 0 | grep -q 'of .* nodes owned' || fail "store-quota of a domain: $(xl store-quota 0)"
need "store-quota of one domain" xl store-quota 0 nodes 5000
xl store-quota 0 | grep -q 'of *5000 nodes owned' || fail "store-quota: $(xl store-quota 0)"

# Autostart in order
mkdir -p /etc/xen/auto
guest second 'depends = ["first"]' 'memory = 128'
guest first 'memory = 128'
cp /tmp/second.cfg /etc/xen/auto/1.cfg
cp /tmp/first.cfg /etc/xen/auto/2.cfg
xl autostart -n >/tmp/order
[ "$(cat /tmp/order)" = "would start first
would start second" ] || fail "order: $(cat /tmp/order)"
fact "autostart is in order"
need destroy xl destroy one
within 20 gone one || fail "one stays"
within 10 eval '[ "$(xl list | wc -l)" = 2 ]' || fail "something is left: $(xl list)"
