#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# alone.sh LIBRARY FOLDER: the store's engine knows nothing of Linux (REQ toolstack: store): built
# freestanding it needs nothing but memory and string functions and two of stdio, which any C
# library for a domain without an operating system has; and its files include nothing else.
set -u
allowed="memchr memcmp memcpy memmove memset snprintf strchr strcmp strlen strncmp strnlen vsnprintf"
headers="errno.h stdarg.h stdbool.h stddef.h stdint.h stdio.h string.h sys/types.h xen/io/xs_wire.h"
status=0
defined=$(nm --defined-only "$1" | awk 'NF == 3 { print $3 }')
for symbol in $(nm --undefined-only "$1" | awk '$1 == "U" { print $2 }' | sort -u); do
	echo "$defined" | grep -qx "$symbol" && continue
	echo " $allowed " | grep -q " $symbol " && continue
	echo "the engine needs $symbol"
	status=1
done
for header in $(sed -n 's/^#include <\(.*\)>.*/\1/p' "$2"/*.[ch] | sort -u); do
	echo " $headers " | grep -q " $header " && continue
	echo "the engine includes $header"
	status=1
done
grep -nE '/(proc|dev|run|var|etc)/|\bopen\(|\bmalloc\(|\bmmap\(|\bread\(|\bwrite\(' "$2"/*.[ch] && status=1
exit $status
