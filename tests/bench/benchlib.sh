# SPDX-License-Identifier: BSD-2-Clause
# For scripts in Dom0, after testlib.sh.

# idle_guests COUNT: configurations of guests that do nothing; /tmp/create-next creates the next one,
# /tmp/destroy-next destroys one.
idle_guests() {
	mkdir -p /tmp/next
	n=0
	while [ $n -lt "$1" ]; do
		cat >"/tmp/next/idle$n.cfg" <<-END
			type = "pvh"
			name = "idle$n"
			kernel = "/boot/idle"
			memory = 16
		END
		n=$((n + 1))
	done
	cat >/tmp/create-next <<-'END'
		#!/bin/sh
		for file in /tmp/next/*.cfg; do
			mv "$file" /tmp/now.cfg
			exec xl create -q /tmp/now.cfg
		done
	END
	cat >/tmp/destroy-next <<-'END'
		#!/bin/sh
		for file in /tmp/destroyed.*; do
			n=${file##*.}
			mv "$file" "/tmp/destroyed.$((n + 1))"
			exec xl destroy "idle$n"
		done
	END
	: >/tmp/destroyed.0
	chmod +x /tmp/create-next /tmp/destroy-next
}
