#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# starts.sh PROGRAM DAEMON: runs store-starts in a directory of its own.
dir=$(mktemp -d)
cd "$dir" || exit 1
"$1" "$2"
result=$?
rm -rf "$dir"
exit $result
