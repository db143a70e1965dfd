/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Basic types and error numbers of the core. Address types are single-member structs, so that the
 * compiler tells them apart (docs/architecture.md): a guest frame is never mistaken for a machine
 * frame, and a guest pointer is never a C pointer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Error numbers of the ABI (xen/errno.h), under their usual names. On the host (unit tests) the
 * C library's are the same numbers.
 */
#if __STDC_HOSTED__
#include <errno.h>
#else
#define XEN_ERRNO(name, value) name = value,
enum {
#include <xen/errno.h>
};
#endif

/*
 * Internal: the hypercall stopped to let others run and wants to be called again. The vCPU's
 * instruction pointer stays on the VMMCALL; progress is kept in the arguments (hypercall.h).
 */
#define ERESTART_CALL 512

#define PAGE_SHIFT    12
#define PAGE_SIZE     (1UL << PAGE_SHIFT)
#define PAGE_MASK     (~(PAGE_SIZE - 1))

typedef struct {
	uint64_t v;
} gfn_t; /* guest frame number (guest-physical address >> 12) */
typedef struct {
	uint64_t v;
} mfn_t; /* machine frame number */
typedef struct {
	uint64_t v;
} gpa_t; /* guest-physical address */
typedef struct {
	uint64_t v;
} maddr_t; /* machine address */
typedef struct {
	uint64_t v;
} gva_t; /* guest-virtual (linear) address, in the current vCPU's address space */

#define MFN_INVALID ((mfn_t) { ~0UL })
#define GFN_INVALID ((gfn_t) { ~0UL })

static inline gfn_t gfn_add(gfn_t g, uint64_t n)
{
	return (gfn_t) { g.v + n };
}

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
	return (mfn_t) { m.v + n };
}

static inline gva_t gva_add(gva_t a, uint64_t n)
{
	return (gva_t) { a.v + n };
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
	return a.v == b.v;
}

static inline bool gfn_eq(gfn_t a, gfn_t b)
{
	return a.v == b.v;
}

static inline maddr_t mfn_to_maddr(mfn_t m)
{
	return (maddr_t) { m.v << PAGE_SHIFT };
}

static inline mfn_t maddr_to_mfn(maddr_t a)
{
	return (mfn_t) { a.v >> PAGE_SHIFT };
}

static inline gfn_t gpa_to_gfn(gpa_t a)
{
	return (gfn_t) { a.v >> PAGE_SHIFT };
}

static inline gpa_t gfn_to_gpa(gfn_t g)
{
	return (gpa_t) { g.v << PAGE_SHIFT };
}

/* Any Xen guest handle (the member p or q of an XEN_GUEST_HANDLE) as a guest-virtual address. */
#define handle_gva(h)	      ((gva_t) { (uint64_t)(uintptr_t)(h).p })

#define ARRAY_SIZE(a)	      (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)((char *)(p)-offsetof(t, m)))
#define DIV_ROUND_UP(n, d)    (((n) + (d)-1) / (d))
#define ROUND_UP(n, align)    (((n) + (align)-1) & ~((typeof(n))(align)-1))
#define likely(x)	      __builtin_expect(!!(x), 1)
#define unlikely(x)	      __builtin_expect(!!(x), 0)
#define READ_ONCE(x)	      (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val)    (*(volatile typeof(x) *)&(x) = (val))
#define min(a, b)                   \
	({                          \
		typeof(a) a_ = (a); \
		typeof(b) b_ = (b); \
		a_ < b_ ? a_ : b_;  \
	})
#define max(a, b)                   \
	({                          \
		typeof(a) a_ = (a); \
		typeof(b) b_ = (b); \
		a_ > b_ ? a_ : b_;  \
	})

#define BITS_PER_LONG 64

struct domain;
struct vcpu;
