/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary policy: memory, the reader's numbers and sets, the header, and names of the core's. */
#include "reader.h"
#include "xsm.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/heap.h"

#define ARENA_CHUNK (64U << 10)

struct arena_chunk {
	struct arena_chunk *next;
	uint64_t data[];
};

/* Zeroed memory that lives as long as @p; NULL when there is none. */
static void *policy_alloc(struct policy *p, size_t n, size_t size)
{
	struct arena *a = &p->arena;
	struct arena_chunk *c;
	size_t want, chunk;
	void *out;

	if (size && n > POLICY_MEM_MAX / size)
		return NULL;
	want = ROUND_UP(n * size, sizeof(uint64_t));
	if (want > a->left) {
		chunk = max(want, (size_t)ARENA_CHUNK);
		if (chunk > POLICY_MEM_MAX - a->used)
			return NULL;
		c = xzalloc(sizeof(*c) + chunk);
		if (!c)
			return NULL;
		c->next = a->chunks;
		a->chunks = c;
		a->next = (uint8_t *)c->data;
		a->left = chunk;
		a->used += chunk;
	}
	out = a->next;
	a->next += want;
	a->left -= want;
	return out;
}

void policy_free(struct policy *p)
{
	struct arena_chunk *c, *next;

	if (!p)
		return;
	for (c = p->arena.chunks; c; c = next) {
		next = c->next;
		xfree(c);
	}
	xfree(p);
}

uint32_t reader_fail_at(struct reader *r, const char *text, size_t at)
{
	if (!r->failed) {
		r->failed = -EINVAL;
		r->err->text = text;
		r->err->at = at;
	}
	return 0;
}

void *reader_alloc(struct reader *r, size_t n, size_t size)
{
	void *m = r->failed ? NULL : policy_alloc(r->p, n ? n : 1, size);

	if (!m && !r->failed) {
		reader_fail(r, "it takes more memory than there is");
		r->failed = -ENOMEM;
	}
	return m;
}

static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *at = r->data + r->pos;

	if (r->failed)
		return NULL;
	if (n > r->len - r->pos) {
		reader_fail(r, "it ends too early");
		return NULL;
	}
	r->pos += n;
	return at;
}

uint16_t read16(struct reader *r)
{
	const uint8_t *b = take(r, 2);

	return b ? (uint16_t)(b[0] | b[1] << 8) : 0;
}

uint32_t read32(struct reader *r)
{
	uint32_t v;
	const uint8_t *b = take(r, sizeof(v));

	if (!b)
		return 0;
	memcpy(&v, b, sizeof(v));
	return v;
}

uint64_t read64(struct reader *r)
{
	uint64_t low = read32(r);

	return low | (uint64_t)read32(r) << 32;
}

uint32_t check_count(struct reader *r, uint32_t n, size_t bytes)
{
	if (n > (r->len - r->pos) / bytes)
		return reader_fail(r, "a count is larger than the rest of the policy");
	return n;
}

uint32_t read_count(struct reader *r, size_t bytes)
{
	return check_count(r, read32(r), bytes);
}

uint32_t read_value(struct reader *r, uint32_t max, const char *text)
{
	uint32_t v = read32(r);

	if (!r->failed && (v < 1 || v > max))
		return reader_fail_at(r, text, r->pos - 4);
	return v;
}

const char *read_name(struct reader *r, uint32_t len)
{
	size_t at = r->pos;
	const uint8_t *b = take(r, len);
	char *name;
	uint32_t i;

	if (b && (len < 1 || len > 255))
		reader_fail_at(r, "a name is empty or longer than 255 bytes", at);
	for (i = 0; !r->failed && i < len; i++)
		if (b[i] <= ' ' || b[i] > '~' || strchr(":{};\"", b[i]))
			reader_fail_at(r, "a name has a character that names can't have", at + i);
	name = reader_alloc(r, len + 1, 1);
	if (name)
		memcpy(name, b, len);
	return name;
}

void read_ebitmap(struct reader *r, struct ebitmap *e, enum policy_symbols of)
{
	size_t at = r->pos;
	uint32_t bits = read32(r), high = read32(r), n = read_count(r, 12), start, end = 0;
	uint64_t word = 0;

	e->bits = 0;
	if (bits != 64 || high % 64 || high > SYMBOLS_MAX + 1)
		reader_fail_at(r, "a set has an unknown format", at);
	e->map = reader_alloc(r, high / 64, sizeof(*e->map));
	for (; n && !r->failed; n--) {
		start = read32(r);
		if (start % 64 || start < end || start >= high) {
			reader_fail_at(r, "a set's words are not in order", r->pos - 4);
			return;
		}
		word = e->map[start / 64] = read64(r);
		if (!word)
			reader_fail_at(r, "a set has an empty word", r->pos - 8);
		end = start + 64;
	}
	if (r->failed)
		return;
	e->bits = high;
	if (end && end - (uint32_t)__builtin_clzll(word) > r->named[of].value) {
		r->named[of].value = end - (uint32_t)__builtin_clzll(word);
		r->named[of].at = at;
	}
}

static void read_cats(struct reader *r, struct mls_level *l)
{
	struct ebitmap e;

	read_ebitmap(r, &e, SYM_CATS);
	if (e.bits > POLICY_CATS)
		reader_fail(r, "a level has more than 1024 categories");
	else if (e.bits)
		memcpy(l->cat, e.map, e.bits / 8);
}

void read_level(struct reader *r, struct mls_level *l)
{
	l->sens = read32(r);
	read_cats(r, l);
}

void read_range(struct reader *r, struct mls_range *range)
{
	uint32_t items = read32(r);

	if (items < 1 || items > 2)
		reader_fail_at(r, "a range has neither one nor two levels", r->pos - 4);
	range->low.sens = read32(r);
	if (items == 2)
		range->high.sens = read32(r);
	read_cats(r, &range->low);
	if (items == 2)
		read_cats(r, &range->high);
	else
		range->high = range->low;
}

static const uint8_t magic[] = { 0x8c, 0xff, 0x7c, 0xf9, 8,   0,   0,	0,
				 'X',  'e',  'n',  'F',	 'l', 'a', 's', 'k' };

static void read_header(struct reader *r)
{
	struct ebitmap set;
	uint32_t flags, i, types;
	size_t at;

	if (r->len < sizeof(magic) || memcmp(take(r, sizeof(magic)), magic, sizeof(magic)))
		reader_fail_at(r, "it is not a binary policy for Xen", 0);
	r->p->version = read32(r);
	if (r->p->version != 24 && r->p->version != 30)
		reader_fail_at(r, "its version is neither 24 nor 30", r->pos - 4);
	flags = read32(r);
	if (flags & ~7U || (flags & 6) == 6)
		reader_fail_at(r, "its header has unknown flags", r->pos - 4);
	r->p->mls = flags & 1;
	r->p->unknown = flags & 4 ? UNKNOWN_ALLOW : flags & 2 ? UNKNOWN_REJECT : UNKNOWN_DENY;
	if (read32(r) != SYM_TABLES)
		reader_fail_at(r, "it has another number of symbol tables", r->pos - 4);
	r->p->ocon_kinds = r->p->version >= 30 ? OCONS : OCON_DEVICETREE;
	if (read32(r) != r->p->ocon_kinds)
		reader_fail_at(r, "it has another number of object context tables", r->pos - 4);
	read_ebitmap(r, &set, SYM_TABLES); /* policy capabilities: Xen has none */
	at = r->pos;
	read_ebitmap(r, &set, SYM_TABLES); /* permissive types, by value */
	read_symbols(r);
	types = r->failed ? 0 : r->p->sym[SYM_TYPES].nprim;
	for (i = 1; i <= types; i++)
		r->p->type[i].permissive = ebitmap_get(&set, i);
	if (find_next_bit(set.map, set.bits, types + 1) < set.bits)
		reader_fail_at(r, "a permissive type does not exist", at);
}

/* Sets may name symbols of tables that come later. */
static void check_named(struct reader *r)
{
	uint32_t s;

	for (s = 0; s < SYM_TABLES; s++)
		if (r->named[s].value > r->p->sym[s].nprim)
			reader_fail_at(r, "a set has a member that does not exist", r->named[s].at);
}

int policy_read(const void *data, size_t len, struct policy **out, struct policy_error *err)
{
	struct reader r = { .data = data, .len = len, .err = err };

	*out = NULL;
	if (len > POLICY_SIZE_MAX) {
		reader_fail_at(&r, "it is larger than 2 MiB", 0);
		return -EINVAL;
	}
	r.p = xzalloc(sizeof(*r.p));
	if (!r.p) {
		*err = (struct policy_error) { "there is no memory for it", 0 };
		return -ENOMEM;
	}
	read_header(&r);
	read_rules(&r);
	check_named(&r);
	if (!r.failed && r.pos != r.len)
		reader_fail(&r, "there is more after its end");
	if (r.failed) {
		policy_free(r.p);
		return r.failed;
	}
	*out = r.p;
	return 0;
}

bool policy_lacks_names(const struct policy *p)
{
	uint32_t c, b, v, known;
	bool lacks = false;

	for (c = 1; c <= XSM_CLASSES; c++)
		for (b = 0; b < xsm_classes[c].perms; b++)
			if (!p->perm_bit[c][b]) {
				lacks = true;
				printk(KERN_WARNING "FLASK: the policy lacks %s:%s\n",
				       xsm_classes[c].name, xsm_classes[c].perm[b]);
			}
	for (v = 1; v <= p->sym[SYM_CLASSES].nprim; v++) {
		for (c = XSM_CLASSES; c && p->class_of[c] != v; c--)
			;
		for (known = 0, b = 0; b < 32; b++)
			known |= p->perm_bit[c][b];
		for (b = 0; b < 32; b++)
			if (p->class[v].perms.name[b] && !(known >> b & 1))
				printk(KERN_WARNING
				       "FLASK: the policy has %s:%s, which the core does not\n",
				       p->sym[SYM_CLASSES].name[v], p->class[v].perms.name[b]);
	}
	return lacks;
}
