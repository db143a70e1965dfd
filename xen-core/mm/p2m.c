/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables in the format that long mode uses for its own (AMD APM vol. 2 § 15.25). What
 * an entry is stands in bits that the hardware ignores.
 *
 * Changes take p2m->lock. Lookups take nothing: entries are written with single stores, and tables
 * and frames that were unlinked are reused only after a grace period (x86/epoch.h).
 */
#include "mm/p2m.h"
#include "domain/domain.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "x86/epoch.h"
#include "x86/tlb.h"

#define NPTE_P		(1UL << 0)
#define NPTE_W		(1UL << 1)
#define NPTE_U		(1UL << 2) /* nested walks are user accesses */
#define NPTE_PCD	(1UL << 4)
#define NPTE_A		(1UL << 5)
#define NPTE_D		(1UL << 6)
#define NPTE_PS		(1UL << 7)
#define NPTE_NX		(1UL << 63)
#define NPTE_ADDR	0x000ffffffffff000UL
#define NPTE_TYPE_SHIFT 52
#define NPTE_TYPE	(0xfUL << NPTE_TYPE_SHIFT)

#define LEVELS		4
#define ENTRIES		512
#define GFN_BITS	36 /* four levels */

static bool is_leaf(uint64_t e, unsigned int level)
{
	return level == 1 || (e & NPTE_PS);
}

static enum p2m_type entry_type(uint64_t e)
{
	return (e & NPTE_P) ? (e & NPTE_TYPE) >> NPTE_TYPE_SHIFT : P2M_NONE;
}

static mfn_t entry_mfn(uint64_t e)
{
	return maddr_to_mfn((maddr_t) { e & NPTE_ADDR });
}

static uint64_t *entry_table(uint64_t e)
{
	return core_va(entry_mfn(e));
}

static unsigned int table_index(gfn_t gfn, unsigned int level)
{
	return gfn.v >> (9 * (level - 1)) & (ENTRIES - 1);
}

static unsigned int order_level(unsigned int order)
{
	return order / 9 + 1;
}

static uint64_t make_leaf(mfn_t mfn, enum p2m_type type, unsigned int level)
{
	uint64_t e = mfn_to_maddr(mfn).v | (uint64_t)type << NPTE_TYPE_SHIFT | NPTE_P | NPTE_U |
		     NPTE_A | NPTE_D;

	if (level > 1)
		e |= NPTE_PS;
	if (type != P2M_RAM_RO && type != P2M_GRANT_RO)
		e |= NPTE_W;
	if (type != P2M_RAM && type != P2M_RAM_RO)
		e |= NPTE_NX;
	if (type == P2M_MMIO_DIRECT)
		e |= NPTE_PCD;
	return e;
}

static uint64_t *table_alloc(struct p2m *p2m)
{
	uint64_t *t;

	if (p2m->table_pages >= p2m->table_limit)
		return NULL;
	t = core_pages_alloc(0);
	if (t)
		p2m->table_pages++;
	return t;
}

static void table_free_now(struct epoch_node *node)
{
	core_pages_free(node, 0);
}

/*
 * Others may still be walking the table: its first two words become the epoch node, and both have
 * bit 0 clear (pointers to aligned things), so that a walker sees entries that are not present.
 */
static void table_free(struct p2m *p2m, uint64_t *table)
{
	p2m->table_pages--;
	epoch_defer((struct epoch_node *)table, table_free_now);
}

static uint64_t table_entry(uint64_t *table)
{
	return mfn_to_maddr(core_va_to_mfn(table)).v | NPTE_P | NPTE_W | NPTE_U | NPTE_A;
}

int p2m_init(struct p2m *p2m, struct domain *d)
{
	spin_init(&p2m->lock, LOCK_P2M);
	p2m->domain = d;
	p2m->table_limit = 16;
	p2m->root = table_alloc(p2m);
	return p2m->root ? 0 : -ENOMEM;
}

void p2m_set_limit(struct p2m *p2m, uint64_t max_pages)
{
	uint64_t limit = 1024 + max_pages / 64;

	if (limit > p2m->table_limit)
		p2m->table_limit = limit;
}

maddr_t p2m_root(const struct p2m *p2m)
{
	return mfn_to_maddr(core_va_to_mfn(p2m->root));
}

struct p2m_entry p2m_lookup(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry out = { MFN_INVALID, P2M_NONE, 0 };
	const uint64_t *table = p2m->root;

	if (gfn.v >> GFN_BITS || !table)
		return out;
	for (unsigned int level = LEVELS;; level--) {
		uint64_t e = __atomic_load_n(&table[table_index(gfn, level)], __ATOMIC_ACQUIRE);

		out.order = 9 * (level - 1);
		if (!(e & NPTE_P))
			return out;
		if (is_leaf(e, level)) {
			out.type = entry_type(e);
			out.mfn = mfn_add(entry_mfn(e), gfn.v & ((1UL << out.order) - 1));
			return out;
		}
		table = entry_table(e);
	}
}

mfn_t p2m_ram(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry e = p2m_lookup(p2m, gfn);

	return e.type == P2M_RAM ? e.mfn : MFN_INVALID;
}

/* Under the lock: replaces the leaf @e of @level by a table of entries one level below. */
static int split(struct p2m *p2m, uint64_t *e, unsigned int level)
{
	uint64_t *table = table_alloc(p2m), old = *e;
	enum p2m_type type = entry_type(old);

	if (!table)
		return -ENOMEM;
	for (unsigned int i = 0; i < ENTRIES; i++)
		table[i] = make_leaf(mfn_add(entry_mfn(old), (uint64_t)i << 9 * (level - 2)), type,
				     level - 1);
	__atomic_store_n(e, table_entry(table), __ATOMIC_RELEASE);
	return 0;
}

/*
 * Under the lock: the entry of @level for @gfn. With @make, missing tables are made; leaves above
 * are split. NULL when there is no table (and, with @make, no memory for one).
 */
static uint64_t *find_entry(struct p2m *p2m, gfn_t gfn, unsigned int level, bool make, int *rc)
{
	uint64_t *table = p2m->root, *e;

	/* Another CPU has torn it down since the caller looked at the domain. */
	if (!table) {
		*rc = -ESRCH;
		return NULL;
	}
	for (unsigned int l = LEVELS;; l--) {
		e = &table[table_index(gfn, l)];
		if (l == level)
			return e;
		if (!(*e & NPTE_P)) {
			if (!make) {
				*rc = -ENOENT;
				return NULL;
			}
			table = table_alloc(p2m);
			if (!table) {
				*rc = -ENOMEM;
				return NULL;
			}
			__atomic_store_n(e, table_entry(table), __ATOMIC_RELEASE);
		} else if (is_leaf(*e, l)) {
			*rc = split(p2m, e, l);
			if (*rc)
				return NULL;
		}
		table = entry_table(*e);
	}
}

/* Drops the references of what a leaf of @level mapped. */
static void drop_leaf(uint64_t e, unsigned int level)
{
	struct domain *owner = NULL;

	if (entry_type(e) == P2M_MMIO_DIRECT)
		return;
	if (entry_type(e) == P2M_FOREIGN) {
		owner = domain_lookup(frame_owner(entry_mfn(e)));
		BUG_ON(!owner); /* the mapping holds a reference */
		__atomic_sub_fetch(&owner->foreign_frames, 1, __ATOMIC_RELAXED);
	}
	for (uint64_t i = 0; i < 1UL << 9 * (level - 1); i++)
		frame_unref(mfn_add(entry_mfn(e), i));
	if (owner)
		domain_put(owner);
}

/* Drops all that entry @e of @level maps, and frees its tables. No TLB holds it any more. */
static void drop_entry(struct p2m *p2m, uint64_t e, unsigned int level)
{
	uint64_t *table;

	if (!(e & NPTE_P))
		return;
	if (is_leaf(e, level)) {
		drop_leaf(e, level);
		return;
	}
	table = entry_table(e);
	for (unsigned int i = 0; i < ENTRIES; i++)
		drop_entry(p2m, table[i], level - 1);
	table_free(p2m, table);
}

static bool bad_range(gfn_t gfn, unsigned int order)
{
	return gfn.v >> GFN_BITS || (gfn.v & ((1UL << order) - 1));
}

/* Does @e of @level map a grant? That goes by its handle alone (p2m_take), or the grant stays in use. */
static bool maps_grant(uint64_t e, unsigned int level)
{
	const uint64_t *table;

	if (entry_type(e) == P2M_GRANT_RW || entry_type(e) == P2M_GRANT_RO)
		return true;
	if (!(e & NPTE_P) || is_leaf(e, level))
		return false;
	table = entry_table(e);
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (maps_grant(table[i], level - 1))
			return true;
	return false;
}

/* Under the lock: writes @new over the entry, and lets go of what was there. */
static void replace_entry(struct p2m *p2m, uint64_t *e, unsigned int level, uint64_t new)
{
	uint64_t old = *e;

	__atomic_store_n(e, new, __ATOMIC_RELEASE);
	if (old & NPTE_P) {
		guest_tlb_flush(p2m->domain);
		drop_entry(p2m, old, level);
	}
}

static int map_locked(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type,
		      bool only_new)
{
	unsigned int level = order_level(order);
	int rc = 0;
	uint64_t *e = find_entry(p2m, gfn, level, true, &rc);

	if (!e)
		return rc;
	if (only_new && (*e & NPTE_P))
		return -EEXIST;
	if (maps_grant(*e, level))
		return -EBUSY;
	replace_entry(p2m, e, level, make_leaf(mfn, type, level));
	if (gfn.v + (1UL << order) - 1 > p2m->max_gfn)
		p2m->max_gfn = gfn.v + (1UL << order) - 1;
	return 0;
}

static int map_entry(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type,
		     bool only_new)
{
	int rc;

	if (bad_range(gfn, order) || (mfn.v & ((1UL << order) - 1)) || order % 9 ||
	    order > P2M_ORDER_1G)
		return -EINVAL;
	spin_lock(&p2m->lock);
	rc = map_locked(p2m, gfn, mfn, order, type, only_new);
	spin_unlock(&p2m->lock);
	return rc;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	return map_entry(p2m, gfn, mfn, order, type, false);
}

int p2m_map_new(struct p2m *p2m, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
	return map_entry(p2m, gfn, mfn, P2M_ORDER_4K, type, true);
}

int p2m_unmap(struct p2m *p2m, gfn_t gfn, unsigned int order)
{
	unsigned int level = order_level(order);
	uint64_t *e;
	int rc = 0;

	if (bad_range(gfn, order) || order % 9 || order > P2M_ORDER_1G)
		return -EINVAL;
	spin_lock(&p2m->lock);
	e = find_entry(p2m, gfn, level, false, &rc);
	if (e && maps_grant(*e, level))
		rc = -EBUSY;
	else if (e)
		replace_entry(p2m, e, level, 0);
	else if (rc == -ENOENT)
		rc = 0;
	spin_unlock(&p2m->lock);
	return rc;
}

/*
 * The entries first lose their present bit and keep the rest, so that one flush is enough for all
 * before their frames are let go.
 */
int p2m_release_ram(struct p2m *p2m, gfn_t gfn, uint64_t count, bool holes)
{
	uint64_t n, cleared = 0, *e;
	int rc = 0;

	spin_lock(&p2m->lock);
	for (n = 0; n < count && !rc; n++) {
		e = gfn_add(gfn, n).v >> GFN_BITS ? NULL
						  : find_entry(p2m, gfn_add(gfn, n), 1, false, &rc);
		if (e && (entry_type(*e) == P2M_RAM || entry_type(*e) == P2M_RAM_RO)) {
			__atomic_store_n(e, *e & ~NPTE_P, __ATOMIC_RELEASE);
			cleared++;
		} else if (!holes) {
			rc = -EINVAL;
		} else if (rc == -ENOENT) {
			rc = 0;
		}
	}
	if (cleared)
		guest_tlb_flush(p2m->domain);
	for (n = 0; cleared; n++) {
		int ignored;

		e = find_entry(p2m, gfn_add(gfn, n), 1, false, &ignored);
		if (!e || !*e || (*e & NPTE_P))
			continue;
		frame_unref(entry_mfn(*e));
		*e = 0;
		cleared--;
	}
	spin_unlock(&p2m->lock);
	return rc;
}

int p2m_take(struct p2m *p2m, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
	uint64_t *e;
	int rc = -ENOENT;

	if (gfn.v >> GFN_BITS)
		return -ENOENT;
	spin_lock(&p2m->lock);
	e = find_entry(p2m, gfn, 1, false, &rc);
	if (e && (*e & NPTE_P) && mfn_eq(entry_mfn(*e), mfn) && entry_type(*e) == type) {
		__atomic_store_n(e, 0, __ATOMIC_RELEASE);
		guest_tlb_flush(p2m->domain);
		rc = 0;
	} else if (e) {
		rc = -ENOENT;
	}
	spin_unlock(&p2m->lock);
	return rc;
}

/*
 * Tears down the tables below @table, depth first, until @budget is used up: what is done is
 * cleared, so that the next call goes on from there. True when the table is empty.
 */
static bool teardown_table(struct p2m *p2m, uint64_t *table, unsigned int level,
			   unsigned int *budget)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		uint64_t e = table[i];

		if (!(e & NPTE_P))
			continue;
		if (!*budget)
			return false;
		if (is_leaf(e, level)) {
			unsigned int cost = min(1U << 9 * (level - 1), *budget);

			if (level > 2) {
				if (split(p2m, &table[i], level))
					return false; /* tried again when memory is back */
				i--;
				continue;
			}
			table[i] = 0;
			drop_leaf(e, level);
			*budget -= cost;
		} else {
			if (!teardown_table(p2m, entry_table(e), level - 1, budget))
				return false;
			table[i] = 0;
			table_free(p2m, entry_table(e));
		}
	}
	return true;
}

bool p2m_teardown(struct p2m *p2m, unsigned int budget)
{
	bool done = true;

	spin_lock(&p2m->lock);
	if (p2m->root)
		done = teardown_table(p2m, p2m->root, LEVELS, &budget);
	if (done && p2m->root) {
		uint64_t *root = p2m->root;

		WRITE_ONCE(p2m->root, NULL);
		table_free(p2m, root);
	}
	spin_unlock(&p2m->lock);
	return done;
}
