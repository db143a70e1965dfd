#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run by terminal.py with our tools.
. /etc/bulkhead/testlib.sh

# People: a guest from its first line to its end, at a terminal.
guest typed 'extra = "console=hvc0 quiet"' 'memory = 160'
typist xl create -c /tmp/typed.cfg >/tmp/screen <<-END || fail "create -c: $(tail -n 5 /tmp/screen)"
	expect user land is up
	pause 500
	enter echo typed \$((40 + 2))
	expect typed 42
	enter poweroff -f
	end
END
within 20 gone typed || fail "typed stays"
fact "a guest boots on the terminal, takes typed input, powers off"
need "create" xl create -q /tmp/typed.cfg
within 60 said typed "user land is up" 2 || fail "typed: no user land"
typist xl console typed >/tmp/screen <<-END || fail "console: $(tail -n 5 /tmp/screen)"
	enter echo seen \$((50 + 2))
	expect seen 52
	key 29
	end
END
[ -n "$(domid typed)" ] || fail "the guest ended with its viewer"
typist -s 24x80 xl top >/tmp/screen <<-END || fail "top: $(tail -n 5 /tmp/screen)"
	expect 2 domains:
	expect typed
	expect S sort (domid)
	type s
	expect S sort (name)
	type v
	expect VCPUs(sec):
	type q
	end
END
xl top -b | grep '^typed ' || fail "top -b: $(xl top -b)"
need "nmi" xl trigger typed nmi
need "sysrq" xl sysrq typed h
within 20 said typed "SysRq" || within 20 said typed "sysrq" || fail "the guest does not see SysRq"
fact "console, top, trigger and sysrq work"
need "destroy" xl destroy typed
