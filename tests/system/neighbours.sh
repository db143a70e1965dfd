#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ core/3: a guest that spins and one that crashes in a loop don't disturb a third.
# TIMEOUT: 1500
# ADD: BUILD/tests/guests/pair:/tmp/pair
. /etc/bulkhead/testlib.sh

guest spinner 'kernel = "/tmp/pair"' 'ramdisk = ""' 'memory = 32' 'vcpus = 2' 'extra = "pair=spin"'
guest crasher 'on_crash = "restart"' 'extra = "console=hvc0 quiet panic=0 bulkhead.run=crash"'
guest worker 'extra = "console=hvc0 quiet bulkhead.run=work"'

for name in spinner crasher worker; do
	need "create $name" xl create -q /tmp/$name.cfg
done
within 90 said worker "guest: work" || fail "the worker does not start"

# The crasher crashes, and is made anew, at least three times, while the worker goes on.
first=$(grep -c "guest: work" /var/log/xen/console/guest-worker.log)
within 150 said crasher "user land is up" 3 || fail "the crasher is not restarted"
last=$(grep -c "guest: work" /var/log/xen/console/guest-worker.log)
[ "$last" -gt "$((first + 5))" ] || fail "the worker does nothing while others misbehave: $first to $last"
fact "the worker works"

# All of its results are the same, and right.
sum=$(head -c 1000000 /dev/zero | sha256sum | cut -c1-16)
wrong=$(grep "guest: work" /var/log/xen/console/guest-worker.log | grep -vc "$sum")
[ "$wrong" = 0 ] || fail "$wrong wrong results of the worker"
fact "its results are right"

# The spinner has used both its vCPUs.
xl vcpu-list spinner >/tmp/vcpus
[ "$(awk 'NR > 1 && $6 >= 3' /tmp/vcpus | grep -c .)" = 2 ] || fail "the spinner does not spin: $(cat /tmp/vcpus)"
xl dmesg | tail -n 50 >/tmp/dmesg
# The crasher may just be made anew: then it is destroyed once more.
ended() {
	for name in crasher spinner worker; do
		xl destroy $name
	done
	[ "$(xl list | wc -l)" = 2 ]
}
within 30 ended || fail "domains stay: $(xl list)"
fact "all gone"
