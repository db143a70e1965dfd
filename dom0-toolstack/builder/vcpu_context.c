/* SPDX-License-Identifier: BSD-2-Clause */
/* Making the first vCPU's registers. */
#include "builder/vcpu_context.h"
#include "hyper/xen_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/save.h>

#define CR0_PE		0x1u
#define CR0_ET		0x10u
/* Segment attributes in the form of VT-x and SVM's common subset: G, D/B, P, S, type. */
#define CODE_32		0xc9bu
#define DATA_32		0xc93u
#define TSS_32		0x8bu
#define FLAT		UINT32_MAX

#define MTRR_WRITE_BACK 6u
#define MTRR_ENABLE	(1u << 11)

/* Finds a record; NULL when there is none, or when the list is malformed before it. */
static const void *find(const uint8_t *records, size_t size, uint16_t type, uint16_t instance,
			size_t least)
{
	struct hvm_save_descriptor d;

	while (size >= sizeof(d)) {
		memcpy(&d, records, sizeof(d));
		records += sizeof(d);
		size -= sizeof(d);
		if (d.typecode == HVM_SAVE_CODE(END) || d.length > size)
			return NULL;
		if (d.typecode == type && d.instance == instance)
			return d.length >= least ? records : NULL;
		records += d.length;
		size -= d.length;
	}
	return NULL;
}

static uint8_t *put(uint8_t *at, uint16_t type, uint16_t instance, const void *body, uint32_t size)
{
	struct hvm_save_descriptor d = { .typecode = type, .instance = instance, .length = size };

	memcpy(at, &d, sizeof(d));
	if (size)
		memcpy(at + sizeof(d), body, size);
	return at + sizeof(d) + size;
}

static void start_state(struct hvm_hw_cpu *cpu, uint32_t entry, uint32_t start_info)
{
	memset(cpu, 0, sizeof(*cpu));
	cpu->cr0 = CR0_PE | CR0_ET;
	cpu->rip = entry;
	cpu->rbx = start_info;
	cpu->rflags = 2;
	cpu->dr6 = 0xffff0ff0u;
	cpu->dr7 = 0x400;
	cpu->cs_limit = FLAT;
	cpu->ds_limit = FLAT;
	cpu->es_limit = FLAT;
	cpu->ss_limit = FLAT;
	cpu->tr_limit = 0x67;
	cpu->cs_arbytes = CODE_32;
	cpu->ds_arbytes = DATA_32;
	cpu->es_arbytes = DATA_32;
	cpu->ss_arbytes = DATA_32;
	cpu->tr_arbytes = TSS_32;
}

int vcpu_context_build(const void *records, size_t size, uint32_t entry, uint32_t start_info,
		       uint32_t vcpus, void **out, size_t *out_size)
{
	const size_t descriptor = sizeof(struct hvm_save_descriptor);
	const void *header = find(records, size, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER));
	struct hvm_hw_mtrr mtrr;
	struct hvm_hw_cpu cpu;
	uint8_t *at;

	if (!header)
		return -EPROTO;
	at = calloc(1, 3 * descriptor + HVM_SAVE_LENGTH(HEADER) + sizeof(cpu) +
			       (size_t)vcpus * (descriptor + sizeof(mtrr)));
	if (!at)
		return -ENOMEM;
	*out = at;
	at = put(at, HVM_SAVE_CODE(HEADER), 0, header, HVM_SAVE_LENGTH(HEADER));
	start_state(&cpu, entry, start_info);
	at = put(at, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
	for (uint32_t i = 0; i < vcpus; i++) {
		const void *old =
			find(records, size, HVM_SAVE_CODE(MTRR), i, HVM_SAVE_LENGTH(MTRR));

		/* A hypervisor without MTRRs for guests has no such record. */
		if (!old)
			continue;
		memcpy(&mtrr, old, sizeof(mtrr));
		mtrr.msr_mtrr_def_type = MTRR_WRITE_BACK | MTRR_ENABLE;
		at = put(at, HVM_SAVE_CODE(MTRR), i, &mtrr, sizeof(mtrr));
	}
	at = put(at, HVM_SAVE_CODE(END), 0, NULL, 0);
	*out_size = at - (uint8_t *)*out;
	return 0;
}
