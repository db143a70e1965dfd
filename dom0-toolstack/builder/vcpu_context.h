/* SPDX-License-Identifier: BSD-2-Clause */
/* The state in which a PVH guest's first vCPU starts, as save records of the HVM ABI. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * From the records of a new domain (as gethvmcontext gives them) makes those to set: vCPU 0 in
 * 32-bit protected mode without paging, at `entry`, with `start_info` in EBX
 * (xen/arch-x86/hvm/start_info.h); and MTRRs of all `vcpus` vCPUs with write-back as the default.
 * *out is malloc. -EPROTO: the domain's records are malformed; -ENOMEM.
 */
int vcpu_context_build(const void *records, size_t size, uint32_t entry, uint32_t start_info,
		       uint32_t vcpus, void **out, size_t *out_size);
