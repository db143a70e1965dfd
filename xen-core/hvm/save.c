/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HVM context, as domain builders use it: those save records of hvm/save.h that they set, which are
 * the registers of vCPUs and their memory types, and those that they begin with.
 */
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"
#include "x86/time.h"

union record {
	struct hvm_save_header header;
	struct hvm_hw_cpu cpu;
	struct hvm_hw_mtrr mtrr;
};

size_t hvm_context_size(const struct domain *d)
{
	const size_t desc = sizeof(struct hvm_save_descriptor);
	size_t size = 2 * desc + HVM_SAVE_LENGTH(HEADER);
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i)
		size += desc + HVM_SAVE_LENGTH(MTRR);
	return size;
}

/* Writes a record at *@to, and moves that behind it. */
static int put(gva_t *to, uint16_t type, uint16_t instance, const void *data, uint32_t length)
{
	struct hvm_save_descriptor desc = { type, instance, length };
	gva_t body = gva_add(*to, sizeof(desc));

	if (guest_write(*to, &desc, sizeof(desc)) || guest_write(body, data, length))
		return -EFAULT;
	*to = gva_add(body, length);
	return 0;
}

int hvm_context_save(struct domain *d, gva_t to)
{
	struct hvm_save_header header = {
		.magic = HVM_FILE_MAGIC,
		.version = HVM_FILE_VERSION,
		.changeset = ~0UL,
		.cpuid = cpu_policy_find(d->cpu_policy, 1, 0)->a,
		.gtsc_khz = tsc_khz(),
	};
	int rc = put(&to, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i)
		if (!rc)
			rc = put(&to, HVM_SAVE_CODE(MTRR), v->id, &v->hvm->mtrr,
				 sizeof(struct hvm_hw_mtrr));
	return rc ? rc : put(&to, HVM_SAVE_CODE(END), 0, &header, 0);
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
static int load_mtrr(struct vcpu *v, const struct hvm_hw_mtrr *from)
{
	struct hvm_hw_mtrr *to = &v->hvm->mtrr;
	uint64_t cap = to->msr_mtrr_cap;

	if (!hvm_mtrr_valid(from))
		return -EINVAL;
	*to = *from;
	to->msr_mtrr_cap = cap;
	return 0;
}

static int load_record(struct domain *d, const struct hvm_save_descriptor *desc,
		       const union record *r)
{
	struct vcpu *v = domain_vcpu(d, desc->instance);

	switch (desc->typecode) {
	case HVM_SAVE_CODE(HEADER):
		if (desc->length != sizeof(r->header) || r->header.magic != HVM_FILE_MAGIC)
			return -EINVAL;
		return r->header.version == HVM_FILE_VERSION ? 0 : -EINVAL;
	case HVM_SAVE_CODE(CPU):
		if (desc->length != sizeof(r->cpu))
			return -EINVAL;
		return v ? load_cpu(v, &r->cpu) : -ENOENT;
	case HVM_SAVE_CODE(MTRR):
		if (desc->length != sizeof(r->mtrr))
			return -EINVAL;
		return v ? load_mtrr(v, &r->mtrr) : -ENOENT;
	default:
		return -EINVAL;
	}
}

int hvm_context_load(struct domain *d, gva_t from, size_t size)
{
	struct hvm_save_descriptor desc;
	union record record;
	int rc;

	for (bool first = true;; first = false) {
		if (size < sizeof(desc))
			return -EINVAL;
		if (guest_read(&desc, from, sizeof(desc)))
			return -EFAULT;
		from = gva_add(from, sizeof(desc));
		size -= sizeof(desc);
		if (desc.length > min(size, sizeof(record)) ||
		    (desc.typecode == HVM_SAVE_CODE(HEADER)) != first)
			return -EINVAL;
		if (desc.typecode == HVM_SAVE_CODE(END))
			return desc.length ? -EINVAL : 0;
		if (guest_read(&record, from, desc.length))
			return -EFAULT;
		rc = load_record(d, &desc, &record);
		if (rc)
			return rc;
		from = gva_add(from, desc.length);
		size -= desc.length;
	}
}
