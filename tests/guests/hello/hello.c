/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: a PVH kernel is entered by the boot protocol and reaches the console. */
#include <stdint.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "guest.h"

void guest_main(void)
{
	const struct hvm_start_info *info =
		(const struct hvm_start_info *)(uintptr_t)start_info_address;

	CHECK_EQ("start-info-magic", info->magic, XEN_HVM_START_MAGIC_VALUE);
	/* Xen gives its Dom0 version 0, which has no memory map. */
	CHECK("memory-map",
	      info->version == 0 || (info->memmap_entries > 0 && info->memmap_paddr != 0));
	CHECK("rsdp", info->rsdp_paddr != 0);
	CHECK("xen-leaves", xen_cpuid_base >= 0x40000000);
	CHECK("hypercall-msr", xen_hypercall_msr != 0);
	print("OUT hello: from the test kernel\n");
}
