#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack/4: the toolstack's processes are killed (-9) at 50 different moments during create, shutdown and
# destroy; afterwards the list of domains is right, nothing leaks, the next command cleans up. Run by guest-kill.py
# with our tools. The moments are drawn from a fixed seed; guests are small (programs/waiter.c).
. /etc/bulkhead/testlib.sh

KILLS=50
seed=2654435761

# Sets $random to a number below $1.
draw() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	random=$((seed / 65536 % $1))
}

uptime_ms() {
	read -r up rest </proc/uptime
	echo "${up%.*}${up#*.}0"
}

# How long COMMAND takes, in ms.
duration() {
	begin=$(uptime_ms)
	need "$*" "$@"
	took=$(($(uptime_ms) - begin + 10))
}

free_memory() {
	xl info | sed -n 's/^free_memory *: //p'
}

channels() {
	lsevtchn 0 | grep -c .
}

# kill_within MS COMMAND...: COMMAND is killed at a random moment of the MS that it takes.
kill_within() {
	draw "$1"
	shift
	"$@" >/dev/null 2>&1 &
	victim=$!
	usleep $((random * 1000))
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
	n=$((n + 1))
	moments="$moments $random"
}

# What must hold once the next command has run (it cleans up): each domain is whole or gone.
consistent() {
	xl list >/tmp/list || return 1
	tail -n +3 /tmp/list | while read -r name id memory rest; do
		[ "$name" != "(null)" ] && [ "$memory" = 16 ] || echo "domain $id is half built: $name $memory $rest"
	done >/tmp/half
	domains=$(tail -n +3 /tmp/list | wc -l)
	records=$(ls /run/bulkhead/domains | grep -c json)
	folders=$(xenstore-list /local/domain | grep -cv '^0$')
	[ ! -s /tmp/half ] && [ "$domains" = "$records" ] && [ "$domains" = "$folders" ]
}

# At once, but where the watcher is at work on it.
check_all() {
	within 3 consistent ||
		fail "$1: $domains domains, $records records, $folders folders in the store: $(cat /tmp/half /tmp/list)"
}

end_all() {
	for name in $(tail -n +3 /tmp/list | awk '{ print $1 }'); do
		need "destroy $name" xl destroy "$name"
	done
}

listens() {
	[ "$(xenstore-read "/local/domain/$(domid victim)/control/feature-poweroff" 2>/dev/null)" = 1 ]
}

create() {
	need "create" xl create -q /tmp/victim.cfg
	within 20 listens || fail "the guest does not listen"
}

came_back() {
	[ "$(domid victim)" -gt "$1" ] && [ "$(memory_of victim)" = 16 ] && listens
}

guest victim 'kernel = "/boot/waiter"' 'ramdisk = ""' 'memory = 16' 'extra = ""'
duration xl create -q /tmp/victim.cfg
create_ms=$took
within 20 listens || fail "the guest does not listen"
duration xl destroy victim
destroy_ms=$took
create
need "shutdown" xl shutdown -w victim 2>/dev/null
within 20 gone victim || fail "the guest does not end"
sleep 1 # for a baseline that is not too low
before=$(free_memory) ports=$(channels)
echo "create takes $create_ms ms, destroy $destroy_ms ms"
n=0

# During creation.
while [ $n -lt 20 ]; do
	kill_within $create_ms xl create -q /tmp/victim.cfg
	check_all "create, killed after $random ms"
	end_all
done
fact "xl create killed: nothing half built is left"

# During destruction.
while [ $n -lt 30 ]; do
	create
	kill_within $destroy_ms xl destroy victim
	check_all "destroy, killed after $random ms"
	end_all
done
fact "xl destroy killed: the next command ends it"

# The shutdown's command; the guest ends all the same, or was not asked.
while [ $n -lt 36 ]; do
	create
	kill_within 100 xl shutdown -w victim
	[ -z "$(xenstore-read "/local/domain/$(domid victim)/control/shutdown" 2>/dev/null)" ] || {
		within 20 gone victim || fail "the guest that was asked stays"
	}
	check_all "shutdown, killed after $random ms"
	end_all
done
fact "xl shutdown killed: the guest ends or goes on"

# The watcher and its children, while a guest powers off and while it reboots: a new one goes on.
while [ $n -lt 46 ]; do
	create
	old=$(domid victim)
	verb=shutdown
	[ $((n % 2)) = 0 ] && verb=reboot
	need "$verb" xl $verb victim 2>/dev/null
	draw $((create_ms + 50))
	usleep $((random * 1000))
	[ -n "$(pidof bulkhead-watchd)" ] || fail "there is no watcher to be killed"
	for watcher in $(pidof bulkhead-watchd); do
		kill -9 "$watcher" 2>/dev/null
	done
	n=$((n + 1))
	moments="$moments $random"
	# The next command that needs one starts a watcher; not the first, while the old one still dies.
	need "list" xl list >/dev/null
	if [ $verb = shutdown ]; then
		within 20 eval 'xl list && gone victim' || fail "the guest that was shut down stays"
	else
		within 20 eval 'xl list && came_back "$old"' || fail "the guest that rebooted does not come back: $(xl list)"
	fi
	check_all "$verb, watcher killed after $random ms"
	end_all
done
fact "watchers killed: what a guest's end asks for is done"

# The console daemon, while a guest is created.
while [ $n -lt $KILLS ]; do
	xl create -q /tmp/victim.cfg &
	creator=$!
	draw $create_ms
	usleep $((random * 1000))
	kill -9 "$(cat /run/xen/xenconsoled.pid)"
	n=$((n + 1))
	xenconsoled --pid-file=/run/xen/xenconsoled.pid || fail "the console daemon does not start again"
	sleep 0.3 # it writes its number after it has gone to the background
	wait $creator || fail "create fails without a console daemon"
	within 20 listens || fail "the guest does not listen"
	check_all "console daemon killed after $random ms"
	end_all
done
fact "the console daemon killed: guests do not notice"

check_all "at the end"
[ "$(xl list | wc -l)" = 2 ] || fail "domains stay: $(xl list)"
within 20 eval '[ "$(free_memory)" -ge '"$before"' ]' ||
	fail "memory is lost: $before MiB before, $(free_memory) after"
within 5 eval '[ "$(channels)" -le '"$ports"' ]' || fail "event channels are lost: $ports before, $(channels) after"
within 5 eval '[ -z "$(ls /run/bulkhead/domains)" ]' || fail "records stay: $(ls /run/bulkhead/domains)"
within 5 eval '[ -z "$(xenstore-list /vm)" ]' || fail "store entries stay in /vm"
within 5 eval '[ -z "$(pidof xl)" ]' || fail "processes stay: $(ps | grep '[x]l ')"
echo "moments:$moments"
fact "killed $n times, nothing is left"
