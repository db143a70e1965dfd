/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HVM context: those save records of hvm/save.h that domain builders set and debuggers read. Each
 * type of record has a row in a table. Loading walks the records twice: first everything is
 * checked, then it is set.
 */
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/time.h"

/* A record in its own memory, aligned for its type. */
struct record_type {
	uint16_t code;
	uint32_t length;
	/* Fills @buf; false: this vCPU has none. */
	bool (*save)(struct vcpu *v, void *buf);
	/* 0 when load() will take it. */
	int (*check)(struct vcpu *v, const void *buf);
	int (*load)(struct vcpu *v, const void *buf);
};

/* A vCPU without register state has no record, and stays down where this one is loaded. */
static bool cpu_save(struct vcpu *v, void *buf)
{
	return v->initialised && vm_ops->get_hvm_cpu(v, buf) == 0;
}

static int no_check(struct vcpu *v, const void *buf)
{
	return 0;
}

/* The hardware part checks it. A vCPU that has its registers is up. */
static int cpu_load(struct vcpu *v, const void *buf)
{
	int rc = vm_ops->set_hvm_cpu(v, buf);

	if (rc)
		return rc;
	v->initialised = true;
	clear_bit(PAUSE_DOWN, &v->pause_flags);
	vcpu_wake(v);
	return 0;
}

static bool mtrr_save(struct vcpu *v, void *buf)
{
	memcpy(buf, &hvm_vcpu(v)->mtrr, sizeof(hvm_vcpu(v)->mtrr));
	return true;
}

static int mtrr_check(struct vcpu *v, const void *buf)
{
	return hvm_mtrr_valid(buf) ? 0 : -EINVAL;
}

static int mtrr_load(struct vcpu *v, const void *buf)
{
	struct hvm_hw_mtrr *m = &hvm_vcpu(v)->mtrr;
	uint64_t cap = m->msr_mtrr_cap;

	memcpy(m, buf, sizeof(*m));
	m->msr_mtrr_cap = cap;
	return 0;
}

#define RECORD(name) HVM_SAVE_CODE(name), HVM_SAVE_LENGTH(name)

/* In the order in which they are written. */
static const struct record_type types[] = {
	{ RECORD(CPU), cpu_save, no_check, cpu_load },
	{ RECORD(MTRR), mtrr_save, mtrr_check, mtrr_load },
};

static const struct record_type *find_type(uint16_t code)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].code == code)
			return &types[i];
	return NULL;
}

static void fill_header(const struct domain *d, struct hvm_save_header *h)
{
	memset(h, 0, sizeof(*h));
	h->magic = HVM_FILE_MAGIC;
	h->version = HVM_FILE_VERSION;
	h->changeset = ~0UL;
	h->cpuid = cpu_policy_find(d->cpu_policy, 1, 0)->a;
	h->gtsc_khz = tsc_khz();
}

size_t hvm_context_size(const struct domain *d)
{
	size_t size = 2 * sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(HEADER);
	struct vcpu *v;
	unsigned int i, t;

	for_each_vcpu (d, v, i)
		for (t = 0; t < ARRAY_SIZE(types); t++)
			size += sizeof(struct hvm_save_descriptor) + types[t].length;
	return size;
}

static void put_descriptor(uint8_t *at, uint16_t type, uint16_t instance, uint32_t length)
{
	struct hvm_save_descriptor desc = { type, instance, length };

	memcpy(at, &desc, sizeof(desc));
}

long hvm_context_save(struct domain *d, void *buf, size_t size)
{
	const size_t desc = sizeof(struct hvm_save_descriptor);
	uint8_t *at = buf;
	struct vcpu *v;
	unsigned int i, t;

	if (size < hvm_context_size(d))
		return -ENOBUFS;
	put_descriptor(at, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER));
	fill_header(d, (struct hvm_save_header *)(at + desc));
	at += desc + HVM_SAVE_LENGTH(HEADER);
	for (t = 0; t < ARRAY_SIZE(types); t++) {
		for_each_vcpu (d, v, i) {
			if (!types[t].save(v, at + desc))
				continue;
			put_descriptor(at, types[t].code, v->id, types[t].length);
			at += desc + types[t].length;
		}
	}
	put_descriptor(at, HVM_SAVE_CODE(END), 0, 0);
	return at + desc - (uint8_t *)buf;
}

long hvm_context_save_one(struct domain *d, uint16_t type, uint16_t instance, void *buf,
			  size_t size)
{
	const struct record_type *t = find_type(type);
	struct vcpu *v = domain_vcpu(d, instance);

	if (type == HVM_SAVE_CODE(HEADER) && instance == 0) {
		if (size < HVM_SAVE_LENGTH(HEADER))
			return -ENOBUFS;
		fill_header(d, buf);
		return HVM_SAVE_LENGTH(HEADER);
	}
	if (!t || !v)
		return -ENOENT;
	if (size < t->length)
		return -ENOBUFS;
	return t->save(v, buf) ? (long)t->length : -ENOENT;
}

/*
 * Loading.
 */

static int check_header(const struct hvm_save_descriptor *desc, const void *data)
{
	const struct hvm_save_header *h = data;

	if (desc->typecode != HVM_SAVE_CODE(HEADER) || desc->length != sizeof(*h))
		return -EINVAL;
	return h->magic == HVM_FILE_MAGIC && h->version == HVM_FILE_VERSION ? 0 : -EINVAL;
}

static int visit_record(struct domain *d, const struct hvm_save_descriptor *desc, const void *data,
			bool load)
{
	const struct record_type *t = find_type(desc->typecode);
	struct vcpu *v = domain_vcpu(d, desc->instance);

	if (!t || desc->length != t->length)
		return -EINVAL;
	if (!v)
		return -ENOENT;
	return load ? t->load(v, data) : t->check(v, data);
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
