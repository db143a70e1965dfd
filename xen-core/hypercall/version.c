/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall xen_version. As in Xen, what the policy denies is answered with an empty or
 * "<denied>" value rather than an error, because guests ask at boot and treat errors as fatal.
 */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"

#define XEN_MAJOR  4
#define XEN_MINOR  17
/* Where a PV guest finds the hypervisor; told to all, though there are no PV guests here. */
#define VIRT_START 0xffff800000000000UL

static bool denied(const struct op_call *call, enum xsm_perm perm)
{
	return xsm_xen(&call->caller->label, perm) != 0;
}

/* Writes a text field of @size bytes, at most 1024, with zeros behind. */
static long write_text(const struct op_call *call, const char *text, size_t size)
{
	char field[1024];

	memset(field, 0, size);
	str_copy(field, text, size);
	return guest_write(call->arg, field, size);
}

static long version_version(struct op_call *call)
{
	return XEN_MAJOR << 16 | XEN_MINOR;
}

static long version_extraversion(struct op_call *call)
{
	bool deny = denied(call, XSM_VERSION__XEN_EXTRAVERSION);

	return write_text(call, deny ? "<denied>" : ".0-bulkhead", XEN_EXTRAVERSION_LEN);
}

static long version_compile_info(struct op_call *call)
{
	struct xen_compile_info info = { .compiler = "gcc " __VERSION__,
					 .compile_by = "bulkhead",
					 .compile_domain = "",
					 .compile_date = "reproducible" };

	if (denied(call, XSM_VERSION__XEN_COMPILE_INFO)) {
		memset(&info, 0, sizeof(info));
		str_copy(info.compiler, "<denied>", sizeof(info.compiler));
	}
	return guest_write(call->arg, &info, sizeof(info));
}

static long version_capabilities(struct op_call *call)
{
	bool deny = denied(call, XSM_VERSION__XEN_CAPABILITIES);

	return write_text(call, deny ? "" : "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
			  XEN_CAPABILITIES_INFO_LEN);
}

static long version_changeset(struct op_call *call)
{
	bool deny = denied(call, XSM_VERSION__XEN_CHANGESET);

	return write_text(call, deny ? "<denied>" : "bulkhead", XEN_CHANGESET_INFO_LEN);
}

static long version_platform_parameters(struct op_call *call)
{
	struct xen_platform_parameters params = { VIRT_START };

	return guest_write(call->arg, &params, sizeof(params));
}

static long version_get_features(struct op_call *call)
{
	struct xen_feature_info info;

	if (guest_read(&info, call->arg, sizeof(info)))
		return -EFAULT;
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	info.submap = 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_auto_translated_physmap |
		      1U << XENFEAT_hvm_safe_pvclock | 1U << XENFEAT_hvm_callback_vector |
		      1U << XENFEAT_not_direct_mapped;
	if (call->caller->privileged)
		info.submap |= 1U << XENFEAT_dom0;
	return guest_write(call->arg, &info, sizeof(info));
}

static long version_pagesize(struct op_call *call)
{
	if (denied(call, XSM_VERSION__XEN_PAGESIZE))
		return 0;
	return call->arg.v ? -EINVAL : (long)PAGE_SIZE;
}

static long version_guest_handle(struct op_call *call)
{
	xen_domain_handle_t handle = { 0 };

	if (!denied(call, XSM_VERSION__XEN_GUEST_HANDLE))
		memcpy(handle, call->caller->handle, sizeof(handle));
	return guest_write(call->arg, handle, sizeof(handle));
}

static long version_commandline(struct op_call *call)
{
	bool deny = denied(call, XSM_VERSION__XEN_COMMANDLINE);

	return write_text(call, deny ? "<denied>" : saved_cmdline, sizeof(xen_commandline_t));
}

static long version_build_id(struct op_call *call)
{
	return denied(call, XSM_VERSION__XEN_BUILD_ID) ? -EPERM : -ENODATA;
}

static const struct op_entry ops[] = {
	OP(XENVER_version, OP_HOOK_NONE, version_version),
	OP(XENVER_extraversion, OP_HOOK_IN_ACT, version_extraversion),
	OP(XENVER_compile_info, OP_HOOK_IN_ACT, version_compile_info),
	OP(XENVER_capabilities, OP_HOOK_IN_ACT, version_capabilities),
	OP(XENVER_changeset, OP_HOOK_IN_ACT, version_changeset),
	OP(XENVER_platform_parameters, OP_HOOK_NONE, version_platform_parameters),
	OP(XENVER_get_features, OP_HOOK_NONE, version_get_features),
	OP(XENVER_pagesize, OP_HOOK_IN_ACT, version_pagesize),
	OP(XENVER_guest_handle, OP_HOOK_IN_ACT, version_guest_handle),
	OP(XENVER_commandline, OP_HOOK_IN_ACT, version_commandline),
	OP(XENVER_build_id, OP_HOOK_IN_ACT, version_build_id),
};

const struct op_table version_ops = {
	.hypercall = "xen_version",
	OP_ENTRIES(ops),
};

long do_xen_version(unsigned int cmd, gva_t arg)
{
	struct op_call call;

	op_begin(&call, arg);
	return op_run(&version_ops, cmd, &call);
}
