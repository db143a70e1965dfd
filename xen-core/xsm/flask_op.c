/* SPDX-License-Identifier: BSD-2-Clause */
/* The FLASK hypercall (xen/xsm/flask_op.h): load, mode, booleans, labels, questions. */
#include "xen_abi.h"
#include "state.h"
#include "port.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "x86/cpu.h"

#define POLICY_VERSION_MAX 30

/* The permission of the policy itself. Without one loaded the built-in rules decide. */
static int may(const struct xsm_label *subj, enum xsm_perm perm)
{
	struct xsm_audit a = { .subj = subj };

	if (xsm_state())
		return avc_check(READ_ONCE(subj->sid), XSM_SID_SECURITY, perm, &a);
	return xsm_xen(subj, perm);
}

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

static int op_load(const struct xsm_label *subj, const struct xen_flask_load *op)
{
	void *data;
	int err = may(subj, XSM_SECURITY__LOAD_POLICY);

	if (err)
		return err;
	if (!op->size || op->size > POLICY_SIZE_MAX) {
		printk(KERN_ERR "FLASK: policy refused: it has %u bytes, at most 2 MiB are taken\n",
		       op->size);
		return -EINVAL;
	}
	data = xmalloc(op->size);
	if (!data)
		return -ENOMEM;
	err = guest_read(data, handle_gva(op->buffer), op->size);
	if (!err) {
		xsm_update_begin();
		err = xsm_load(data, op->size);
		xsm_update_end();
	}
	xfree(data);
	return err;
}

static int op_setenforce(const struct xsm_label *subj, const struct xen_flask_setenforce *op)
{
	int err = may(subj, XSM_SECURITY__SETENFORCE);

	if (err)
		return err;
	if (xsm_enforcing != !!op->enforcing)
		printk(KERN_WARNING "FLASK: domain %u sets %s mode\n", subj->domid,
		       op->enforcing ? "enforcing" : "permissive");
	WRITE_ONCE(xsm_enforcing, !!op->enforcing);
	return 0;
}

static int op_context_to_sid(const struct xsm_label *subj, struct xen_flask_sid_context *op)
{
	char *text;
	int err = may(subj, XSM_SECURITY__CHECK_CONTEXT);

	if (!err)
		err = take_text(handle_gva(op->context), op->size, &text);
	if (err)
		return err;
	err = sid_of_text(text, &op->sid);
	xfree(text);
	return err;
}

static int op_sid_to_context(const struct xsm_label *subj, struct xen_flask_sid_context *op)
{
	int err = may(subj, XSM_SECURITY__CHECK_CONTEXT);

	if (!err && !sid_exists(op->sid))
		err = -EINVAL;
	return err ? err : give_text(handle_gva(op->context), &op->size, sid_text(op->sid));
}

static int op_access(const struct xsm_label *subj, struct xen_flask_access *op)
{
	const struct xsm_state *s = xsm_state();
	struct av_ours av = { .allowed = ~0U, .auditdeny = ~0U };
	int err = may(subj, XSM_SECURITY__COMPUTE_AV);

	if (err)
		return err;
	if (!op->tclass || op->tclass > XSM_CLASSES || !sid_exists(op->ssid) ||
	    !sid_exists(op->tsid))
		return -EINVAL;
	if (s)
		xsm_decide(s, op->ssid, op->tsid, op->tclass, &av);
	op->allowed = av.allowed;
	op->audit_allow = av.auditallow;
	op->audit_deny = av.auditdeny;
	op->seqno = s ? s->seq : 0;
	return 0; /* the tools compare with what they asked for */
}

static int op_transition(const struct xsm_label *subj, struct xen_flask_transition *op,
			 enum xsm_perm perm, uint32_t kind)
{
	int err = may(subj, perm);

	if (err)
		return err;
	if (!xsm_state() || !op->tclass || op->tclass > XSM_CLASSES || !sid_exists(op->ssid) ||
	    !sid_exists(op->tsid))
		return -EINVAL;
	return sid_new(op->ssid, op->tsid, op->tclass, kind, &op->newsid);
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

static int op_getbool(struct xen_flask_boolean *op)
{
	const struct xsm_state *s = xsm_state();
	int value;

	if (!s)
		return -ENOENT;
	value = find_boolean(s, op);
	if (value < 0)
		return value;
	op->enforcing = s->boolean[value];
	op->pending = READ_ONCE(s->pending[value]);
	if (!op->size)
		return 0;
	return give_text(handle_gva(op->name), &op->size, s->policy->sym[SYM_BOOLS].name[value]);
}

static int op_setbool(const struct xsm_label *subj, struct xen_flask_boolean *op)
{
	struct xsm_state *s;
	int value, err = may(subj, XSM_SECURITY__SETBOOL);

	if (err)
		return err;
	xsm_update_begin();
	s = xsm_state();
	value = s ? find_boolean(s, op) : -ENOENT;
	if (value > 0) {
		s->pending[value] = !!op->new_value;
		err = op->commit ? xsm_commit_booleans() : 0;
		s = xsm_state();
		op->enforcing = s->boolean[value];
		op->pending = s->pending[value];
		op->size = 0;
	}
	xsm_update_end();
	return value < 0 ? value : err;
}

static int op_commitbools(const struct xsm_label *subj)
{
	int err = may(subj, XSM_SECURITY__SETBOOL);

	if (err)
		return err;
	xsm_update_begin();
	err = xsm_state() ? xsm_commit_booleans() : -ENOENT;
	xsm_update_end();
	return err;
}

/* The cache's size is fixed; a threshold is kept for those who set one. */
static int op_threshold(const struct xsm_label *subj, struct xen_flask_setavc_threshold *op,
			bool set)
{
	static uint32_t threshold = 1024;
	int err = set ? may(subj, XSM_SECURITY__SETSECPARAM) : 0;

	if (err)
		return err;
	if (set)
		WRITE_ONCE(threshold, op->threshold);
	op->threshold = READ_ONCE(threshold);
	return 0;
}

static int op_hashstats(struct xen_flask_hash_stats *op)
{
	struct avc_stats st;

	if (!avc_stats(smp_id(), &st))
		return -ENOENT;
	*op = (struct xen_flask_hash_stats) { st.entries, st.entries, st.buckets, 1 };
	return 0;
}

static int op_cachestats(struct xen_flask_cache_stats *op)
{
	struct avc_stats st;

	if (!avc_stats(op->cpu, &st))
		return -ENOENT;
	op->lookups = st.lookups;
	op->misses = op->allocations = st.misses;
	op->hits = st.lookups - min(st.lookups, st.misses);
	op->reclaims = op->frees = st.misses - min(st.misses, st.entries);
	return 0;
}

static int op_ocontext(const struct xsm_label *subj, const struct xen_flask_ocontext *op, bool add)
{
	static const uint64_t highest[] = {
		[OCON_PIRQ] = ~0U, [OCON_IOPORT] = 0xffff, [OCON_IOMEM] = ~0UL, [OCON_PCI] = ~0U
	};
	struct local_ocon o = { op->ocon, op->sid, op->low, op->high };
	bool range = o.kind == OCON_IOPORT || o.kind == OCON_IOMEM;
	int err = may(subj, add ? XSM_SECURITY__ADD_OCONTEXT : XSM_SECURITY__DEL_OCONTEXT);

	if (err)
		return err;
	if (o.kind < OCON_PIRQ || o.kind > OCON_PCI || o.low > o.high || o.high > highest[o.kind] ||
	    (!range && o.low != o.high) || !xsm_state() || (add && !sid_exists(o.sid)))
		return -EINVAL;
	xsm_update_begin();
	err = add ? xsm_add_local(&o) : xsm_del_local(&o);
	xsm_update_end();
	return err;
}

static int op_peersid(const struct xsm_label *subj, struct xen_flask_peersid *op)
{
	const struct xsm_label *peer = xsm_port_peer(subj, op->evtchn);

	if (!peer)
		return -EINVAL;
	op->sid = peer->sid;
	return 0;
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
	printk(KERN_WARNING "FLASK: validatetrans forbids that domain %u goes from %s to %s\n",
	       label->domid, sid_text(label->sid), sid_text(sid));
	return xsm_enforcing ? -EPERM : 0;
}

static int op_relabel(const struct xsm_label *subj, const struct xen_flask_relabel *op)
{
	struct xsm_label *label;
	uint32_t old;
	int err;

	if (op->domid > 0xffff)
		return -ESRCH;
	label = xsm_port_label(op->domid == DOMID_SELF ? subj->domid : (uint16_t)op->domid);
	if (!label)
		return -ESRCH;
	if (!xsm_state() || !sid_exists(op->sid))
		return -EINVAL;
	xsm_update_begin();
	err = may_relabel(subj, label, op->sid);
	old = label->sid;
	/* The label first, then the look: who maps counts first, then asks (hypercall/physmap.c). */
	if (!err)
		__atomic_store_n(&label->sid, op->sid, __ATOMIC_SEQ_CST);
	if (!err && subj != label && xsm_port_foreign_frames(label)) {
		WRITE_ONCE(label->sid, old);
		printk(KERN_WARNING
		       "FLASK: domain %u can't be relabelled: others have its memory mapped\n",
		       label->domid);
		err = -EBUSY;
	}
	if (!err)
		xsm_derive(label, NULL);
	xsm_update_end();
	return err;
}

static int dispatch(const struct xsm_label *subj, struct xen_flask_op *op)
{
	switch (op->cmd) {
	case FLASK_LOAD:
		return op_load(subj, &op->u.load);
	case FLASK_GETENFORCE:
		return xsm_enforcing;
	case FLASK_SETENFORCE:
		return op_setenforce(subj, &op->u.enforce);
	case FLASK_CONTEXT_TO_SID:
		return op_context_to_sid(subj, &op->u.sid_context);
	case FLASK_SID_TO_CONTEXT:
		return op_sid_to_context(subj, &op->u.sid_context);
	case FLASK_ACCESS:
		return op_access(subj, &op->u.access);
	case FLASK_CREATE:
		return op_transition(subj, &op->u.transition, XSM_SECURITY__COMPUTE_CREATE,
				     RULE_TRANSITION);
	case FLASK_RELABEL:
		return op_transition(subj, &op->u.transition, XSM_SECURITY__COMPUTE_RELABEL,
				     RULE_CHANGE);
	case FLASK_MEMBER:
		return op_transition(subj, &op->u.transition, XSM_SECURITY__COMPUTE_MEMBER,
				     RULE_MEMBER);
	case FLASK_POLICYVERS:
		return POLICY_VERSION_MAX;
	case FLASK_GETBOOL:
		return op_getbool(&op->u.boolean);
	case FLASK_SETBOOL:
		return op_setbool(subj, &op->u.boolean);
	case FLASK_COMMITBOOLS:
		return op_commitbools(subj);
	case FLASK_MLS:
		return xsm_state() && xsm_state()->policy->mls;
	case FLASK_GETAVC_THRESHOLD:
	case FLASK_SETAVC_THRESHOLD:
		return op_threshold(subj, &op->u.setavc_threshold,
				    op->cmd == FLASK_SETAVC_THRESHOLD);
	case FLASK_AVC_HASHSTATS:
		return op_hashstats(&op->u.hash_stats);
	case FLASK_AVC_CACHESTATS:
		return op_cachestats(&op->u.cache_stats);
	case FLASK_ADD_OCONTEXT:
	case FLASK_DEL_OCONTEXT:
		return op_ocontext(subj, &op->u.ocontext, op->cmd == FLASK_ADD_OCONTEXT);
	case FLASK_GET_PEER_SID:
		return op_peersid(subj, &op->u.peersid);
	case FLASK_RELABEL_DOMAIN:
		return op_relabel(subj, &op->u.relabel);
	default:
		return -ENOSYS;
	}
}

long xsm_flask_op(const struct xsm_label *subj, gva_t arg)
{
	struct xen_flask_op op;
	int ret;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (xsm_disabled || op.interface_version != XEN_FLASK_INTERFACE_VERSION)
		return -ENOSYS;
	ret = dispatch(subj, &op);
	/* A buffer that is too small: how large it must be. */
	if ((ret >= 0 || ret == -ERANGE) && guest_write(arg, &op, sizeof(op)))
		return -EFAULT;
	return ret;
}
