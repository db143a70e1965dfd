/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies to and from guests: a walk of the guest's own page tables for virtual addresses, then the
 * p2m, then one window at a time. No locks, no references: what a lookup finds of the domain's own
 * memory stays until this CPU returns to a guest (mm/frame.h). Memory of another domain that is
 * mapped there may be taken back earlier. So for the length of a copy this CPU says whose map it
 * uses (cpu->copying), and looks up again then: who unmaps raises the map's epoch first and waits
 * for the copy after that (guest_tlb_flush).
 */
#include "mm/guest.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "mm/frame.h"

/* What a copy may touch; mfn is MFN_INVALID where it must not. */
struct target {
	mfn_t mfn;
	bool foreign; /* of another domain */
};

static struct target guest_frame(struct domain *d, gfn_t gfn, bool write)
{
	struct p2m_entry e = p2m_lookup(&d->p2m, gfn);

	switch (e.type) {
	case P2M_RAM:
	case P2M_SHARED_RW:
		return (struct target) { e.mfn, false };
	case P2M_FOREIGN:
	case P2M_GRANT_RW:
		return (struct target) { e.mfn, true };
	case P2M_RAM_RO:
	case P2M_GRANT_RO:
		return (struct target) { write ? MFN_INVALID : e.mfn, e.type == P2M_GRANT_RO };
	default:
		return (struct target) { MFN_INVALID, false };
	}
}

static void copy_frame(mfn_t mfn, unsigned int offset, void *buf, size_t len, bool write)
{
	char *p = window_open(mfn);

	if (write)
		memcpy(p + offset, buf, len);
	else
		memcpy(buf, p + offset, len);
	window_close(p);
}

/*
 * A translation found during this exit: the guest cannot tell from a TLB that has not been flushed
 * yet. The exit number tells whether it is still of this exit. When the domain lost a mapping
 * meanwhile (a grant that another vCPU unmapped) it is void, as a TLB's would be.
 */
struct translation {
	uint64_t exit, page, tlb_epoch;
	struct vcpu *vcpu;
	gfn_t gfn;
	struct target target;
	bool writable;
};

/* Those of each CPU, by the lowest bits of the page's number: an argument, and lists that it names. */
static struct translation translations[MAX_CPUS][4];

/* Where @va of the current vCPU leads to; NULL: nowhere, or not for writing. */
static const struct translation *translate(gva_t va, bool write)
{
	struct cpu *cpu = this_cpu();
	struct vcpu *v = cpu->current;
	uint64_t page = va.v >> PAGE_SHIFT;
	struct translation *t = &translations[cpu->id][page % ARRAY_SIZE(translations[0])];
	uint64_t tlb_epoch = __atomic_load_n(&v->domain->p2m.tlb_epoch, __ATOMIC_SEQ_CST);
	struct guest_control st;
	struct target target;
	gpa_t gpa;

	if (t->exit == cpu->exits && t->tlb_epoch == tlb_epoch && t->vcpu == v && t->page == page &&
	    (!write || t->writable))
		return t;
	vm_ops->get_control(v, &st);
	if (guest_walk(v->domain, &st, va, write, &gpa))
		return NULL;
	target = guest_frame(v->domain, gpa_to_gfn(gpa), write);
	if (mfn_eq(target.mfn, MFN_INVALID))
		return NULL;
	*t =
		(struct translation) { cpu->exits,	page,	tlb_epoch, v,
				       gpa_to_gfn(gpa), target, write };
	return t;
}

/* Where a copy goes: to a virtual address of the current vCPU, or a guest-physical one of @d. */
static struct target copy_target(struct domain *d, bool virt, uint64_t at, bool write)
{
	const struct translation *t;

	if (!virt)
		return guest_frame(d, gpa_to_gfn((gpa_t) { at }), write);
	t = translate((gva_t) { at }, write);
	return t ? t->target : (struct target) { MFN_INVALID, false };
}

static int copy(struct domain *d, bool virt, uint64_t at, void *buf, size_t len, bool write)
{
	struct cpu *cpu = this_cpu();

	while (len) {
		size_t n = min(len, PAGE_SIZE - (at & ~PAGE_MASK));
		struct target t = copy_target(d, virt, at, write);

		if (unlikely(t.foreign)) {
			__atomic_store_n(&cpu->copying, d, __ATOMIC_SEQ_CST);
			t = copy_target(d, virt, at, write);
		}
		if (!mfn_eq(t.mfn, MFN_INVALID))
			copy_frame(t.mfn, at & ~PAGE_MASK, buf, n, write);
		if (unlikely(cpu->copying))
			__atomic_store_n(&cpu->copying, NULL, __ATOMIC_RELEASE);
		if (mfn_eq(t.mfn, MFN_INVALID))
			return -EFAULT;
		buf = (char *)buf + n;
		at += n;
		len -= n;
	}
	return 0;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	return copy(current_domain(), true, src.v, dst, len, false);
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	return copy(current_domain(), true, dst.v, (void *)src, len, true);
}

int guest_phys_read(struct domain *d, void *dst, gpa_t src, size_t len)
{
	return copy(d, false, src.v, dst, len, false);
}

int guest_phys_write(struct domain *d, gpa_t dst, const void *src, size_t len)
{
	return copy(d, false, dst.v, (void *)src, len, true);
}

/* Pins the RAM at @gfn, and at the second of them where the area goes on there. */
static int area_pin(struct domain *d, struct guest_area *area, const gfn_t gfn[2],
		    unsigned int offset, size_t size)
{
	unsigned int pages = offset + size > PAGE_SIZE ? 2 : 1;

	for (unsigned int i = 0; i < pages; i++) {
		area->mfn[i] = p2m_ram(&d->p2m, gfn[i]);
		if (mfn_eq(area->mfn[i], MFN_INVALID) || !frame_ref(area->mfn[i], d)) {
			if (i)
				frame_unref(area->mfn[0]);
			return -EFAULT;
		}
	}
	area->offset = (uint16_t)offset;
	area->size = (uint16_t)size;
	return 0;
}

int guest_area_pin(struct domain *d, struct guest_area *area, gpa_t gpa, size_t size)
{
	const gfn_t gfn[2] = { gpa_to_gfn(gpa) };
	unsigned int offset = gpa.v & ~PAGE_MASK;

	return offset + size > PAGE_SIZE ? -EINVAL : area_pin(d, area, gfn, offset, size);
}

int guest_area_pin_va(struct guest_area *area, gva_t va, size_t size)
{
	unsigned int offset = va.v & ~PAGE_MASK;
	gfn_t gfn[2];

	if (size > PAGE_SIZE)
		return -EINVAL;
	for (unsigned int i = 0; i * PAGE_SIZE < offset + size; i++) {
		const struct translation *t = translate(gva_add(va, i * PAGE_SIZE), true);

		if (!t)
			return -EFAULT;
		gfn[i] = t->gfn;
	}
	return area_pin(current_domain(), area, gfn, offset, size);
}

void guest_area_unpin(struct guest_area *area)
{
	if (!area->size)
		return;
	frame_unref(area->mfn[0]);
	if ((size_t)area->offset + area->size > PAGE_SIZE)
		frame_unref(area->mfn[1]);
	area->size = 0;
}

void guest_area_write(const struct guest_area *area, size_t offset, const void *src, size_t len)
{
	size_t at = area->offset + offset, n;

	while (len) {
		n = min(len, PAGE_SIZE - (at & ~PAGE_MASK));
		copy_frame(area->mfn[at >> PAGE_SHIFT], at & ~PAGE_MASK, (void *)src, n, true);
		src = (const char *)src + n;
		at += n;
		len -= n;
	}
}
