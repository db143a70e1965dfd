/* SPDX-License-Identifier: BSD-2-Clause */
/* The paravirtual clock, as read from the shared page (xen.h: struct vcpu_time_info). */
#include "guest.h"

uint64_t system_time(void)
{
	struct vcpu_time_info *info = &shared_info.vcpu_info[this_cpu()].time;
	uint32_t version;
	uint64_t delta, time;

	do {
		version = READ_ONCE(info->version);
		barrier();
		delta = rdtsc() - info->tsc_timestamp;
		if (info->tsc_shift >= 0)
			delta <<= info->tsc_shift;
		else
			delta >>= -info->tsc_shift;
		time = info->system_time +
		       (uint64_t)(((__uint128_t)delta * info->tsc_to_system_mul) >> 32);
		barrier();
	} while ((version & 1) || version != READ_ONCE(info->version));
	return time;
}
