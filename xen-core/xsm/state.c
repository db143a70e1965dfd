/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in force and its replacement; SIDs; labels of hardware. Locks: LOCK_XSM for adding a SID,
 * for putting a new policy in force, and for labels given at run time, all short; memory is allocated
 * before it is taken. One operation at a time changes what is in force (xsm_changing).
 */
#include "state.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/heap.h"

struct xsm_state *xsm_state_ptr;
uint32_t xsm_seq;
bool xsm_changing, xsm_enforcing = true, xsm_disabled, xsm_log_uses;

/* Labels of hardware that were given by FLASK_ADD_OCONTEXT. They hold before the policy's. */
static struct local_ocon local[XSM_LOCAL_MAX];
static uint32_t locals;

static struct spinlock lock = SPINLOCK_INIT(LOCK_XSM);

static void booleans_free(struct epoch_node *n)
{
	xfree(container_of(n, struct xsm_booleans, epoch));
}

/* The booleans as @p has them now. */
static struct xsm_booleans *booleans_new(const struct policy *p)
{
	size_t n = p->sym[SYM_BOOLS].nprim + 1;
	struct xsm_booleans *b = xzalloc(sizeof(*b) + n + p->conditionals);

	if (!b)
		return NULL;
	memcpy(b->value, p->boolean, n);
	b->cond = b->value + n;
	policy_cond_eval(p, b->cond);
	return b;
}

static void state_free(struct epoch_node *n)
{
	struct xsm_state *s = container_of(n, struct xsm_state, epoch);
	uint32_t i;

	for (i = 1; i <= s->sids; i++)
		xfree(s->entry[i]);
	policy_free(s->policy);
	xfree(s->booleans);
	xfree(s);
}

/* Gives @p those values in force of @old's booleans that it has too. */
static void keep_booleans(struct policy *p, const struct xsm_state *old)
{
	const struct symtab *bools = &p->sym[SYM_BOOLS];
	uint32_t i, was;

	for (i = 1; i <= bools->nprim; i++) {
		was = symbol_find(&old->policy->sym[SYM_BOOLS], bools->name[i],
				  strlen(bools->name[i]));
		if (was)
			p->boolean[i] = old->booleans->value[was];
	}
}

static uint32_t context_hash(const struct context *c)
{
	const uint64_t *range = (const uint64_t *)&c->range, factor = 0x9e3779b97f4a7c15;
	uint64_t h = 0;
	size_t i;

	for (i = 0; i < CONTEXT_PARTS; i++)
		h = (h ^ c->part[i]) * factor;
	for (i = 0; i < sizeof(c->range) / sizeof(*range); i++)
		h = (h ^ range[i]) * factor;
	return (uint32_t)(h >> 32);
}

/* An entry for the context @c, or for @text, which means @c under policy @p. */
static struct sid_entry *entry_new(const struct policy *p, const char *text,
				   const struct context *c)
{
	size_t size = 1 + (text ? strlen(text) : context_print(p, c, NULL, 0));
	struct sid_entry *e = xzalloc(sizeof(*e) + size);

	if (!e)
		return NULL;
	e->context = *c;
	e->hash = context_hash(c);
	if (text)
		memcpy(e->text, text, size);
	else
		context_print(p, c, e->text, size);
	return e;
}

static void sid_insert(struct xsm_state *s, struct sid_entry *e)
{
	s->entry[s->sids + 1] = e;
	__atomic_store_n(&s->sids, s->sids + 1, __ATOMIC_RELEASE);
}

/* Brings @s, which nobody else uses yet, up to the SIDs that @old has. 0 or -ENOMEM. */
static int state_follow(struct xsm_state *s, const struct xsm_state *old)
{
	uint32_t end = old ? __atomic_load_n(&old->sids, __ATOMIC_ACQUIRE) : XSM_SID_INITIAL;
	const struct context *c;
	struct context parsed;
	struct sid_entry *e;
	const char *text;

	while (s->sids < end) {
		text = s->sids < XSM_SID_INITIAL ? NULL : old->entry[s->sids + 1]->text;
		if (!text)
			c = policy_initial_context(s->policy, s->sids + 1);
		else
			c = context_parse(s->policy, text, &parsed) ? NULL : &parsed;
		e = entry_new(s->policy, text,
			      c ? c : policy_initial_context(s->policy, XSM_SID_UNLABELED));
		if (!e)
			return -ENOMEM;
		sid_insert(s, e);
	}
	return 0;
}

/*
 * Puts @s, which has nothing but a policy, in force, when no SID has been added to the old one
 * meanwhile. 0 or -ENOMEM.
 */
static int state_replace(struct xsm_state *s)
{
	struct xsm_state *old = xsm_state();
	bool done;

	if (old)
		keep_booleans(s->policy, old);
	s->booleans = booleans_new(s->policy);
	do {
		if (!s->booleans || state_follow(s, old))
			return -ENOMEM;
		spin_lock(&lock);
		done = !old || s->sids == old->sids;
		if (done)
			__atomic_store_n(&xsm_state_ptr, s, __ATOMIC_RELEASE);
		spin_unlock(&lock);
	} while (!done);
	__atomic_add_fetch(&xsm_seq, 1, __ATOMIC_RELEASE);
	if (old)
		epoch_defer(&old->epoch, state_free);
	return 0;
}

int xsm_load(const void *data, size_t len)
{
	struct policy_error why = { "there is no memory for it", 0 };
	struct xsm_state *s = xzalloc(sizeof(*s));
	int err = s ? policy_read(data, len, &s->policy, &why) : -ENOMEM;

	if (!err && policy_lacks_names(s->policy) && s->policy->unknown == UNKNOWN_REJECT) {
		why = (struct policy_error) { "it lacks permissions, and says to reject then",
					      POLICY_FLAGS_AT };
		err = -EINVAL;
	}
	err = err ? err : state_replace(s);
	if (err) {
		printk(KERN_ERR "FLASK: policy refused: %s, at byte %zu of %zu\n", why.text, why.at,
		       len);
		if (s)
			state_free(&s->epoch);
		return err;
	}
	printk(KERN_INFO "FLASK: policy version %u in force: %u types, %u rules, %u SIDs, %s\n",
	       s->policy->version, s->policy->sym[SYM_TYPES].nprim, s->policy->rules, s->sids,
	       xsm_enforcing ? "enforcing" : "permissive");
	return 0;
}

int xsm_commit_booleans(void)
{
	struct xsm_state *s = xsm_state();
	struct xsm_booleans *old = s->booleans, *new = booleans_new(s->policy);

	if (!new)
		return -ENOMEM;
	__atomic_store_n(&s->booleans, new, __ATOMIC_RELEASE);
	__atomic_add_fetch(&xsm_seq, 1, __ATOMIC_RELEASE);
	epoch_defer(&old->epoch, booleans_free);
	return 0;
}

bool sid_exists(uint32_t sid)
{
	const struct xsm_state *s = xsm_state();

	return sid && sid <= (s ? __atomic_load_n(&s->sids, __ATOMIC_ACQUIRE) : XSM_SID_INITIAL);
}

const struct sid_entry *sid_entry(const struct xsm_state *s, uint32_t sid)
{
	if (!sid || sid > __atomic_load_n(&s->sids, __ATOMIC_ACQUIRE))
		sid = XSM_SID_UNLABELED;
	return s->entry[sid];
}

static uint32_t sid_find(const struct xsm_state *s, const struct context *c)
{
	uint32_t end = __atomic_load_n(&s->sids, __ATOMIC_ACQUIRE), hash = context_hash(c), sid;

	/*
	 * The lowest one: an initial SID rather than a label that means unlabeled now. Guests that make
	 * channels wait for this, and contexts may differ in their last category only.
	 */
	for (sid = 1; sid <= end; sid++)
		if (s->entry[sid]->hash == hash && context_equal(&s->entry[sid]->context, c))
			return sid;
	return 0;
}

int sid_of_context(const struct xsm_state *s, const struct context *c, uint32_t *sid)
{
	struct xsm_state *now;
	struct sid_entry *e;
	bool full;
	int err = 0;

	*sid = sid_find(s, c);
	if (*sid)
		return 0;
	e = entry_new(s->policy, NULL, c);
	if (!e)
		return -ENOMEM;
	spin_lock(&lock);
	now = xsm_state();
	*sid = sid_find(s, c);
	full = s->sids >= XSM_SIDS_MAX;
	if (now == s && !*sid && !full) {
		sid_insert(now, e);
		*sid = s->sids;
		e = NULL;
	}
	spin_unlock(&lock);
	if (now != s) {
		err = sid_of_text(e->text, sid);
	} else if (!*sid) {
		printk_ratelimited(KERN_ERR "FLASK: there are more than %u labels\n", XSM_SIDS_MAX);
		err = -ENOSPC;
	}
	xfree(e);
	return err;
}

int sid_of_text(const char *text, uint32_t *sid)
{
	const struct xsm_state *s = xsm_state();
	struct context c;

	if (s)
		return context_parse(s->policy, text, &c) ? -EINVAL : sid_of_context(s, &c, sid);
	for (*sid = 1; *sid <= XSM_SID_INITIAL; ++*sid)
		if (!strcmp(text, xsm_sid_names[*sid]))
			return 0;
	return -EINVAL;
}

const char *sid_text(uint32_t sid)
{
	const struct xsm_state *s = xsm_state();

	if (s)
		return sid_entry(s, sid)->text;
	return sid <= XSM_SID_INITIAL ? xsm_sid_names[sid] : xsm_sid_names[XSM_SID_UNLABELED];
}

int sid_new(uint32_t source, uint32_t target, uint32_t tclass, uint32_t kind, uint32_t *sid)
{
	const struct xsm_state *s = xsm_state();
	struct context c;

	if (!s->policy->class_of[tclass])
		return -EINVAL;
	policy_new_context(s->policy, xsm_booleans(s)->cond, &sid_entry(s, source)->context,
			   &sid_entry(s, target)->context, s->policy->class_of[tclass], kind, &c);
	if (context_valid(s->policy, &c))
		return sid_of_context(s, &c, sid);
	printk_ratelimited(KERN_WARNING "FLASK: no valid label for a %s of %s by %s\n",
			   xsm_classes[tclass].name, sid_text(target), sid_text(source));
	return -EPERM;
}

uint32_t sid_seen(uint32_t source, uint32_t target)
{
	uint32_t sid = target & ~SID_OWN, seen;

	if (sid == target || sid_new(sid, source, XSM_CLASS_DOMAIN, RULE_TRANSITION, &seen))
		return sid;
	return seen;
}

/* The label given at run time that has a part of @o's range, or NULL. Under the lock. */
static struct local_ocon *find_overlap(const struct local_ocon *o)
{
	struct local_ocon *l;

	for (l = local; l < local + locals; l++)
		if (l->kind == o->kind && l->low <= o->high && o->low <= l->high)
			return l;
	return NULL;
}

int xsm_add_local(const struct local_ocon *o)
{
	int err = 0;

	spin_lock(&lock);
	if (find_overlap(o))
		err = -EEXIST;
	else if (locals == XSM_LOCAL_MAX)
		err = -ENOSPC;
	else
		local[locals++] = *o;
	spin_unlock(&lock);
	if (err == -EEXIST)
		printk(KERN_WARNING "FLASK: a label for this hardware exists already\n");
	return err;
}

int xsm_del_local(const struct local_ocon *o)
{
	struct local_ocon *l;
	bool same;

	spin_lock(&lock);
	l = find_overlap(o);
	same = l && l->low == o->low && l->high == o->high;
	if (same)
		*l = local[--locals];
	spin_unlock(&lock);
	return same ? 0 : -ENOENT;
}

/* A label that starts after @number ends what holds for @number. */
static bool covers(uint64_t low, uint64_t high, uint64_t number, uint64_t *end)
{
	if (low > number && low - 1 < *end)
		*end = low - 1;
	if (number < low || number > high)
		return false;
	*end = min(*end, high);
	return true;
}

static bool find_local(enum ocon_kind kind, uint64_t number, uint64_t *end, uint32_t *sid)
{
	bool found = false;
	uint32_t i;

	spin_lock(&lock);
	for (i = 0; i < locals && !found; i++)
		if (local[i].kind == kind && covers(local[i].low, local[i].high, number, end)) {
			*sid = local[i].sid;
			found = true;
		}
	spin_unlock(&lock);
	return found;
}

int sid_of_hardware(enum ocon_kind kind, uint64_t number, uint64_t *end, uint32_t *sid)
{
	static const uint8_t initial[OCONS] = { [OCON_PIRQ] = XSM_SID_IRQ,
						[OCON_IOPORT] = XSM_SID_IOPORT,
						[OCON_IOMEM] = XSM_SID_IOMEM,
						[OCON_PCI] = XSM_SID_DEVICE };
	const struct xsm_state *s = xsm_state();
	const struct ocontext *o;

	*end = ~0UL;
	*sid = initial[kind];
	if (!s || find_local(kind, number, end, sid))
		return 0;
	for (o = s->policy->ocontext[kind];
	     o < s->policy->ocontext[kind] + s->policy->ocontexts[kind]; o++)
		if (covers(o->low, o->high, number, end))
			return sid_of_context(s, &o->context, sid);
	return 0;
}
