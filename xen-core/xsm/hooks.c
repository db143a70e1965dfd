/* SPDX-License-Identifier: BSD-2-Clause */
/* The questions that the core asks (xsm.h), put as source, target and permission. */
#include "state.h"
#include "lib/printk.h"

const struct xsm_label xsm_label_io = { .sid = XSM_SID_DOMIO, .domid = 0x7ff1, .serial = ~0UL };
const struct xsm_label xsm_label_xen = { .sid = XSM_SID_DOMXEN,
					 .domid = 0x7ff2,
					 .serial = ~0UL - 1 };

static uint64_t last_serial;

/* The built-in rule for @perm; @obj NULL: the host. */
static int builtin(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	uint32_t is = XSM_RULE_ANY;

	if (obj && obj->serial == subj->serial)
		is |= XSM_RULE_SELF;
	if (subj->priv || (obj && subj->target && subj->target == obj->serial))
		is |= XSM_RULE_DM;
	if (subj->priv)
		is |= XSM_RULE_PRIV;
	return xsm_classes[perm >> 5].rule[perm & 31] & is ? 0 : -EPERM;
}

/* How @subj sees @obj: itself and its target as SID_OWN says. */
static uint32_t object_sid(const struct xsm_label *subj, const struct xsm_label *obj)
{
	bool own = subj->serial == obj->serial || READ_ONCE(subj->target) == obj->serial;

	return READ_ONCE(obj->sid) | (own ? SID_OWN : 0);
}

/* Asks the policy; the built-in rules while there is none. */
static int ask(const struct xsm_audit *a, uint32_t target, enum xsm_perm perm)
{
	if (unlikely(!xsm_state()))
		return builtin(a->subj, a->obj, perm);
	return avc_check(READ_ONCE(a->subj->sid), target, perm, a);
}

/* What avc_quick() did not settle. Without a policy nothing is ever in the cache. */
static __attribute__((noinline)) int check_slow(const struct xsm_label *subj,
						const struct xsm_label *obj, uint32_t target,
						enum xsm_perm perm)
{
	return ask(&(struct xsm_audit) { .subj = subj, .obj = obj }, target, perm);
}

static inline int check(const struct xsm_label *subj, const struct xsm_label *obj, uint32_t target,
			enum xsm_perm perm)
{
	if (avc_quick(READ_ONCE(subj->sid), target, perm))
		return 0;
	return check_slow(subj, obj, target, perm);
}

int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	return check(subj, obj, object_sid(subj, obj), perm);
}

int xsm_xen(const struct xsm_label *subj, enum xsm_perm perm)
{
	uint32_t target = XSM_SID_XEN;

	if (perm == XSM_RESOURCE__USE || perm == XSM_RESOURCE__PLUG || perm == XSM_RESOURCE__UNPLUG)
		target = XSM_SID_DOMXEN;
	else if (perm >> 5 == XSM_CLASS_SECURITY)
		target = XSM_SID_SECURITY;
	return check(subj, NULL, target, perm);
}

bool xsm_may_see(const struct xsm_label *subj, const struct xsm_label *obj)
{
	if (unlikely(!xsm_state()))
		return !builtin(subj, obj, XSM_DOMAIN__GETDOMAININFO);
	return avc_allows(READ_ONCE(subj->sid), object_sid(subj, obj), XSM_DOMAIN__GETDOMAININFO) ||
	       !xsm_enforcing;
}

/* What @perm asks of the domain that gets or loses the resource; 0: nothing. */
static enum xsm_perm domain_perm(enum xsm_perm perm)
{
	switch (perm) {
	case XSM_RESOURCE__ADD_IRQ:
	case XSM_RESOURCE__ADD_IOPORT:
	case XSM_RESOURCE__ADD_IOMEM:
	case XSM_RESOURCE__ADD_DEVICE:
	case XSM_HVM__BIND_IRQ:
		return XSM_RESOURCE__ADD;
	case XSM_RESOURCE__REMOVE_IRQ:
	case XSM_RESOURCE__REMOVE_IOPORT:
	case XSM_RESOURCE__REMOVE_IOMEM:
	case XSM_RESOURCE__REMOVE_DEVICE:
		return XSM_RESOURCE__REMOVE;
	default:
		return 0;
	}
}

int xsm_resource(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_resource kind,
		 uint64_t first, uint64_t last, enum xsm_perm perm)
{
	struct xsm_audit by = { subj, obj, (uint8_t)(1 + kind), first, last };
	struct xsm_audit user = { obj, NULL, (uint8_t)(1 + kind), first, last };
	enum xsm_perm on_domain = domain_perm(perm);
	uint64_t end;
	uint32_t sid;
	int err;

	if (last < first)
		return -EINVAL;
	if (on_domain && !obj)
		return -EPERM;
	err = on_domain ? xsm_domain(subj, obj, on_domain) : 0;
	if (err)
		return err;
	do { /* the parts of the range by label */
		err = sid_of_hardware(OCON_PIRQ + kind, first, &end, &sid);
		end = min(end, last);
		by.first = user.first = first;
		by.last = user.last = end;
		if (!err)
			err = ask(&by, sid, perm);
		if (!err && on_domain == XSM_RESOURCE__ADD)
			err = ask(&user, sid, XSM_RESOURCE__USE_IOMMU);
		first = end + 1;
	} while (!err && end != last);
	return err;
}

int xsm_pci_config(const struct xsm_label *subj, uint32_t sbdf, uint16_t first, uint16_t last,
		   bool write)
{
	struct xsm_audit a = { subj, NULL, 1 + XSM_PCI, sbdf, sbdf };
	bool bars = write && last >= 0x10 && first < 0x28;
	uint64_t end;
	uint32_t sid;
	int err;

	if (unlikely(!xsm_state()))
		return 0; /* it has been given the device */
	err = sid_of_hardware(OCON_PCI, sbdf, &end, &sid);
	return err ? err : ask(&a, sid, bars ? XSM_RESOURCE__SETUP : XSM_RESOURCE__USE_IOMMU);
}

/* The label of a channel from @local to @remote, that @subj makes. */
static int new_channel(const struct xsm_label *subj, const struct xsm_label *local,
		       const struct xsm_label *remote, uint32_t *sid)
{
	struct xsm_audit a = { .subj = subj, .obj = remote };
	uint32_t target = sid_seen(READ_ONCE(local->sid), object_sid(local, remote));
	int err = sid_new(READ_ONCE(local->sid), target, XSM_CLASS_EVENT, RULE_TRANSITION, sid);

	if (!err)
		err = avc_check(READ_ONCE(subj->sid), *sid, XSM_EVENT__CREATE, &a);
	return err ? err : avc_check(*sid, target, XSM_EVENT__BIND, &a);
}

int xsm_evtchn_unbound(const struct xsm_label *subj, const struct xsm_label *owner,
		       const struct xsm_label *remote, uint32_t *sid)
{
	*sid = XSM_SID_UNLABELED;
	if (unlikely(!xsm_state()))
		return builtin(subj, owner, XSM_EVENT__RESET); /* "target" */
	return new_channel(subj, owner, remote, sid);
}

int xsm_evtchn_interdomain(const struct xsm_label *local, const struct xsm_label *remote,
			   uint32_t remote_sid, uint32_t *sid)
{
	struct xsm_audit a = { .subj = remote, .obj = local };
	uint32_t target;
	int err;

	*sid = XSM_SID_UNLABELED;
	if (unlikely(!xsm_state()))
		return 0;
	err = new_channel(local, local, remote, sid);
	/* The far end may have another label than when its port was made. */
	target = sid_seen(READ_ONCE(remote->sid), object_sid(remote, local));
	return err ? err : avc_check(remote_sid, target, XSM_EVENT__BIND, &a);
}

int xsm_evtchn_send(const struct xsm_label *subj, uint32_t sid)
{
	return check(subj, NULL, sid, XSM_EVENT__SEND); /* built-in: anyone */
}

int xsm_evtchn_status(const struct xsm_label *subj, const struct xsm_label *owner, uint32_t sid)
{
	if (unlikely(!xsm_state()))
		return builtin(subj, owner, XSM_EVENT__RESET); /* "target" */
	/* A port of one's own with nobody at its other end tells nothing. */
	if (!sid && subj->serial == owner->serial)
		return 0;
	return check(subj, owner, sid ? sid : object_sid(subj, owner), XSM_EVENT__STATUS);
}

int xsm_domain_create(const struct xsm_label *subj, uint16_t domid, bool priv, uint32_t ssidref,
		      struct xsm_label *label)
{
	int err;

	if (!subj)
		ssidref = XSM_SID_DOM0;
	else if (!ssidref)
		ssidref = XSM_SID_DOMU;
	if (!xsm_disabled && !sid_exists(ssidref)) {
		printk(KERN_WARNING "FLASK: domain %u: there is no label with number %u\n", domid,
		       ssidref);
		return -EINVAL;
	}
	err = subj ? check(subj, NULL, ssidref, XSM_DOMAIN__CREATE) : 0;
	if (err)
		return err;
	*label = (struct xsm_label) { .sid = ssidref, .domid = domid, .priv = priv };
	label->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	return 0;
}

int xsm_set_target(const struct xsm_label *subj, struct xsm_label *dm,
		   const struct xsm_label *target)
{
	struct xsm_audit a = { .subj = dm, .obj = target };
	int err;

	err = xsm_domain(subj, dm, XSM_DOMAIN2__MAKE_PRIV_FOR);
	if (!err)
		err = xsm_domain(subj, target, XSM_DOMAIN2__SET_AS_TARGET);
	/* Between the labels themselves: the device model is no target's subject yet. */
	if (!err && xsm_state())
		err = avc_check(dm->sid, target->sid, XSM_DOMAIN__SET_TARGET, &a);
	if (err)
		return err;
	WRITE_ONCE(dm->target, target->serial);
	return 0;
}
