/* SPDX-License-Identifier: BSD-2-Clause */
/* A software walk of a guest's own page tables. Formats: AMD APM vol. 2 chapter 5. */
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "mm/frame.h"
#include "x86/bits.h"

/* How a mode's tables look. */
struct walk_format {
	unsigned int levels, index_bits, entry_size;
	unsigned int top_bits;	/* index bits at the top level */
	unsigned int max_large; /* highest level at which a large page may stand */
};

static const struct walk_format format_long = { 4, 9, 8, 9, 3 };
static const struct walk_format format_pae = { 3, 9, 8, 2, 2 };
static const struct walk_format format_32 = { 2, 10, 4, 10, 2 };

/*
 * Reads the entry at @gpa; with @set, ors those bits into it if it has not changed meanwhile. They and
 * the present bit are in the half that all formats have.
 */
static int entry_access(struct domain *d, gpa_t gpa, unsigned int size, uint64_t *entry,
			uint32_t set)
{
	mfn_t mfn = p2m_ram(&d->p2m, gpa_to_gfn(gpa));
	char *page, *e;

	if (mfn_eq(mfn, MFN_INVALID))
		return -EFAULT;
	page = window_open(mfn);
	e = page + (gpa.v & ~PAGE_MASK);
	if (set) {
		uint32_t old = (uint32_t)*entry;

		__atomic_compare_exchange_n((uint32_t *)e, &old, old | set, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	} else {
		*entry = size == 8 ? READ_ONCE(*(uint64_t *)e) : READ_ONCE(*(uint32_t *)e);
	}
	window_close(page);
	return 0;
}

/* Canonical in 48 bits, or within 32 for the older formats. */
static const struct walk_format *choose_format(const struct guest_control *st, gva_t va)
{
	if (st->efer & EFER_LMA) {
		if ((st->cr4 & CR4_LA57) || (uint64_t)((int64_t)(va.v << 16) >> 16) != va.v)
			return NULL;
		return &format_long;
	}
	if (va.v >> 32)
		return NULL;
	return (st->cr4 & CR4_PAE) ? &format_pae : &format_32;
}

static uint64_t root_address(const struct walk_format *f, uint64_t cr3)
{
	if (f == &format_pae)
		return cr3 & 0xffffffe0UL;
	return cr3 & (f == &format_32 ? 0xfffff000UL : PTE_ADDR);
}

int guest_walk(struct domain *d, const struct guest_control *st, gva_t va, bool write, gpa_t *out)
{
	const struct walk_format *f;
	uint64_t table, entry;
	unsigned int level, shift;
	bool writable = true;
	gpa_t at;

	if (!(st->cr0 & CR0_PG)) {
		*out = (gpa_t) { va.v };
		return va.v >> 32 ? -EFAULT : 0;
	}
	f = choose_format(st, va);
	if (!f)
		return -EFAULT;
	table = root_address(f, st->cr3);
	for (level = f->levels;; level--) {
		unsigned int bits = level == f->levels ? f->top_bits : f->index_bits;
		bool large;

		shift = PAGE_SHIFT + f->index_bits * (level - 1);
		at = (gpa_t) { table + (va.v >> shift & ((1UL << bits) - 1)) * f->entry_size };
		if (entry_access(d, at, f->entry_size, &entry, 0) || !(entry & PTE_P))
			return -EFAULT;
		/* PAE's top level has no rights and no accessed bit. */
		if (f != &format_pae || level != 3) {
			writable = writable && (entry & PTE_W);
			large = level > 1 && level <= f->max_large && (entry & PTE_PS) &&
				(f != &format_32 || (st->cr4 & CR4_PSE));
			if (level == 1 || large)
				break;
			if (!(entry & PTE_A))
				entry_access(d, at, f->entry_size, &entry, PTE_A);
		}
		table = entry & PTE_ADDR;
	}
	if (write && !writable && (st->cr0 & CR0_WP))
		return -EFAULT;
	if ((entry & PTE_A) == 0 || (write && !(entry & PTE_D)))
		entry_access(d, at, f->entry_size, &entry, PTE_A | (write ? PTE_D : 0));
	entry &= PTE_ADDR;
	out->v = (entry & ~((1UL << shift) - 1)) | (va.v & ((1UL << shift) - 1));
	return 0;
}
