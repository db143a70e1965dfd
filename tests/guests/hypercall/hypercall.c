/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: version, console, scheduling and unknown hypercalls: right results, right errors. */
#include <xen/arch-x86/cpuid.h>
#include <xen/features.h>

#include "guest.h"

#define ENOSYS 38
#define EFAULT 14
#define EINVAL 22

static void check_cpuid(void)
{
	uint32_t regs[4];

	cpuid(xen_cpuid_base, 0, regs);
	CHECK("leaf-count", regs[0] >= xen_cpuid_base + 4);
	cpuid(xen_cpuid_base + 1, 0, regs);
	CHECK_EQ("leaf-version", regs[0], (4 << 16) | 17);
	cpuid(xen_cpuid_base + 2, 0, regs);
	CHECK_EQ("leaf-pages", regs[0], 1);
	cpuid(xen_cpuid_base + 4, 0, regs);
	CHECK("leaf-vcpu-id", (regs[0] & XEN_HVM_CPUID_VCPU_ID_PRESENT) && regs[1] == 0);
	CHECK("leaf-domid", regs[0] & XEN_HVM_CPUID_DOMID_PRESENT);
}

static void check_version(void)
{
	static char text[1024];
	struct xen_feature_info feature = { .submap_idx = 0 };
	static const uint32_t wanted = (1U << XENFEAT_auto_translated_physmap) |
				       (1U << XENFEAT_hvm_callback_vector) |
				       (1U << XENFEAT_hvm_safe_pvclock);

	CHECK_EQ("version", HYPERCALL2(xen_version, XENVER_version, 0), (4 << 16) | 17);
	CHECK_EQ("pagesize", HYPERCALL2(xen_version, XENVER_pagesize, 0), 4096);
	CHECK_EQ("features", HYPERCALL2(xen_version, XENVER_get_features, &feature), 0);
	CHECK_EQ("features-pvh", feature.submap & wanted, wanted);
	feature.submap_idx = XENFEAT_NR_SUBMAPS;
	CHECK_EQ("features-index", HYPERCALL2(xen_version, XENVER_get_features, &feature), -EINVAL);
	CHECK("extraversion", HYPERCALL2(xen_version, XENVER_extraversion, text) == 0);
	CHECK("capabilities", HYPERCALL2(xen_version, XENVER_capabilities, text) == 0 &&
				      strstr(text, "hvm-3.0-x86_64"));
	CHECK_EQ("version-unknown", HYPERCALL2(xen_version, 99, text), -ENOSYS);
	CHECK_EQ("version-pointer", HYPERCALL2(xen_version, XENVER_get_features, BAD_ADDRESS),
		 -EFAULT);
}

static void check_console(void)
{
	static char text[] = "OUT console: written\n";

	CHECK_EQ("console-write", HYPERCALL3(console_io, CONSOLEIO_write, sizeof(text) - 1, text),
		 0);
	CHECK_EQ("console-empty", HYPERCALL3(console_io, CONSOLEIO_write, 0, text), 0);
	CHECK_EQ("console-pointer", HYPERCALL3(console_io, CONSOLEIO_write, 4, BAD_ADDRESS),
		 -EFAULT);
	CHECK_EQ("console-read", HYPERCALL3(console_io, CONSOLEIO_read, 0, text), 0);
	CHECK_EQ("console-unknown", HYPERCALL3(console_io, 77, 1, text), -ENOSYS);
}

static void check_sched(void)
{
	struct sched_shutdown reason = { .reason = 1000 };
	struct sched_poll poll = { .nr_ports = 1000 };

	CHECK_EQ("yield", sched_op(SCHEDOP_yield, NULL), 0);
	CHECK_EQ("sched-unknown", sched_op(99, &reason), -ENOSYS);
	CHECK_EQ("sched-pointer", sched_op(SCHEDOP_shutdown, (void *)BAD_ADDRESS), -EFAULT);
	CHECK_EQ("poll-too-many", sched_op(SCHEDOP_poll, &poll), -EINVAL);
}

void guest_main(void)
{
	check_cpuid();
	check_version();
	check_console();
	check_sched();
	CHECK_EQ("hypercall-unknown", hypercall(63, 0, 0, 0, 0, 0), -ENOSYS);
	CHECK_EQ("hypercall-retired", hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0),
		 -ENOSYS);
}
