# SPDX-License-Identifier: BSD-2-Clause
# For scripts in Dom0, after testlib.sh.

# idle_guests COUNT: configurations of guests that do nothing; /tmp/create-next creates the next.
idle_guests() {
	mkdir -p /tmp/next
	n=0
	while [ $n -lt "$1" ]; do
		guest "idle$n" 'kernel = "/boot/idle"' 'ramdisk = ""' 'extra = ""' 'memory = 16'
		mv "/tmp/idle$n.cfg" /tmp/next/
		n=$((n + 1))
	done
	cat >/tmp/create-next <<-'END'
		#!/bin/sh
		for file in /tmp/next/*.cfg; do
			mv "$file" /tmp/now.cfg
			exec xl create -q /tmp/now.cfg
		done
	END
	chmod +x /tmp/create-next
}
