/* SPDX-License-Identifier: BSD-2-Clause */
/* What gcc calls for __builtin_popcountll where the CPU is not known to have POPCNT. */
#include "types.h"

int __popcountdi2(uint64_t x);
int __popcountdi2(uint64_t x)
{
	int n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}
