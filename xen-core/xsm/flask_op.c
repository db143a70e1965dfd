/* SPDX-License-Identifier: BSD-2-Clause */
/* The FLASK hypercall (xen/xsm/flask_op.h): load, mode, booleans, labels, questions. */
#include "xen_abi.h"
#include "bulkhead_abi.h"
#include "state.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "x86/cpu.h"

#define POLICY_VERSION_MAX 30

/* A string of a guest as a new one of ours, terminated. 0, -EINVAL, -ENOMEM, -EFAULT. */
static int take_text(gva_t from, uint32_t size, char **out)
{
	char *text;

	if (!size || size >= CONTEXT_MAX)
		return -EINVAL;
	text = xzalloc((size_t)size + 1);
	if (!text)
		return -ENOMEM;
	if (guest_read(text, from, size)) {
		xfree(text);
		return -EFAULT;
	}
	*out = text;
	return 0;
}

/* Gives a guest a string with its terminator; *@size is what it has room for, and then the length. */
static int give_text(gva_t to, uint32_t *size, const char *text)
{
	uint32_t room = *size;

	*size = (uint32_t)strlen(text) + 1;
	if (room < *size)
		return -ERANGE;
	return guest_write(to, text, *size);
}

static int op_load(const struct xsm_label *subj, struct xen_flask_op *op)
{
	uint32_t size = op->u.load.size;
	void *data;
	int err;

	if (!size || size > POLICY_SIZE_MAX) {
		printk(KERN_ERR "FLASK: policy refused: it has %u bytes, at most 2 MiB are taken\n",
		       size);
		return -EINVAL;
	}
	data = xmalloc(size);
	if (!data)
		return -ENOMEM;
	err = guest_read(data, handle_gva(op->u.load.buffer), size);
	if (!err)
		err = xsm_load(data, size);
	xfree(data);
	return err;
}

static int op_getenforce(const struct xsm_label *subj, struct xen_flask_op *op)
{
	return xsm_enforcing;
}

static int op_setenforce(const struct xsm_label *subj, struct xen_flask_op *op)
{
	bool enforcing = op->u.enforce.enforcing;

	if (xsm_enforcing != enforcing)
		printk(KERN_WARNING "FLASK: domain %u sets %s mode\n", subj->domid,
		       enforcing ? "enforcing" : "permissive");
	WRITE_ONCE(xsm_enforcing, enforcing);
	return 0;
}

static int op_context_to_sid(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_sid_context *c = &op->u.sid_context;
	char *text;
	int err = take_text(handle_gva(c->context), c->size, &text);

	if (err)
		return err;
	err = sid_of_text(text, &c->sid);
	xfree(text);
	return err;
}

static int op_sid_to_context(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_sid_context *c = &op->u.sid_context;

	if (!sid_exists(c->sid))
		return -EINVAL;
	return give_text(handle_gva(c->context), &c->size, sid_text(c->sid));
}

/* BULKHEAD_FLASK_LABELS: the label of the first type after @sid with which @subj may make domains. */
static int op_labels(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_sid_context *c = &op->u.sid_context;
	const struct xsm_state *s = xsm_state();
	const struct policy *p = s->policy;
	uint32_t create = p->perm_bit[XSM_CLASS_DOMAIN][XSM_DOMAIN__CREATE & 31];
	struct context label;
	struct av av;
	char text[256];

	while (create && c->sid < p->sym[SYM_TYPES].nprim) {
		if (!context_of_type(p, ++c->sid, &label))
			continue;
		policy_access(p, xsm_booleans(s)->cond, &sid_entry(s, subj->sid)->context, &label,
			      p->class_of[XSM_CLASS_DOMAIN], &av);
		if (av.allowed & create &&
		    context_print(p, &label, text, sizeof(text)) < sizeof(text))
			return give_text(handle_gva(c->context), &c->size, text);
	}
	return -ENOENT;
}

static int op_access(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_access *a = &op->u.access;
	/* First the number: what is decided may be newer than that, but never older. */
	uint32_t seq = __atomic_load_n(&xsm_seq, __ATOMIC_ACQUIRE);
	const struct xsm_state *s = xsm_state();
	struct av av = { .allowed = ~0U, .auditdeny = ~0U };

	if (!a->tclass || a->tclass > XSM_CLASSES || !sid_exists(a->ssid) || !sid_exists(a->tsid))
		return -EINVAL;
	if (s)
		av = xsm_decide(s, a->ssid, a->tsid, a->tclass);
	a->allowed = av.allowed;
	a->audit_allow = av.auditallow;
	a->audit_deny = av.auditdeny;
	a->seqno = seq;
	return 0; /* the tools compare with what they asked for */
}

static int op_transition(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_transition *t = &op->u.transition;
	uint32_t kind = op->cmd == FLASK_CREATE	   ? RULE_TRANSITION
			: op->cmd == FLASK_RELABEL ? RULE_CHANGE
						   : RULE_MEMBER;

	if (!t->tclass || t->tclass > XSM_CLASSES || !sid_exists(t->ssid) || !sid_exists(t->tsid))
		return -EINVAL;
	return sid_new(t->ssid, t->tsid, t->tclass, kind, &t->newsid);
}

static int op_policyvers(const struct xsm_label *subj, struct xen_flask_op *op)
{
	return POLICY_VERSION_MAX;
}

/* Boolean number from 1 that @op means, or -errno. Its own numbers start at 0, ~0 is "by name". */
static int find_boolean(const struct xsm_state *s, struct xen_flask_boolean *op)
{
	const struct symtab *t = &s->policy->sym[SYM_BOOLS];
	char *name;
	int err, value;

	if (op->bool_id != ~0U)
		return op->bool_id < t->nprim ? (int)op->bool_id + 1 : -ENOENT;
	err = take_text(handle_gva(op->name), op->size, &name);
	if (err)
		return err;
	value = (int)symbol_find(t, name, strlen(name));
	xfree(name);
	if (!value)
		return -ENOENT;
	op->bool_id = (uint32_t)value - 1;
	op->size = 0; /* its caller knows the name */
	return value;
}

static int op_getbool(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_boolean *b = &op->u.boolean;
	const struct xsm_state *s = xsm_state();
	int value = find_boolean(s, b);

	if (value < 0)
		return value;
	b->enforcing = xsm_booleans(s)->value[value];
	b->pending = READ_ONCE(s->policy->boolean[value]);
	if (!b->size)
		return 0;
	return give_text(handle_gva(b->name), &b->size, s->policy->sym[SYM_BOOLS].name[value]);
}

static int op_setbool(const struct xsm_label *subj, struct xen_flask_op *op)
{
	struct xen_flask_boolean *b = &op->u.boolean;
	const struct xsm_state *s = xsm_state();
	int value = find_boolean(s, b), err;

	if (value < 0)
		return value;
	s->policy->boolean[value] = !!b->new_value;
	err = b->commit ? xsm_commit_booleans() : 0;
	b->enforcing = s->booleans->value[value];
	b->pending = s->policy->boolean[value];
	b->size = 0;
	return err;
}

static int op_commitbools(const struct xsm_label *subj, struct xen_flask_op *op)
{
	return xsm_commit_booleans();
}

/* The cache's slots are fixed: nothing in it is allocated or freed. */
static int op_cachestats(const struct xsm_label *subj, struct xen_flask_op *op)
{
	uint32_t cpu = op->u.cache_stats.cpu;
	struct xen_flask_cache_stats st = { .cpu = cpu };

	if (cpu >= cpus_online())
		return -ENOENT;
	st.misses = READ_ONCE(cpus[cpu]->avc->misses);
	st.lookups = max(READ_ONCE(cpus[cpu]->avc->lookups), st.misses);
	st.hits = st.lookups - st.misses;
	op->u.cache_stats = st;
	return 0;
}

/* Labels of hardware: given, taken back, or (BULKHEAD_FLASK_GET_OCONTEXT) asked for. */
static int op_ocontext(const struct xsm_label *subj, struct xen_flask_op *op)
{
	static const uint64_t highest[] = {
		[OCON_PIRQ] = ~0U, [OCON_IOPORT] = 0xffff, [OCON_IOMEM] = ~0UL, [OCON_PCI] = ~0U
	};
	struct xen_flask_ocontext *c = &op->u.ocontext;
	struct local_ocon o = { c->ocon, c->sid, c->low, c->high };
	bool range = o.kind == OCON_IOPORT || o.kind == OCON_IOMEM;
	uint64_t end;
	int err;

	if (op->cmd == BULKHEAD_FLASK_GET_OCONTEXT)
		o.high = o.low;
	if (o.kind < OCON_PIRQ || o.kind > OCON_PCI || o.low > o.high || o.high > highest[o.kind] ||
	    (!range && o.low != o.high))
		return -EINVAL;
	if (op->cmd == FLASK_ADD_OCONTEXT)
		return sid_exists(o.sid) ? xsm_add_local(&o) : -EINVAL;
	if (op->cmd == FLASK_DEL_OCONTEXT)
		return xsm_del_local(&o);
	err = sid_of_hardware((enum ocon_kind)o.kind, o.low, &end, &c->sid);
	c->high = min(end, highest[o.kind]);
	return err;
}

/* Whether @subj may give @label the SID @sid. */
static int may_relabel(const struct xsm_label *subj, const struct xsm_label *label, uint32_t sid)
{
	struct xsm_audit a = { .subj = subj, .obj = label };
	const struct xsm_state *s = xsm_state();
	const struct policy *p = s->policy;
	uint32_t tclass = p->class_of[XSM_CLASS_DOMAIN];
	int err;

	if (subj == label) {
		err = avc_check(label->sid, sid, XSM_DOMAIN2__RELABELSELF, &a);
	} else {
		err = xsm_domain(subj, label, XSM_DOMAIN2__RELABELFROM);
		if (!err)
			err = avc_check(subj->sid, sid, XSM_DOMAIN2__RELABELTO, &a);
	}
	if (!err)
		err = avc_check(label->sid, sid, XSM_DOMAIN__TRANSITION, &a);
	if (err || !tclass ||
	    policy_may_change(p, &sid_entry(s, label->sid)->context, &sid_entry(s, sid)->context,
			      &sid_entry(s, subj->sid)->context, tclass))
		return err;
	printk_ratelimited(KERN_WARNING
			   "FLASK: validatetrans forbids that domain %u goes from %s to %s\n",
			   label->domid, sid_text(label->sid), sid_text(sid));
	return xsm_enforcing ? -EPERM : 0;
}

static int op_relabel(const struct xsm_label *subj, struct xen_flask_op *op)
{
	uint32_t domid = op->u.relabel.domid, sid = op->u.relabel.sid, old;
	struct xsm_label *label;
	int err;

	if (domid > 0xffff)
		return -ESRCH;
	label = xsm_port_label(domid == DOMID_SELF ? subj->domid : (uint16_t)domid);
	if (!label)
		return -ESRCH;
	if (!xsm_state() || !sid_exists(sid))
		return -EINVAL;
	err = may_relabel(subj, label, sid);
	if (err)
		return err;
	old = label->sid;
	/* The label first, then the look: who maps counts first, then asks (hypercall/physmap.c). */
	__atomic_store_n(&label->sid, sid, __ATOMIC_SEQ_CST);
	if (subj != label && __atomic_load_n(&label->foreign_frames, __ATOMIC_SEQ_CST)) {
		WRITE_ONCE(label->sid, old);
		printk(KERN_WARNING
		       "FLASK: domain %u can't be relabelled: others have its memory mapped\n",
		       label->domid);
		return -EBUSY;
	}
	return 0;
}

static const struct flask_cmd {
	uint32_t cmd;
	bool changes;	    /* what is in force: one at a time */
	int without;	    /* what is answered when there is no policy; 0: @act does */
	enum xsm_perm perm; /* of the policy itself; 0: none, or @act asks */
	int (*act)(const struct xsm_label *subj, struct xen_flask_op *op);
} cmds[] = {
	{ FLASK_LOAD, true, 0, XSM_SECURITY__LOAD_POLICY, op_load },
	{ FLASK_GETENFORCE, false, 0, 0, op_getenforce },
	{ FLASK_SETENFORCE, false, 0, XSM_SECURITY__SETENFORCE, op_setenforce },
	{ FLASK_CONTEXT_TO_SID, false, 0, XSM_SECURITY__CHECK_CONTEXT, op_context_to_sid },
	{ FLASK_SID_TO_CONTEXT, false, 0, XSM_SECURITY__CHECK_CONTEXT, op_sid_to_context },
	{ FLASK_ACCESS, false, 0, XSM_SECURITY__COMPUTE_AV, op_access },
	{ FLASK_CREATE, false, -EINVAL, XSM_SECURITY__COMPUTE_CREATE, op_transition },
	{ FLASK_RELABEL, false, -EINVAL, XSM_SECURITY__COMPUTE_RELABEL, op_transition },
	{ FLASK_POLICYVERS, false, 0, 0, op_policyvers },
	{ FLASK_GETBOOL, false, -ENOENT, 0, op_getbool },
	{ FLASK_SETBOOL, true, -ENOENT, XSM_SECURITY__SETBOOL, op_setbool },
	{ FLASK_COMMITBOOLS, true, -ENOENT, XSM_SECURITY__SETBOOL, op_commitbools },
	{ FLASK_AVC_CACHESTATS, false, 0, 0, op_cachestats },
	{ FLASK_MEMBER, false, -EINVAL, XSM_SECURITY__COMPUTE_MEMBER, op_transition },
	{ FLASK_ADD_OCONTEXT, false, -EINVAL, XSM_SECURITY__ADD_OCONTEXT, op_ocontext },
	{ FLASK_DEL_OCONTEXT, false, -EINVAL, XSM_SECURITY__DEL_OCONTEXT, op_ocontext },
	{ FLASK_RELABEL_DOMAIN, true, 0, 0, op_relabel },
	{ BULKHEAD_FLASK_GET_OCONTEXT, false, -EINVAL, XSM_SECURITY__CHECK_CONTEXT, op_ocontext },
	{ BULKHEAD_FLASK_LABELS, false, -ENOENT, XSM_SECURITY__CHECK_CONTEXT, op_labels },
};

static int dispatch(const struct flask_cmd *c, const struct xsm_label *subj,
		    struct xen_flask_op *op)
{
	int ret = c->perm ? xsm_xen(subj, c->perm) : 0;

	if (ret)
		return ret;
	if (!xsm_state() && c->without)
		return c->without;
	/* Who comes second asks again, and its CPU does other things in between. */
	if (c->changes && __atomic_test_and_set(&xsm_changing, __ATOMIC_ACQUIRE))
		return -ERESTART_CALL;
	ret = c->act(subj, op);
	if (c->changes)
		__atomic_clear(&xsm_changing, __ATOMIC_RELEASE);
	return ret;
}

long xsm_flask_op(const struct xsm_label *subj, gva_t arg)
{
	struct xen_flask_op op;
	uint32_t i;
	int ret;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]) && cmds[i].cmd != op.cmd; i++)
		;
	if (xsm_disabled || op.interface_version != XEN_FLASK_INTERFACE_VERSION ||
	    i == sizeof(cmds) / sizeof(cmds[0]))
		return -ENOSYS;
	ret = dispatch(&cmds[i], subj, &op);
	/* A buffer that is too small: how large it must be. */
	if ((ret >= 0 || ret == -ERANGE) && guest_write(arg, &op, sizeof(op)))
		return -EFAULT;
	return ret;
}
