/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to guest memory, always by copy. Guest-virtual addresses are those of the current vCPU;
 * its page tables are walked in software, with the guest's own permissions (supervisor access).
 */
#pragma once

#include "types.h"

/* 0 or -EFAULT. A copy that fails may have written a prefix. */
int guest_read(void *dst, gva_t src, size_t len);
int guest_write(gva_t dst, const void *src, size_t len);

/* One element of an array that a handle points to. */
#define guest_read_elem(dst, handle, index)                                                \
	guest_read((dst), gva_add(handle_gva(handle), (uint64_t)(index) * sizeof(*(dst))), \
		   sizeof(*(dst)))
#define guest_write_elem(handle, index, src)                                                \
	guest_write(gva_add(handle_gva(handle), (uint64_t)(index) * sizeof(*(src))), (src), \
		    sizeof(*(src)))

/* By guest-physical address, in any domain. -EFAULT where there is no memory (or it is read-only). */
int guest_phys_read(struct domain *d, void *dst, gpa_t src, size_t len);
int guest_phys_write(struct domain *d, gpa_t dst, const void *src, size_t len);

/*
 * A software walk of a guest's own page tables (mm/guest_walk.c). Translates @va as a supervisor access
 * of a vCPU with control state @st (hvm/hvm.h); sets accessed and dirty bits as hardware does. Paging
 * off, 32-bit, PAE and 4-level tables. -EFAULT: not present, not writable, not canonical, or the tables
 * are not in memory.
 */
struct guest_control;
int guest_walk(struct domain *d, const struct guest_control *st, gva_t va, bool write, gpa_t *out);

/*
 * A small area in guest memory that the core reads and writes while the guest runs: vcpu_info,
 * runstate, event array pages. Holds references to its frame (two when it crosses a page).
 */
struct guest_area {
	mfn_t mfn[2];
	uint16_t offset; /* in the first frame */
	uint16_t size;	 /* 0: not registered */
};

/*
 * Pins @size bytes at @gpa of @d, on one page (-EINVAL), or at @va of the current vCPU. -EFAULT: not the
 * domain's RAM. Replaces nothing: @area must be empty.
 */
int guest_area_pin(struct domain *d, struct guest_area *area, gpa_t gpa, size_t size);
int guest_area_pin_va(struct guest_area *area, gva_t va, size_t size);
void guest_area_unpin(struct guest_area *area);
void guest_area_write(const struct guest_area *area, size_t offset, const void *src, size_t len);
