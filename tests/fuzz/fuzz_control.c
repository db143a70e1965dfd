/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6: control hypercalls with any argument structure, by Dom0 and by a guest. The first
 * byte of the input chooses the hypercall and the caller, the next the operation; the rest is the
 * structure. Afterwards no heap is held, and the lock is free.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/support/fake_control.h"
#include "lib/spinlock.h"

static uint32_t pick(const struct op_table *table, uint8_t byte)
{
	return byte < 200 ? table->ops[byte % table->nr_ops].nr : byte;
}

static void call(uint8_t which, uint8_t nr, const uint8_t *data, size_t size)
{
	struct xen_domctl domctl = { 0 };
	struct xen_sysctl sysctl = { 0 };
	struct xen_platform_op platform = { 0 };
	uint64_t value = 0;

	memcpy(&domctl, data, size < sizeof(domctl) ? size : sizeof(domctl));
	memcpy(&sysctl, data, size < sizeof(sysctl) ? size : sizeof(sysctl));
	memcpy(&platform, data, size < sizeof(platform) ? size : sizeof(platform));
	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	domctl.cmd = pick(&domctl_ops, nr);
	domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	sysctl.cmd = pick(&sysctl_ops, nr);
	sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	platform.cmd = pick(&platform_ops, nr);
	platform.interface_version = XENPF_INTERFACE_VERSION;
	switch (which % 6) {
	case 0:
		put_arg(&domctl, sizeof(domctl));
		do_domctl((gva_t) { ARG });
		break;
	case 1:
		put_arg(&sysctl, sizeof(sysctl));
		do_sysctl((gva_t) { ARG });
		break;
	case 2:
		put_arg(&platform, sizeof(platform));
		do_platform_op((gva_t) { ARG });
		break;
	case 3:
		do_xen_version(nr, (gva_t) { value % (1UL << 22) });
		break;
	default:
		do_console_io(nr & 3, (unsigned int)(value >> 32) % 70000,
			      (gva_t) { (uint32_t)value % (1U << 22) });
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	control_setup(NULL);
	while (size >= 2) {
		size_t len =
			size - 2 < sizeof(struct xen_domctl) ? size - 2 : sizeof(struct xen_domctl);

		fake_current(data[0] & 0x80 ? dom1 : dom0, 0);
		call(data[0] & 0x7f, data[1], data + 2, len);
		memset(&control_log, 0, sizeof(control_log));
		dom1->d.pause_count = 1;
		if (fake_domain_count() > 4)
			break; /* createdomain fills the fakes */
		data += len + 2;
		size -= len + 2;
	}
	if (fake_heap_blocks || domctl_lock.next != domctl_lock.owner)
		abort();
	return 0;
}
