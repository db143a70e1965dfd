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
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/window.h"
#include "mm/guest_walk.h"

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

static struct target translate(gva_t va, bool write, gfn_t *gfn);

/* Where a copy goes: to a virtual address of the current vCPU, or a guest-physical one of @d. */
static struct target copy_target(struct domain *d, bool virt, uint64_t at, bool write)
{
	return virt ? translate((gva_t) { at }, write, NULL)
		    : guest_frame(d, gpa_to_gfn((gpa_t) { at }), write);
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

/*
 * Translations found during this exit: the guest cannot tell from a TLB that has not been flushed
 * yet. One per CPU; the exit number tells whether it is still of this exit. When the domain lost a
 * mapping meanwhile (a grant that another vCPU unmapped) it is void, as a TLB's would be.
 */
static struct {
	uint64_t exit, page, tlb_epoch;
	struct vcpu *vcpu;
	gfn_t gfn;
	struct target target;
	bool writable;
} last_translation[MAX_CPUS];

static struct target translate(gva_t va, bool write, gfn_t *gfn_out)
{
	struct cpu *cpu = this_cpu();
	struct vcpu *v = cpu->current;
	typeof(&last_translation[0]) last = &last_translation[cpu->id];
	uint64_t tlb_epoch = __atomic_load_n(&v->domain->p2m.tlb_epoch, __ATOMIC_SEQ_CST);
	const struct target none = { MFN_INVALID, false };
	struct guest_control st;
	struct target t;
	gpa_t gpa;

	if (last->exit == cpu->exits && last->tlb_epoch == tlb_epoch && last->vcpu == v &&
	    last->page == va.v >> PAGE_SHIFT && (!write || last->writable)) {
		if (gfn_out)
			*gfn_out = last->gfn;
		return last->target;
	}
	vm_ops->get_control(v, &st);
	if (guest_walk(v->domain, &st, va, write, &gpa))
		return none;
	t = guest_frame(v->domain, gpa_to_gfn(gpa), write);
	if (mfn_eq(t.mfn, MFN_INVALID))
		return none;
	*last = (typeof(*last)) { cpu->exits, va.v >> PAGE_SHIFT, tlb_epoch, v, gpa_to_gfn(gpa), t,
				  write };
	if (gfn_out)
		*gfn_out = last->gfn;
	return t;
}

static int pin_frame(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
	*mfn = p2m_ram(&d->p2m, gfn);
	if (mfn_eq(*mfn, MFN_INVALID) || !frame_ref(*mfn, d))
		return -EFAULT;
	return 0;
}

static int area_pin(struct domain *d, struct guest_area *area, gfn_t first, gfn_t second,
		    unsigned int offset, size_t size)
{
	int rc = pin_frame(d, first, &area->mfn[0]);

	if (rc)
		return rc;
	if (offset + size > PAGE_SIZE) {
		rc = pin_frame(d, second, &area->mfn[1]);
		if (rc) {
			frame_unref(area->mfn[0]);
			return rc;
		}
	}
	area->offset = (uint16_t)offset;
	area->size = (uint16_t)size;
	return 0;
}

int guest_area_pin(struct domain *d, struct guest_area *area, gpa_t gpa, size_t size)
{
	unsigned int offset = gpa.v & ~PAGE_MASK;

	if (offset + size > PAGE_SIZE)
		return -EINVAL;
	return area_pin(d, area, gpa_to_gfn(gpa), GFN_INVALID, offset, size);
}

int guest_area_pin_va(struct guest_area *area, gva_t va, size_t size)
{
	unsigned int offset = va.v & ~PAGE_MASK;
	gfn_t first, second = GFN_INVALID;

	if (size > PAGE_SIZE)
		return -EINVAL;
	if (mfn_eq(translate(va, true, &first).mfn, MFN_INVALID))
		return -EFAULT;
	if (offset + size > PAGE_SIZE &&
	    mfn_eq(translate(gva_add(va, PAGE_SIZE - offset), true, &second).mfn, MFN_INVALID))
		return -EFAULT;
	return area_pin(current_domain(), area, first, second, offset, size);
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
