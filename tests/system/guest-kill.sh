#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack/4: the toolstack's processes are killed (-9) at 50 different moments during create, shutdown and
# destroy; afterwards the list of domains is right, nothing leaks, the next command cleans up.
# TIMEOUT: 900
# ADD: BUILD/tests/system/programs/guestctl:/usr/bin/guestctl
. /etc/bulkhead/testlib.sh

free_memory() {
	xl info | sed -n 's/^free_memory *: //p'
}

# kill_after SECONDS COMMAND...
kill_after() {
	delay=$1
	shift
	"$@" >/dev/null 2>&1 &
	victim=$!
	sleep "$delay"
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
}

# What must hold once the next command has run: each domain is whole or gone.
check_all() {
	guestctl recover
	xl list | tail -n +3 | while read -r name id memory rest; do
		[ "$name" != "(null)" ] && [ "$memory" = 128 ] || echo "domain $id is half built: $name $memory $rest"
	done >/tmp/half
	[ ! -s /tmp/half ] || fail "$1: $(cat /tmp/half)"
	domains=$(xl list | tail -n +3 | wc -l)
	records=$(ls /run/bulkhead/domains | grep -c json)
	folders=$(xenstore-list /local/domain | grep -cv '^0$')
	[ "$domains" = "$records" ] && [ "$domains" = "$folders" ] ||
		fail "$1: $domains domains, $records records, $folders folders in the store"
}

end_all() {
	for name in $(xl list | awk 'NR > 2 { print $1 }'); do
		need "destroy $name" guestctl destroy "$name"
	done
}

build="guestctl create victim /boot/vmlinux /boot/guest-initrd.img 128 1"
need "create" $build "console=hvc0 quiet"
need "destroy" guestctl destroy victim
before=$(free_memory)
n=0
# During creation: a delay for each 0.1 s of it.
while [ $n -lt 30 ]; do
	n=$((n + 1))
	kill_after "$((n / 10)).$((n % 10))" $build "console=hvc0 quiet"
	check_all "create, killed after $n/10 s"
	end_all
done
# During destruction.
while [ $n -lt 40 ]; do
	n=$((n + 1))
	need "create" $build "console=hvc0 quiet" >/dev/null
	kill_after "0.0$((n % 10 * 2))" guestctl destroy victim
	check_all "destroy, killed"
	end_all
done
# The watcher, while a guest powers off and while it reboots: a new one goes on.
while [ $n -lt 50 ]; do
	n=$((n + 1))
	verb=poweroff
	[ $((n % 2)) = 0 ] && verb=reboot
	need "create" $build "console=hvc0 quiet" >/dev/null
	within 60 eval 'guestctl '$verb' victim' || fail "the guest does not listen"
	sleep "$(((n - 40) / 5)).$(((n - 40) * 2 % 10))"
	for watcher in $(pidof guestctl); do
		kill -9 "$watcher"
	done
	guestctl recover
	if [ $verb = poweroff ]; then
		within 60 eval 'guestctl config nobody >/dev/null; gone victim' || fail "the guest that powered off stays"
	else
		within 90 eval 'guestctl config nobody >/dev/null; guestctl config victim && [ "$(xl list victim | awk "NR == 2 { print \$3 }")" = 128 ]' ||
			fail "the guest that rebooted does not come back"
		guestctl destroy victim
	fi
	check_all "$verb, watcher killed"
	end_all
done
sleep 2
echo "free memory: $before MiB before, $(free_memory) MiB after"
[ "$(free_memory)" -ge "$before" ] || fail "memory is lost: $before MiB before, $(free_memory) after"
[ -z "$(ls /run/bulkhead/domains)" ] || fail "records stay: $(ls /run/bulkhead/domains)"
fact "killed $n times, nothing is left"
