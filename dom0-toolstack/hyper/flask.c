/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy engine's operations. */
#include "hyper/internal.h"

#include <errno.h>
#include <string.h>

#include <xen/xsm/flask_op.h>

#include "../../xen-core/include/bulkhead_abi.h"

static int flask_call(struct hyper *h, struct xen_flask_op *op)
{
	struct xen_flask_op *buffer = hyper_buffer(h, sizeof(*op));
	int rc;

	if (!buffer)
		return -ENOMEM;
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	*buffer = *op;
	rc = hyper_result(xencall1(h->call, __HYPERVISOR_xsm_op, (uintptr_t)buffer));
	*op = *buffer;
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_flask_load(struct hyper *h, const void *policy, size_t size)
{
	struct xen_flask_op op = { .cmd = FLASK_LOAD };
	void *buffer;
	int rc;

	if (size > UINT32_MAX)
		return -E2BIG;
	buffer = hyper_buffer(h, size);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, policy, size);
	set_xen_guest_handle(op.u.load.buffer, (char *)buffer);
	op.u.load.size = size;
	rc = flask_call(h, &op);
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_flask_getenforce(struct hyper *h)
{
	struct xen_flask_op op = { .cmd = FLASK_GETENFORCE };

	return flask_call(h, &op);
}

int hyper_flask_setenforce(struct hyper *h, bool enforcing)
{
	struct xen_flask_op op = { .cmd = FLASK_SETENFORCE };

	op.u.enforce.enforcing = enforcing;
	return flask_call(h, &op);
}

int hyper_flask_context_to_sid(struct hyper *h, const char *context, uint32_t *sid)
{
	struct xen_flask_op op = { .cmd = FLASK_CONTEXT_TO_SID };
	size_t length = strlen(context);
	char *buffer;
	int rc;

	if (!length || length > FLASK_CONTEXT_MAX)
		return -EINVAL;
	buffer = hyper_buffer(h, length);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, context, length);
	op.u.sid_context.size = length;
	set_xen_guest_handle(op.u.sid_context.context, buffer);
	rc = flask_call(h, &op);
	hyper_buffer_free(h, buffer);
	if (rc >= 0)
		*sid = op.u.sid_context.sid;
	return rc;
}

/* What SID_TO_CONTEXT and LABELS have in common: a number goes in, a label and a number come out. */
static int sid_context_op(struct hyper *h, uint32_t cmd, uint32_t *sid, char *context, size_t size)
{
	struct xen_flask_op op = { .cmd = cmd };
	char *buffer = hyper_buffer(h, FLASK_CONTEXT_MAX + 1);
	size_t length;
	int rc;

	if (!buffer)
		return -ENOMEM;
	op.u.sid_context.sid = *sid;
	op.u.sid_context.size = FLASK_CONTEXT_MAX;
	set_xen_guest_handle(op.u.sid_context.context, buffer);
	rc = flask_call(h, &op);
	if (rc >= 0) {
		length = strnlen(buffer, FLASK_CONTEXT_MAX);
		if (length >= size) {
			rc = -ERANGE;
		} else {
			memcpy(context, buffer, length);
			context[length] = '\0';
			*sid = op.u.sid_context.sid;
			rc = 0;
		}
	}
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_flask_sid_to_context(struct hyper *h, uint32_t sid, char *context, size_t size)
{
	return sid_context_op(h, FLASK_SID_TO_CONTEXT, &sid, context, size);
}

int hyper_flask_next_label(struct hyper *h, uint32_t *next, char *context, size_t size)
{
	return sid_context_op(h, BULKHEAD_FLASK_LABELS, next, context, size);
}

int hyper_flask_relabel_domain(struct hyper *h, uint16_t domid, uint32_t sid)
{
	struct xen_flask_op op = { .cmd = FLASK_RELABEL_DOMAIN };

	op.u.relabel.domid = domid;
	op.u.relabel.sid = sid;
	return flask_call(h, &op);
}
