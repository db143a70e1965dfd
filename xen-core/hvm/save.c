/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HVM context: those save records of hvm/save.h that domain builders set and debuggers read, the
 * registers of vCPUs and their memory types. Loading walks the records twice: first everything is
 * checked, then it is set.
 */
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"
#include "lib/string.h"
#include "x86/time.h"

size_t hvm_context_size(const struct domain *d)
{
	const size_t desc = sizeof(struct hvm_save_descriptor);
	size_t size = 2 * desc + HVM_SAVE_LENGTH(HEADER);
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i)
		size += 2 * desc + HVM_SAVE_LENGTH(CPU) + HVM_SAVE_LENGTH(MTRR);
	return size;
}

/* Writes a record at @at; returns where the next one goes. */
static uint8_t *put(uint8_t *at, uint16_t type, uint16_t instance, const void *data,
		    uint32_t length)
{
	struct hvm_save_descriptor desc = { type, instance, length };

	memcpy(at, &desc, sizeof(desc));
	memcpy(at + sizeof(desc), data, length);
	return at + sizeof(desc) + length;
}

size_t hvm_context_save(struct domain *d, void *buf)
{
	struct hvm_save_header header = {
		.magic = HVM_FILE_MAGIC,
		.version = HVM_FILE_VERSION,
		.changeset = ~0UL,
		.cpuid = cpu_policy_find(d->cpu_policy, 1, 0)->a,
		.gtsc_khz = tsc_khz(),
	};
	uint8_t *at = put(buf, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
	struct hvm_hw_cpu cpu;
	struct vcpu *v;
	unsigned int i;

	/* A vCPU without register state has no record, and stays down where this one is loaded. */
	for_each_vcpu (d, v, i) {
		if (!v->initialised)
			continue;
		vm_ops->get_hvm_cpu(v, &cpu);
		at = put(at, HVM_SAVE_CODE(CPU), v->id, &cpu, sizeof(cpu));
	}
	for_each_vcpu (d, v, i)
		at = put(at, HVM_SAVE_CODE(MTRR), v->id, &hvm_vcpu(v)->mtrr,
			 sizeof(struct hvm_hw_mtrr));
	at = put(at, HVM_SAVE_CODE(END), 0, &header, 0);
	return at - (uint8_t *)buf;
}

/*
 * Loading.
 */

/* The hardware part checks it. A vCPU that has its registers is up. */
static int load_cpu(struct vcpu *v, const struct hvm_hw_cpu *cpu)
{
	int rc = vm_ops->set_hvm_cpu(v, cpu);

	if (rc)
		return rc;
	v->initialised = true;
	clear_bit(PAUSE_DOWN, &v->pause_flags);
	vcpu_wake(v);
	return 0;
}

/* How many registers there are is not for the tools to change. */
static void load_mtrr(struct vcpu *v, const struct hvm_hw_mtrr *from)
{
	struct hvm_hw_mtrr *to = &hvm_vcpu(v)->mtrr;
	uint64_t cap = to->msr_mtrr_cap;

	*to = *from;
	to->msr_mtrr_cap = cap;
}

static int check_header(const struct hvm_save_descriptor *desc, const void *data)
{
	const struct hvm_save_header *h = data;

	if (desc->typecode != HVM_SAVE_CODE(HEADER) || desc->length != sizeof(*h))
		return -EINVAL;
	return h->magic == HVM_FILE_MAGIC && h->version == HVM_FILE_VERSION ? 0 : -EINVAL;
}

/* One record of a vCPU; with @load it is set, too. */
static int visit_record(struct domain *d, const struct hvm_save_descriptor *desc, const void *data,
			bool load)
{
	bool cpu = desc->typecode == HVM_SAVE_CODE(CPU) && desc->length == HVM_SAVE_LENGTH(CPU);
	bool mtrr = desc->typecode == HVM_SAVE_CODE(MTRR) && desc->length == HVM_SAVE_LENGTH(MTRR);
	struct vcpu *v = domain_vcpu(d, desc->instance);

	if (!cpu && !mtrr)
		return -EINVAL;
	if (!v)
		return -ENOENT;
	if (mtrr && !hvm_mtrr_valid(data))
		return -EINVAL;
	if (load && mtrr)
		load_mtrr(v, data);
	return load && cpu ? load_cpu(v, data) : 0;
}

/* One walk over all records: a header, any others, an end. */
static int walk(struct domain *d, const void *buf, size_t size, bool load)
{
	struct hvm_save_descriptor desc;
	const uint8_t *at = buf;
	bool first = true;
	int rc;

	for (;;) {
		if (size < sizeof(desc))
			return -EINVAL;
		memcpy(&desc, at, sizeof(desc));
		at += sizeof(desc);
		size -= sizeof(desc);
		if (desc.length > size)
			return -EINVAL;
		if (!first && desc.typecode == HVM_SAVE_CODE(END))
			return desc.length ? -EINVAL : 0;
		rc = first ? check_header(&desc, at) : visit_record(d, &desc, at, load);
		if (rc)
			return rc;
		at += desc.length;
		size -= desc.length;
		first = false;
	}
}

int hvm_context_load(struct domain *d, const void *buf, size_t size)
{
	int rc = (uintptr_t)buf % 8 ? -EINVAL : walk(d, buf, size, false);

	return rc ? rc : walk(d, buf, size, true);
}
