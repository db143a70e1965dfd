#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# starts.sh PROGRAM DAEMON: runs store-starts in a directory of its own.
program=$(realpath "$1") daemon=$(realpath "$2")
dir=$(mktemp -d)
cd "$dir" || exit 1
"$program" "$daemon"
result=$?
rm -rf "$dir"
exit $result
