/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state in force and its replacement; SIDs. Locks: LOCK_XSM for adding a SID and for putting a
 * new state in place, both short; memory is allocated before it is taken. Replacements are
 * serialised by xsm_update_begin().
 */
#include "state.h"
#include "port.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/heap.h"

struct xsm_state *xsm_state_ptr;
uint32_t xsm_seq;
bool xsm_enforcing = true, xsm_disabled, xsm_log_uses;

static struct spinlock sid_lock = SPINLOCK_INIT(LOCK_XSM);
static bool updating;

bool xsm_update_begin(void)
{
	return !__atomic_test_and_set(&updating, __ATOMIC_ACQUIRE);
}

void xsm_update_end(void)
{
	__atomic_clear(&updating, __ATOMIC_RELEASE);
}

static uint32_t hash_context(const struct context *c)
{
	uint32_t h = c->user * 31 + c->role * 131 + c->type * 2654435761U + c->range.low.sens;

	return (h ^ h >> 16 ^ (uint32_t)c->range.low.cat[0]) % XSM_SID_BUCKETS;
}

static void sidtab_free(struct sidtab *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 1; i <= t->n; i++)
		xfree(t->entry[i]);
	xfree(t);
}

static void state_free(struct xsm_state *s)
{
	if (s->last) {
		sidtab_free(s->sids);
		policy_free(s->policy);
	}
	xfree(s->local);
	xfree(s->boolean);
	xfree(s->pending);
	xfree(s->cond);
	xfree(s);
}

static void state_free_epoch(struct epoch_node *n)
{
	state_free(container_of(n, struct xsm_state, epoch));
}

/*
 * A state for @p with what @like has: booleans (by name, where it is another policy's), local labels
 * with room for @more, SIDs when the policy is the same; pending booleans are in force when @commit.
 */
static struct xsm_state *state_new(struct policy *p, const struct xsm_state *like, uint32_t more,
				   bool commit)
{
	struct xsm_state *s = xzalloc(sizeof(*s));
	size_t n = p->sym[SYM_BOOLS].nprim + 1, had = like ? like->local->n : 0;
	uint32_t i, was;

	if (!s)
		return NULL;
	s->policy = p;
	s->boolean = xmalloc(n);
	s->pending = xmalloc(n);
	s->cond = xzalloc((size_t)p->conditionals + 1);
	s->local = xzalloc(sizeof(*s->local) + (had + more) * sizeof(s->local->item[0]));
	if (!s->boolean || !s->pending || !s->cond || !s->local) {
		state_free(s);
		return NULL;
	}
	memcpy(s->boolean, p->boolean, n);
	for (i = 1; like && i < n; i++) {
		const char *name = p->sym[SYM_BOOLS].name[i];

		was = symbol_find(&like->policy->sym[SYM_BOOLS], name, strlen(name));
		s->boolean[i] = was ? like->boolean[was] : s->boolean[i];
	}
	if (like && like->policy == p) {
		s->sids = like->sids;
		memcpy(s->pending, like->pending, n);
		memcpy(s->boolean, commit ? like->pending : like->boolean, n);
	} else {
		memcpy(s->pending, s->boolean, n);
	}
	if (like)
		memcpy(s->local, like->local, sizeof(*s->local) + had * sizeof(s->local->item[0]));
	policy_cond_eval(p, s->boolean, s->cond);
	s->seq = like ? like->seq + 1 : 1;
	s->seq += !s->seq;
	return s;
}

/* Everyone sees @s from now on. Returns what must be retired, with no lock held. */
static struct xsm_state *state_publish(struct xsm_state *s)
{
	struct xsm_state *old = xsm_state();

	s->last = true;
	if (old && old->policy == s->policy)
		old->last = false;
	__atomic_store_n(&xsm_state_ptr, s, __ATOMIC_RELEASE);
	__atomic_store_n(&xsm_seq, s->seq, __ATOMIC_RELEASE);
	return old;
}

/* Frees @old when no CPU can hold it any more. */
static void state_retire(struct xsm_state *old)
{
	if (old)
		epoch_defer(&old->epoch, state_free_epoch);
}

/* An entry for the context @c (@text NULL), or for @text, which may be none under policy @p. */
static struct sid_entry *entry_new(const struct policy *p, const char *text,
				   const struct context *c, const struct context *unlabeled)
{
	size_t size = 1 + (text ? strlen(text) : context_print(p, c, NULL, 0));
	struct sid_entry *e = xzalloc(sizeof(*e) + size);

	if (!e)
		return NULL;
	e->valid = true;
	if (c)
		e->context = *c;
	else if (context_parse(p, text, &e->context))
		e->valid = false;
	if (!e->valid)
		e->context = *unlabeled;
	if (text)
		memcpy(e->text, text, size);
	else
		context_print(p, c, e->text, size);
	return e;
}

static void sidtab_insert(struct sidtab *t, struct sid_entry *e)
{
	uint32_t *bucket = &t->bucket[hash_context(&e->context)], sid = t->n + 1;

	t->entry[sid] = e;
	e->next = *bucket;
	__atomic_store_n(&t->n, sid, __ATOMIC_RELEASE);
	if (e->valid)
		__atomic_store_n(bucket, sid, __ATOMIC_RELEASE);
}

/* Brings @t up to the SIDs that @old has. 0 or -ENOMEM. */
static int sidtab_follow(struct sidtab *t, const struct policy *p, const struct sidtab *old)
{
	const struct context *unlabeled = policy_initial_context(p, XSM_SID_UNLABELED), *c;
	struct sid_entry *e;

	while (t->n < XSM_SID_INITIAL ||
	       (old && t->n < __atomic_load_n(&old->n, __ATOMIC_ACQUIRE))) {
		c = policy_initial_context(p, t->n + 1);
		if (t->n < XSM_SID_INITIAL)
			e = entry_new(p, NULL, c ? c : unlabeled, unlabeled);
		else
			e = entry_new(p, old->entry[t->n + 1]->text, NULL, unlabeled);
		if (!e)
			return -ENOMEM;
		sidtab_insert(t, e);
	}
	return 0;
}

/* Gives @s its SIDs and puts it in force, when no SID has been added to the old state meanwhile. */
static int state_activate(struct xsm_state *s)
{
	struct xsm_state *old = xsm_state();
	int err;

	s->sids = xzalloc(sizeof(*s->sids));
	if (!s->sids)
		return -ENOMEM;
	for (;;) {
		err = sidtab_follow(s->sids, s->policy, old ? old->sids : NULL);
		if (err)
			return err;
		spin_lock(&sid_lock);
		if (!old || s->sids->n >= old->sids->n)
			break;
		spin_unlock(&sid_lock);
	}
	old = state_publish(s);
	spin_unlock(&sid_lock);
	state_retire(old);
	xsm_port_each_label(xsm_derive, NULL);
	return 0;
}

int xsm_load(const void *data, size_t len)
{
	struct policy_error why = { "", 0 };
	struct xsm_state *s = NULL;
	struct policy *p;
	int err = policy_read(data, len, &p, &why);

	if (err) {
		printk(KERN_ERR "FLASK: policy refused: %s, at byte %zu of %zu\n", why.text, why.at,
		       len);
		return err;
	}
	if (policy_lacks_names(p) && p->unknown == UNKNOWN_REJECT) {
		printk(KERN_ERR
		       "FLASK: policy refused: it lacks permissions, and says to reject then\n");
		policy_free(p);
		return -EINVAL;
	}
	s = state_new(p, xsm_state(), 0, false);
	err = s ? state_activate(s) : -ENOMEM;
	if (!err) {
		printk(KERN_INFO
		       "FLASK: policy version %u in force: %u types, %u rules, %u SIDs, %s\n",
		       p->version, p->sym[SYM_TYPES].nprim, p->rules, s->sids->n,
		       xsm_enforcing ? "enforcing" : "permissive");
		return 0;
	}
	printk(KERN_ERR "FLASK: policy refused: there is no memory for it\n");
	if (s) {
		s->last = true;
		state_free(s);
	} else {
		policy_free(p);
	}
	return err;
}

/* Puts @s in force, which differs from the old one in booleans or labels. NULL: there was no memory. */
static int state_replace(struct xsm_state *s)
{
	if (!s)
		return -ENOMEM;
	state_retire(state_publish(s));
	xsm_port_each_label(xsm_derive, NULL);
	return 0;
}

int xsm_commit_booleans(void)
{
	return state_replace(state_new(xsm_state()->policy, xsm_state(), 0, true));
}

int xsm_add_local(const struct local_ocon *o)
{
	const struct local_ocons *have = xsm_state()->local;
	struct xsm_state *s;
	uint32_t i;

	for (i = 0; i < have->n; i++)
		if (have->item[i].kind == o->kind && have->item[i].low <= o->high &&
		    o->low <= have->item[i].high) {
			printk(KERN_WARNING "FLASK: a label for this hardware exists already\n");
			return -EEXIST;
		}
	if (have->n >= XSM_LOCAL_MAX)
		return -ENOSPC;
	s = state_new(xsm_state()->policy, xsm_state(), 1, false);
	if (s)
		s->local->item[s->local->n++] = *o;
	return state_replace(s);
}

int xsm_del_local(const struct local_ocon *o)
{
	const struct local_ocons *have = xsm_state()->local;
	struct xsm_state *s;
	uint32_t i;

	for (i = 0; i < have->n; i++)
		if (have->item[i].kind == o->kind && have->item[i].low == o->low &&
		    have->item[i].high == o->high)
			break;
	if (i == have->n)
		return -ENOENT;
	s = state_new(xsm_state()->policy, xsm_state(), 0, false);
	if (s)
		s->local->item[i] = s->local->item[--s->local->n];
	return state_replace(s);
}

bool sid_exists(uint32_t sid)
{
	const struct xsm_state *s = xsm_state();

	return sid && sid <= (s ? __atomic_load_n(&s->sids->n, __ATOMIC_ACQUIRE) : XSM_SID_INITIAL);
}

const struct sid_entry *sid_entry(const struct xsm_state *s, uint32_t sid)
{
	if (!sid || sid > __atomic_load_n(&s->sids->n, __ATOMIC_ACQUIRE))
		sid = XSM_SID_UNLABELED;
	return s->sids->entry[sid];
}

static uint32_t sidtab_find(const struct sidtab *t, const struct context *c)
{
	uint32_t sid = __atomic_load_n(&t->bucket[hash_context(c)], __ATOMIC_ACQUIRE), found = 0;

	/* The lowest one, so that initial SIDs are preferred. */
	for (; sid; sid = t->entry[sid]->next)
		if (context_equal(&t->entry[sid]->context, c))
			found = sid;
	return found;
}

int sid_of_context(const struct context *c, uint32_t *sid)
{
	struct xsm_state *s = xsm_state();
	struct sid_entry *e;
	int err = 0;

	*sid = sidtab_find(s->sids, c);
	if (*sid)
		return 0;
	e = entry_new(s->policy, NULL, c, c);
	if (!e)
		return -ENOMEM;
	spin_lock(&sid_lock);
	*sid = sidtab_find(s->sids, c);
	if (s != xsm_state() && s->sids != xsm_state()->sids) {
		err = -EAGAIN; /* @c is of a policy that is no longer in force */
	} else if (!*sid && s->sids->n >= XSM_SIDS_MAX) {
		err = -ENOSPC;
	} else if (!*sid) {
		sidtab_insert(s->sids, e);
		*sid = s->sids->n;
		e = NULL;
	}
	spin_unlock(&sid_lock);
	xfree(e);
	if (err == -ENOSPC)
		printk(KERN_ERR "FLASK: there are more than %u labels\n", XSM_SIDS_MAX);
	return err;
}

int sid_of_text(const char *text, uint32_t *sid)
{
	const struct xsm_state *s = xsm_state();
	struct context c;
	int err;

	if (!s) {
		for (*sid = 1; *sid <= XSM_SID_INITIAL; ++*sid)
			if (!strcmp(text, xsm_sid_names[*sid]))
				return 0;
		return -EINVAL;
	}
	do {
		s = xsm_state();
		err = context_parse(s->policy, text, &c);
		if (!err)
			err = sid_of_context(&c, sid);
	} while (err == -EAGAIN);
	return err;
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
	const struct xsm_state *s;
	struct context c;
	int err;

	do {
		s = xsm_state();
		if (!s->policy->class_of[tclass])
			return -EINVAL;
		policy_new_context(s->policy, s->cond, &sid_entry(s, source)->context,
				   &sid_entry(s, target)->context, s->policy->class_of[tclass],
				   kind, &c);
		if (!context_valid(s->policy, &c)) {
			printk_ratelimited(
				KERN_WARNING "FLASK: no valid label for a %s of %s by %s\n",
				xsm_classes[tclass].name, sid_text(target), sid_text(source));
			return -EPERM;
		}
		err = sid_of_context(&c, sid);
	} while (err == -EAGAIN);
	return err;
}

uint32_t state_next_label(const struct xsm_state *s, uint32_t sid, uint32_t type, char *text,
			  size_t size)
{
	const struct policy *p = s->policy;
	uint32_t create = p->perm_bit[XSM_CLASS_DOMAIN][XSM_DOMAIN__CREATE & 31];
	struct context c;
	struct av av;

	while (create && type < p->sym[SYM_TYPES].nprim) {
		if (!context_of_type(p, ++type, &c))
			continue;
		policy_access(p, s->cond, &sid_entry(s, sid)->context, &c,
			      p->class_of[XSM_CLASS_DOMAIN], &av);
		if (av.allowed & create && context_print(p, &c, text, size) < size)
			return type;
	}
	return 0;
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

int sid_of_hardware(enum ocon_kind kind, uint64_t number, uint64_t *end, uint32_t *sid)
{
	static const uint8_t initial[OCONS] = { [OCON_PIRQ] = XSM_SID_IRQ,
						[OCON_IOPORT] = XSM_SID_IOPORT,
						[OCON_IOMEM] = XSM_SID_IOMEM,
						[OCON_PCI] = XSM_SID_DEVICE };
	const struct xsm_state *s;
	const struct policy *p;
	uint32_t i;
	int err;

	do {
		s = xsm_state();
		p = s->policy;
		*end = ~0UL;
		for (i = 0; i < s->local->n; i++) {
			if (s->local->item[i].kind != kind)
				continue;
			if (covers(s->local->item[i].low, s->local->item[i].high, number, end)) {
				*sid = s->local->item[i].sid;
				return 0;
			}
		}
		*sid = initial[kind];
		err = 0;
		for (i = 0; i < p->ocontexts[kind]; i++)
			if (covers(p->ocontext[kind][i].low, p->ocontext[kind][i].high, number,
				   end)) {
				err = sid_of_context(&p->ocontext[kind][i].context, sid);
				break;
			}
	} while (err == -EAGAIN);
	return err;
}
