/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall xen_version. As in Xen, what the policy denies is answered with an empty or
 * "<denied>" value rather than an error, because guests ask at boot and treat errors as fatal.
 */
#include "hypercall/control.h"
#include "lib/cmdline.h"
#include "lib/string.h"

#define XEN_MAJOR  4
#define XEN_MINOR  17
/* Where a PV guest finds the hypervisor; told to all, though there are no PV guests here. */
#define VIRT_START 0xffff800000000000UL

static long version_version(struct op_call *call)
{
	return XEN_MAJOR << 16 | XEN_MINOR;
}

/* The operations that tell a text, and what they tell whom the policy denies it. */
static const struct {
	const char *text, *denied;
	size_t size; /* of the field, at most 1024 */
} texts[] = {
	[XENVER_extraversion] = { ".0-bulkhead", "<denied>", XEN_EXTRAVERSION_LEN },
	[XENVER_capabilities] = { "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ", "",
				  XEN_CAPABILITIES_INFO_LEN },
	[XENVER_changeset] = { "bulkhead", "<denied>", XEN_CHANGESET_INFO_LEN },
	[XENVER_commandline] = { saved_cmdline, "<denied>", sizeof(xen_commandline_t) },
};

static long version_text(struct op_call *call)
{
	unsigned int nr = call->op->nr;
	char field[1024] = { 0 };

	str_copy(field, call->denied ? texts[nr].denied : texts[nr].text, texts[nr].size);
	return guest_write(call->arg, field, texts[nr].size);
}

static long version_compile_info(struct op_call *call)
{
	struct xen_compile_info info = { .compiler = "gcc " __VERSION__,
					 .compile_by = "bulkhead",
					 .compile_domain = "",
					 .compile_date = "reproducible" };

	if (call->denied) {
		memset(&info, 0, sizeof(info));
		str_copy(info.compiler, "<denied>", sizeof(info.compiler));
	}
	return guest_write(call->arg, &info, sizeof(info));
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
	if (call->denied)
		return 0;
	return call->arg.v ? -EINVAL : (long)PAGE_SIZE;
}

static long version_guest_handle(struct op_call *call)
{
	xen_domain_handle_t handle = { 0 };

	if (!call->denied)
		memcpy(handle, call->caller->handle, sizeof(handle));
	return guest_write(call->arg, handle, sizeof(handle));
}

static long version_build_id(struct op_call *call)
{
	return call->denied ? -EPERM : -ENODATA;
}

static const struct op_entry ops[] = {
	OP(XENVER_version, OP_HOOK_NONE, version_version, 0),
	OP(XENVER_extraversion, XSM_VERSION__XEN_EXTRAVERSION, version_text, OP_ANSWERS),
	OP(XENVER_compile_info, XSM_VERSION__XEN_COMPILE_INFO, version_compile_info, OP_ANSWERS),
	OP(XENVER_capabilities, XSM_VERSION__XEN_CAPABILITIES, version_text, OP_ANSWERS),
	OP(XENVER_changeset, XSM_VERSION__XEN_CHANGESET, version_text, OP_ANSWERS),
	OP(XENVER_platform_parameters, OP_HOOK_NONE, version_platform_parameters, 0),
	OP(XENVER_get_features, OP_HOOK_NONE, version_get_features, 0),
	OP(XENVER_pagesize, XSM_VERSION__XEN_PAGESIZE, version_pagesize, OP_ANSWERS),
	OP(XENVER_guest_handle, XSM_VERSION__XEN_GUEST_HANDLE, version_guest_handle, OP_ANSWERS),
	OP(XENVER_commandline, XSM_VERSION__XEN_COMMANDLINE, version_text, OP_ANSWERS),
	OP(XENVER_build_id, XSM_VERSION__XEN_BUILD_ID, version_build_id, OP_ANSWERS),
};

const struct op_table version_ops = {
	.hypercall = "xen_version",
	OP_ENTRIES(ops),
	.nr_bits = 32,
};
