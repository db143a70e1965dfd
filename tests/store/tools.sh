#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools.sh SOCKET ROOT: Debian's xenstore commands and Xen's own test of stores, unpacked in ROOT,
# against a daemon, with the same results whichever it is (REQ toolstack/2).
set -u
export XENSTORED_PATH="$1" LD_LIBRARY_PATH="$2/usr/lib/x86_64-linux-gnu"
bin=$2/usr/bin private=$2/usr/lib/xen-4.17/bin
status=0
[ -x "$private/test-xenstore" ] || exit 77 # not fetched: skipped

# want TEXT COMMAND...: the command prints TEXT.
want() {
	text=$1
	shift
	got=$(timeout 20 "$@" 2>&1)
	[ "$got" = "$text" ] && return
	echo "FAILED: $*: got \"$got\", wanted \"$text\""
	status=1
}

# fails COMMAND...: it fails, with a message.
fails() {
	timeout 20 "$@" >/dev/null 2>&1 || return
	echo "FAILED: $* succeeds"
	status=1
}

want "" "$bin/xenstore-write" /t/a value /t/b "" /t/dir/c 'with "quotes"'
want value "$bin/xenstore-read" /t/a
want "/t/a: value
/t/dir/c: with \"quotes\"" "$bin/xenstore-read" -p /t/a /t/dir/c
want "a
b
dir" "$bin/xenstore-list" /t
want "" "$bin/xenstore-exists" /t/a
fails "$bin/xenstore-exists" /t/none
fails "$bin/xenstore-read" /t/none
fails "$bin/xenstore-write" "/t/not a path" x
want "" "$bin/xenstore-chmod" /t/a n0 r0 b0
want 'a = "value"  . . . . . . . . . . . . . . . . . . . . . . . .  (n0,r0,b0)
b = "" . . . . . . . . . . . . . . . . . . . . . . . . . . .  (n0)
dir = "" . . . . . . . . . . . . . . . . . . . . . . . . . .  (n0)
 c = "with "quotes"" . . . . . . . . . . . . . . . . . . . .  (n0)' "$bin/xenstore-ls" -p /t
want '/t/a = "value"
/t/b = ""
/t/dir = ""
/t/dir/c = "with "quotes""' "$bin/xenstore-ls" -f /t
want "" "$bin/xenstore-chmod" -r /t/dir r0
want '/t/dir/c = "with "quotes""   (r0)' "$bin/xenstore-ls" -fp /t/dir
"$bin/xenstore-watch" -n 3 /t/w >"$FAKE_XEN_DIR/events" &
until [ -s "$FAKE_XEN_DIR/events" ]; do sleep 0.1; done
want "" "$bin/xenstore-write" /t/w/x 1
want "" "$bin/xenstore-rm" /t/w
wait $!
want "/t/w
/t/w/x
/t/w" cat "$FAKE_XEN_DIR/events"
want "" "$bin/xenstore-rm" /t/dir
want "a
b" "$bin/xenstore-list" /t
want "" "$bin/xenstore-rm" /t
# Reads, writes, long lists, transactions with conflicts of Xen's own test.
timeout 300 "$private/test-xenstore" -i 20 >"$FAKE_XEN_DIR/test" 2>&1 || {
	cat "$FAKE_XEN_DIR/test"
	status=1
}
[ $status = 0 ] && echo "stock tools: fine"
exit $status
