#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack, size: Dom0 with dom0_mem=192M, our tools and a guest: what is left, and where the
# rest is. Prints `BENCH name KiB`.
. /etc/bulkhead/testlib.sh
. /etc/bulkhead/bench.sh

# kib NAME FIELD: a line of /proc/meminfo.
kib() {
	awk -v name="$1" -v field="$2:" '$1 == field { print "BENCH " name, $2 }' /proc/meminfo
}

idle_guests 2
need "xl create" /tmp/create-next
need "xl create" /tmp/create-next
kib total MemTotal
kib available MemAvailable
kib files-of-initramfs Shmem
kib slab Slab
kib anonymous AnonPages
kib page-tables PageTables
kib kernel-stacks KernelStack
kib per-cpu Percpu
sum=0
for process in /proc/[0-9]*; do
	case $(readlink "$process/exe") in
	/usr/local/*)
		pss=$(awk '$1 == "Pss:" { print $2 }' "$process/smaps_rollup")
		echo "process: $(tr '\0' ' ' <"$process/cmdline"): $pss KiB"
		sum=$((sum + pss))
		;;
	esac
done
echo "BENCH processes $sum"
