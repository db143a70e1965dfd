#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh DAEMON PROGRAM [ARGUMENTS]: starts a store daemon on the stand-in for Xen in a directory
# of its own, runs PROGRAM SOCKET ARGUMENTS against it, and tells how it went. A stock daemon is
# started with $FAKE_XEN_LIB (libfake_xen.so) preloaded.
set -u
daemon=$1 program=$2
shift 2
[ -x "$daemon" ] || exit 77 # a stock daemon that was not fetched: skipped
dir=$(mktemp -d)
export FAKE_XEN_DIR="$dir" XENSTORED_RUNDIR="$dir"
if [ -n "${FAKE_XEN_LIB:-}" ]; then
	LD_PRELOAD=$FAKE_XEN_LIB "$daemon" -N >"$dir/log" 2>&1 &
else
	"$daemon" -N >"$dir/log" 2>&1 &
fi
pid=$!
# Until it listens (its flag): a socket that is only there may still refuse.
until [ -S "$dir/evtchn" ] && grep -q "^[^ ]* [^ ]* [^ ]* 00010000 .* $dir/socket\$" /proc/net/unix; do
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.1
done
"$program" "$dir/socket" "$@"
result=$?
if ! kill "$pid" 2>/dev/null; then
	echo "the daemon is gone:"
	cat "$dir/log"
	result=1
fi
wait "$pid" 2>/dev/null
ended=$?
# 143: by the signal, as a stock daemon; what a sanitizer finds at the end is another status.
if [ "$result" = 0 ] && [ $ended != 0 ] && [ $ended != 143 ]; then
	echo "the daemon ended with $ended:"
	cat "$dir/log"
	result=1
fi
rm -rf "$dir"
exit $result
