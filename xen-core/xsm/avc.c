/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access-vector cache, one for each CPU, and messages about denials. A cached answer counts
 * only while its sequence number is xsm_seq, so nothing has to be flushed. The core runs to completion
 * on a CPU: its own cache needs no lock.
 */
#include "state.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/heap.h"
#include "x86/cpu.h"
#include "x86/time.h"

/* What was said lately, so that a guest can't fill the log by repeating itself. */
#define SAID_ENTRIES  4096
#define SAID_PROBES   8
#define SAID_INTERVAL (10 * 1000000000ULL)
#define SALT_GRANTED  (1U << 16)
#define SALT_USED     (1U << 17)

static struct said {
	uint64_t until;
	uint32_t source, target, perm, times;
} said[SAID_ENTRIES];
static uint64_t lost_until;
static struct spinlock said_lock = SPINLOCK_INIT(LOCK_XSM);

int xsm_cpu_init(void)
{
	this_cpu()->avc = xzalloc(sizeof(struct avc));
	return this_cpu()->avc ? 0 : -ENOMEM;
}

static uint32_t to_ours(const struct policy *p, uint32_t tclass, uint32_t bits, bool unknown)
{
	uint32_t ours = 0, i;

	for (i = 0; i < xsm_classes[tclass].perms; i++)
		if (p->perm_bit[tclass][i] ? bits & p->perm_bit[tclass][i] : unknown)
			ours |= 1U << i;
	return ours;
}

struct av xsm_decide(const struct xsm_state *s, uint32_t source, uint32_t target, uint32_t tclass)
{
	const struct policy *p = s->policy;
	const uint8_t *cond = xsm_booleans(s)->cond;
	bool unknown = p->unknown == UNKNOWN_ALLOW;
	const struct context *subject = &sid_entry(s, source)->context;
	const struct context *object = &sid_entry(s, target & ~SID_OWN)->context;
	struct av av = { .auditdeny = ~0U };
	struct context own;

	if (target & SID_OWN) {
		policy_new_context(p, cond, object, subject, p->class_of[XSM_CLASS_DOMAIN],
				   RULE_TRANSITION, &own);
		object = context_valid(p, &own) ? &own : object;
	}
	if (p->class_of[tclass])
		policy_access(p, cond, subject, object, p->class_of[tclass], &av);
	return (struct av) {
		.allowed = to_ours(p, tclass, av.allowed, unknown),
		.by_rules = to_ours(p, tclass, av.by_rules, unknown),
		.auditallow = to_ours(p, tclass, av.auditallow, false),
		.auditdeny = to_ours(p, tclass, av.auditdeny, true),
		.permissive = av.permissive,
	};
}

/* How often this message was due since it was last written; 0: not now. */
static uint32_t may_say(uint32_t source, uint32_t target, enum xsm_perm perm, uint32_t salt)
{
	uint32_t h = (source * 0x9e3779b1U ^ target * 0x85ebca77U ^ (perm + salt) * 0xc2b2ae3dU), i;
	uint64_t now = system_time();
	struct said *s, *empty = NULL;
	uint32_t times = 0;
	bool lost = false;

	spin_lock(&said_lock);
	for (i = 0; i < SAID_PROBES; i++) {
		s = &said[((h ^ h >> 16) + i) % SAID_ENTRIES];
		if (s->source == source && s->target == target && s->perm == perm + salt)
			break;
		if (!empty && s->until <= now)
			empty = s;
	}
	if (i == SAID_PROBES) {
		s = empty;
		lost = !s && !salt && lost_until <= now;
		lost_until = lost ? now + SAID_INTERVAL : lost_until;
		times = !s && salt == SALT_USED; /* a use may not come again */
		if (s)
			*s = (struct said) { 0, source, target, perm + salt, 0 };
	}
	if (s && ++s->times && s->until <= now) {
		times = s->times;
		s->until = now + SAID_INTERVAL;
		s->times = 0;
	}
	spin_unlock(&said_lock);
	if (lost)
		printk(KERN_WARNING "FLASK: too many different denials, some are not logged\n");
	return times;
}

/* " domid=1 target=2 range=0x10-0x1f" */
static void describe(char *buf, size_t size, const struct xsm_audit *a)
{
	static const char *const range[] = { [1 + XSM_IRQ] = "irq",
					     [1 + XSM_IOPORT] = "ioport",
					     [1 + XSM_IOMEM] = "iomem" };
	size_t n = 0;

	buf[0] = 0;
	if (a->subj)
		n = (size_t)snprintk(buf, size, " domid=%u", a->subj->domid);
	if (a->obj && n < size)
		n += (size_t)snprintk(buf + n, size - n, " target=%u", a->obj->domid);
	if (n >= size || !a->kind)
		return;
	if (a->kind == 1 + XSM_PCI)
		snprintk(buf + n, size - n, " device=%04x:%02x:%02x.%x",
			 (unsigned int)(a->first >> 16), (unsigned int)(a->first >> 8 & 0xff),
			 (unsigned int)(a->first >> 3 & 0x1f), (unsigned int)(a->first & 7));
	else
		snprintk(buf + n, size - n, " %s=0x%llx-0x%llx", range[a->kind],
			 (unsigned long long)a->first, (unsigned long long)a->last);
}

/* As rules see it: a label that is none of the policy's is unlabeled's. */
static const char *type_of(uint32_t sid)
{
	const struct xsm_state *s = xsm_state();

	return s->policy->sym[SYM_TYPES].name[sid_entry(s, sid)->context.type];
}

/* "FLASK: needed: allow dom0_t domU_t:domain pause;" */
static void say_rule(const char *what, uint32_t source, uint32_t target, enum xsm_perm perm)
{
	printk(KERN_WARNING "FLASK: %s: allow %s %s:%s %s;\n", what, type_of(source),
	       type_of(target), xsm_classes[perm >> 5].name,
	       xsm_classes[perm >> 5].perm[perm & 31]);
}

/* The message about a permission that was denied, or granted where that is audited. */
static void say(uint32_t source, uint32_t target, enum xsm_perm perm, const struct xsm_audit *a,
		const struct av *av, bool permissive)
{
	const struct xsm_class_names *c = &xsm_classes[perm >> 5];
	uint32_t bit = perm & 31;
	bool granted = av->allowed >> bit & 1;
	uint32_t times = may_say(source, target, perm, granted ? SALT_GRANTED : 0);
	char what[96];

	if (!times)
		return;
	target = sid_seen(source, target);
	describe(what, sizeof(what), a);
	printk(KERN_WARNING "FLASK: avc:  %s  { %s } for%s scontext=%s tcontext=%s tclass=%s "
			    "permissive=%u times=%u op=%.160s\n",
	       granted ? "granted" : "denied", c->perm[bit], what, sid_text(source),
	       sid_text(target), c->name, permissive, times,
	       *c->operations[bit] ? c->operations[bit] : "none");
	if (granted)
		return;
	if (av->by_rules >> bit & 1)
		printk(KERN_WARNING
		       "FLASK: a rule allows %s:%s, but a constraint, role or bound forbids it\n",
		       c->name, c->perm[bit]);
	else
		say_rule("needed", source, target, perm);
}

/* flask=uses: that a rule was needed, once for each time that it comes into a cache. */
static void note_use(struct avc_entry *e, uint32_t source, uint32_t target, enum xsm_perm perm)
{
	uint32_t bit = 1U << (perm & 31);

	if (e->quiet & bit || !may_say(source, target, perm, SALT_USED))
		return;
	e->quiet |= bit & ~e->av.auditallow;
	say_rule("used", source, sid_seen(source, target), perm);
}

/* The entry for this question, computed when it is not there. */
static const struct avc_entry *avc_find(uint32_t source, uint32_t target, enum xsm_perm perm)
{
	struct avc *avc = this_cpu()->avc;
	struct avc_entry *e = avc_slot(avc, source, target, perm >> 5);

	avc->lookups++;
	if (!avc_hit(e, source, target, perm >> 5)) {
		avc->misses++;
		/* First the number: what is decided may be newer than that, but never older. */
		e->when = avc_pair(perm >> 5, __atomic_load_n(&xsm_seq, __ATOMIC_ACQUIRE));
		e->pair = avc_pair(source, target);
		e->av = xsm_decide(xsm_state(), source, target, perm >> 5);
		e->quiet = xsm_log_uses ? 0 : e->av.allowed & ~e->av.auditallow;
	}
	if (unlikely(xsm_log_uses) && e->av.allowed >> (perm & 31) & 1)
		note_use(e, source, target, perm);
	return e;
}

int avc_check(uint32_t source, uint32_t target, enum xsm_perm perm, const struct xsm_audit *a)
{
	const struct avc_entry *e = avc_find(source, target, perm);
	uint32_t bit = 1U << (perm & 31);
	bool allowed = e->av.allowed & bit;
	bool permissive = e->av.permissive || !READ_ONCE(xsm_enforcing);

	if (allowed ? e->av.auditallow & bit : e->av.auditdeny & bit)
		say(source, target, perm, a, &e->av, permissive);
	return allowed || permissive ? 0 : -EPERM;
}

bool avc_allows(uint32_t source, uint32_t target, enum xsm_perm perm)
{
	return avc_find(source, target, perm)->av.allowed >> (perm & 31) & 1;
}
