/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/scheduling: with sched-gran=core the threads of a core run one domain at a time. On the
 * second core of two a domain of two spinning vCPUs and one with a single vCPU take turns: in the
 * second one's, a thread stays idle, so that together they run a quarter less than the two threads
 * could.
 *
 * CPUS: 4
 * CMDLINE: sched-gran=core
 * QEMU: -smp 4,cores=2,threads=2 -icount shift=3,sleep=off
 */
#include "guest.h"

#include <xen/sysctl.h>

#include "domain.h"

#define SECOND	    1000000000UL
#define SECOND_CORE 0xc

void guest_main(void)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
				 .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	domid_t domid[2];
	uint64_t ran[2], sum;

	events_init();
	CHECK_EQ("physinfo", HYPERCALL1(sysctl, &op), 0);
	CHECK_EQ("cpus", op.u.physinfo.nr_cpus, 4);
	CHECK_EQ("threads-per-core", op.u.physinfo.threads_per_core, 2);
	domid[0] = spinner_create(2, SECOND_CORE);
	domid[1] = spinner_create(1, SECOND_CORE);
	spinners_run(domid, 2, 4 * SECOND, ran);
	sum = ran[0] + ran[1];
	check_report("no-two-domains", sum <= 6600 * SECOND / 1000, "ran %lu and %lu us",
		     ran[0] / 1000, ran[1] / 1000);
	check_report("all-run", ran[0] >= 3 * SECOND && ran[1] >= SECOND, "ran %lu and %lu us",
		     ran[0] / 1000, ran[1] / 1000);
	/* Alone each has all that it can use. */
	spinners_run(domid, 1, SECOND, ran);
	check_report("two-threads", ran[0] >= 19 * SECOND / 10, "ran %lu us", ran[0] / 1000);
}
