#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack/builder, toolstack/1: our domain builder and life cycle: a PVH guest of Debian's kernel, as ELF and as
# packaged, comes to its user land; it is paused, renamed, changed; it reboots, is powered off, is destroyed. The
# other toolstack on the same core lists the same facts.
# TIMEOUT: 500
# ADD: BUILD/tests/system/programs/guestctl:/usr/bin/guestctl
. /etc/bulkhead/testlib.sh

build() {
	name=$1 kernel=$2
	shift 2
	need "create $name" guestctl create "$name" "$kernel" /boot/guest-initrd.img "$@"
}

running() {
	[ "$(xl domid "$1")" -gt "$2" ] 2>/dev/null
}

free_memory() {
	xl info | sed -n 's/^free_memory *: //p'
}

before=$(free_memory)
build one /boot/vmlinuz 256 2 "console=hvc0 quiet" maxvcpus=3
within 60 said one "user land is up: Linux .*, 2 vCPUs" || fail "no user land from vmlinuz"
[ "$(memory_of one)" = 256 ] || fail "xl list says $(memory_of one) MiB"
fact "one: $(xl vcpu-list one | tail -n +2 | wc -l) vCPUs, $(memory_of one) MiB"
need "pause" guestctl pause one
case $(state one) in *p*) ;; *) fail "not paused: $(state one)" ;; esac
need "unpause" guestctl unpause one
need "rename" guestctl rename one first
[ "$(xl domname "$(domid first)")" = first ] || fail "not renamed"
need "vcpus" guestctl vcpus first 1
within 30 eval '[ "$(xl list first | awk "NR == 2 { print \$4 }")" = 1 ]' || fail "vCPU 1 stays"
need "memory" guestctl memory first 200
within 30 eval '[ "$(memory_of first)" -le 200 ]' || fail "the balloon does not grow: $(memory_of first)"
fact "first: changed to 1 vCPU and 200 MiB"
! guestctl create first /boot/vmlinux "" 64 1 "" || fail "two domains of one name"
old=$(domid first)
need "reboot" guestctl reboot first
within 90 running first "$old" || fail "it does not come back"
within 60 said first "user land is up" || within 60 said one "user land is up" 2 || fail "no user land again"
fact "first: came back as another domain"
need "poweroff" guestctl poweroff first
within 60 gone first || fail "it stays after power off"
fact "first: powered off and gone"

build crasher /boot/vmlinux 256 1 "console=hvc0 quiet bulkhead.run=crash" on_crash=preserve
within 60 eval 'case $(state crasher) in *c*) true ;; *) false ;; esac' || fail "no crash: $(state crasher)"
sleep 2
[ -n "$(domid crasher)" ] || fail "on_crash=preserve did not preserve it"
need "destroy" guestctl destroy crasher
fact "crasher: preserved, then destroyed"

echo "not a kernel, by any reading of it: this file is made of words, and of nothing else." >/tmp/text
! guestctl create bad /tmp/text "" 64 1 "" || fail "a text was taken for a kernel"
head -c 3000000 /boot/vmlinuz >/tmp/cut
! guestctl create bad /tmp/cut "" 256 1 "" || fail "half a kernel was taken"
! guestctl create bad /boot/vmlinux "" 20 1 "" || fail "the guest is too small"
! guestctl create bad /boot/vmlinux "" 900000 1 "" || fail "the host has not that much memory"
within 20 eval '[ "$(free_memory)" -ge '"$before"' ]' || fail "memory is lost: $before MiB before, $(free_memory) after"
[ "$(xl list | wc -l)" = 2 ] || fail "domains stay: $(xl list)"
within 5 eval '[ -z "$(ls /run/bulkhead/domains)" ]' || fail "records stay: $(ls /run/bulkhead/domains)"
within 5 eval '[ "$(xenstore-list /local/domain)" = 0 ]' || fail "store entries stay: $(xenstore-list /local/domain)"
within 5 eval '[ -z "$(xenstore-list /vm)" ]' || fail "store entries stay in /vm"
cat /var/log/bulkhead/watch.log
fact "nothing is left"
