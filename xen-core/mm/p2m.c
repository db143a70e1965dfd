/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables in the format that long mode uses for its own (AMD APM vol. 2 § 15.25);
 * walks of them are user accesses. What an entry is stands in bits that the hardware ignores.
 *
 * Changes take p2m->lock. Lookups take nothing: entries are written with single stores, and tables
 * and frames that were unlinked are reused only after a grace period (x86/epoch.h).
 */
#include "mm/p2m.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "x86/bits.h"
#include "x86/epoch.h"
#include "x86/loop.h"

#define PTE_TYPE_SHIFT 52
#define PTE_TYPE       (0xfUL << PTE_TYPE_SHIFT)

#define LEVELS	       4
#define ENTRIES	       512
#define GFN_BITS       36	    /* four levels */
#define LEVEL_ROOT     (LEVELS + 1) /* of p2m->root, which has the form of an entry */

static bool is_leaf(uint64_t e, unsigned int level)
{
	return level == 1 || (e & PTE_PS);
}

static enum p2m_type entry_type(uint64_t e)
{
	return (e & PTE_P) ? (e & PTE_TYPE) >> PTE_TYPE_SHIFT : P2M_NONE;
}

static mfn_t entry_mfn(uint64_t e)
{
	return maddr_to_mfn((maddr_t) { e & PTE_ADDR });
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
	uint64_t e = mfn_to_maddr(mfn).v | (uint64_t)type << PTE_TYPE_SHIFT | PTE_P | PTE_U |
		     PTE_A | PTE_D;

	if (level > 1)
		e |= PTE_PS;
	if (type != P2M_RAM_RO && type != P2M_GRANT_RO)
		e |= PTE_W;
	if (type != P2M_RAM && type != P2M_RAM_RO)
		e |= PTE_NX;
	if (type == P2M_MMIO_DIRECT)
		e |= PTE_PCD;
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
	core_pages_free(node);
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
	return mfn_to_maddr(core_va_to_mfn(table)).v | PTE_P | PTE_W | PTE_U | PTE_A;
}

/* Under the lock: puts a table in the place of @e of @level, of what it maps as one, or of nothing. */
static int refine(struct p2m *p2m, uint64_t *e, unsigned int level)
{
	uint64_t *table = table_alloc(p2m), old = *e;

	if (!table)
		return -ENOMEM;
	for (unsigned int i = 0; (old & PTE_P) && i < ENTRIES; i++)
		table[i] = make_leaf(mfn_add(entry_mfn(old), i), entry_type(old), level - 1);
	__atomic_store_n(e, table_entry(table), __ATOMIC_RELEASE);
	return 0;
}

int p2m_init(struct p2m *p2m, struct domain *d)
{
	spin_init(&p2m->lock, LOCK_P2M);
	p2m->domain = d;
	p2m->table_limit = 16;
	return refine(p2m, &p2m->root, LEVEL_ROOT);
}

void p2m_set_limit(struct p2m *p2m, uint64_t max_pages)
{
	uint64_t limit = 1024 + max_pages / 64;

	if (limit > p2m->table_limit)
		p2m->table_limit = limit;
}

maddr_t p2m_root(const struct p2m *p2m)
{
	return mfn_to_maddr(entry_mfn(p2m->root));
}

struct p2m_entry p2m_lookup(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry out = { MFN_INVALID, P2M_NONE, 0 };
	uint64_t e = gfn.v >> GFN_BITS ? 0 : READ_ONCE(p2m->root);

	for (unsigned int level = LEVELS; e & PTE_P; level--) {
		e = __atomic_load_n(&entry_table(e)[table_index(gfn, level)], __ATOMIC_ACQUIRE);
		out.order = 9 * (level - 1);
		if (is_leaf(e, level)) {
			out.type = entry_type(e);
			if (e & PTE_P)
				out.mfn = mfn_add(entry_mfn(e), gfn.v & ((1UL << out.order) - 1));
			break;
		}
	}
	return out;
}

mfn_t p2m_ram(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry e = p2m_lookup(p2m, gfn);

	return e.type == P2M_RAM ? e.mfn : MFN_INVALID;
}

/*
 * Under the lock: the entry of @level for @gfn. Large entries above it are split, and with @make
 * missing tables are made. -ENOENT: there is none; -ENOMEM; -ESRCH: another CPU has torn the map down.
 */
static int find_entry(struct p2m *p2m, gfn_t gfn, unsigned int level, bool make, uint64_t **entry)
{
	uint64_t *e = &p2m->root;

	if (!*e)
		return -ESRCH;
	for (unsigned int l = LEVELS; l >= level; l--) {
		e = &entry_table(*e)[table_index(gfn, l)];
		if (l > level && (!(*e & PTE_P) || is_leaf(*e, l))) {
			int rc = make || (*e & PTE_P) ? refine(p2m, e, l) : -ENOENT;

			if (rc)
				return rc;
		}
	}
	*entry = e;
	return 0;
}

/* Drops the references of what a leaf of @level mapped. */
static void drop_leaf(uint64_t e, unsigned int level)
{
	struct domain *owner = NULL;

	if (entry_type(e) == P2M_MMIO_DIRECT)
		return;
	if (entry_type(e) == P2M_FOREIGN) {
		owner = domain_lookup(frame_get_record(entry_mfn(e))->owner);
		BUG_ON(!owner); /* the mapping holds a reference */
		__atomic_sub_fetch(&owner->label.foreign_frames, 1, __ATOMIC_RELAXED);
	}
	for (uint64_t i = 0; i < 1UL << 9 * (level - 1); i++)
		frame_unref(mfn_add(entry_mfn(e), i));
	if (owner)
		domain_put(owner);
}

/*
 * Lets go of what *@e of @level maps, and of its tables, until @budget frames are done: what is done
 * is cleared, so that the next call goes on from there. True when all is. No TLB holds it any more.
 */
static bool drop_entry(struct p2m *p2m, uint64_t *e, unsigned int level, unsigned int *budget)
{
	uint64_t old = *e, *table = entry_table(old);

	if (!*budget)
		return false;
	if (is_leaf(old, level)) {
		*budget -= min(*budget, 1U << 9 * (level - 1));
		*e = 0;
		drop_leaf(old, level);
		return true;
	}
	for (unsigned int i = 0; i < ENTRIES; i++)
		if ((table[i] & PTE_P) && !drop_entry(p2m, &table[i], level - 1, budget))
			return false;
	*e = 0;
	table_free(p2m, table);
	return true;
}

static bool bad_range(gfn_t gfn, unsigned int order)
{
	return gfn.v >> GFN_BITS || (gfn.v & ((1UL << order) - 1)) ||
	       (order != P2M_ORDER_4K && order != P2M_ORDER_2M);
}

static bool is_grant(enum p2m_type type)
{
	return type == P2M_GRANT_RW || type == P2M_GRANT_RO;
}

/* Does @e of @level map a grant? That goes by its handle alone (p2m_take), or the grant stays in use. */
static bool maps_grant(uint64_t e, unsigned int level)
{
	if (!(e & PTE_P) || is_leaf(e, level))
		return is_grant(entry_type(e));
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (maps_grant(entry_table(e)[i], level - 1))
			return true;
	return false;
}

/* Under the lock: writes @new over the entry, and lets go of what was there. */
static int replace_entry(struct p2m *p2m, uint64_t *e, unsigned int level, uint64_t new)
{
	unsigned int budget = ~0U;
	uint64_t old = *e;

	if (maps_grant(old, level))
		return -EBUSY;
	__atomic_store_n(e, new, __ATOMIC_RELEASE);
	if (old & PTE_P) {
		guest_tlb_flush(p2m->domain);
		drop_entry(p2m, &old, level, &budget);
	}
	return 0;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	unsigned int level = order_level(order);
	uint64_t *e;
	int rc;

	if (bad_range(gfn, order) || (mfn.v & ((1UL << order) - 1)))
		return -EINVAL;
	spin_lock(&p2m->lock);
	rc = find_entry(p2m, gfn, level, true, &e);
	if (!rc && is_grant(type) && (*e & PTE_P) && entry_type(*e) != P2M_RAM)
		rc = -EBUSY;
	if (!rc)
		rc = replace_entry(p2m, e, level, make_leaf(mfn, type, level));
	if (!rc)
		p2m->max_gfn = max(p2m->max_gfn, gfn.v + (1UL << order) - 1);
	spin_unlock(&p2m->lock);
	return rc;
}

int p2m_unmap(struct p2m *p2m, gfn_t gfn, unsigned int order)
{
	uint64_t *e;
	int rc;

	if (bad_range(gfn, order))
		return -EINVAL;
	spin_lock(&p2m->lock);
	rc = find_entry(p2m, gfn, order_level(order), false, &e);
	if (!rc)
		rc = replace_entry(p2m, e, order_level(order), 0);
	spin_unlock(&p2m->lock);
	return rc == -ENOENT ? 0 : rc;
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
		rc = gfn_add(gfn, n).v >> GFN_BITS ? -ENOENT
						   : find_entry(p2m, gfn_add(gfn, n), 1, false, &e);
		if (!rc && (entry_type(*e) == P2M_RAM || entry_type(*e) == P2M_RAM_RO)) {
			__atomic_store_n(e, *e & ~PTE_P, __ATOMIC_RELEASE);
			cleared++;
		} else if (!rc || rc == -ENOENT) {
			rc = holes ? 0 : -EINVAL;
		}
	}
	if (cleared)
		guest_tlb_flush(p2m->domain);
	for (n = 0; cleared; n++) {
		if (find_entry(p2m, gfn_add(gfn, n), 1, false, &e) || !*e || (*e & PTE_P))
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
	int rc;

	if (gfn.v >> GFN_BITS)
		return -ENOENT;
	spin_lock(&p2m->lock);
	rc = find_entry(p2m, gfn, 1, false, &e);
	if (!rc && (entry_type(*e) != type || !mfn_eq(entry_mfn(*e), mfn)))
		rc = -ENOENT;
	if (!rc) {
		__atomic_store_n(e, 0, __ATOMIC_RELEASE);
		guest_tlb_flush(p2m->domain);
	}
	spin_unlock(&p2m->lock);
	return rc;
}

bool p2m_teardown(struct p2m *p2m, unsigned int budget)
{
	bool done;

	spin_lock(&p2m->lock);
	done = !p2m->root || drop_entry(p2m, &p2m->root, LEVEL_ROOT, &budget);
	spin_unlock(&p2m->lock);
	return done;
}
