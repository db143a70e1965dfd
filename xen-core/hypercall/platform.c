/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall platform_op: what Linux as control domain asks of the host. */
#include "domain/domain.h"
#include "hypercall/control.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "mm/guest.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define NS_PER_SEC 1000000000U
#define SLEEP_S5   5

static long platform_settime64(struct op_call *call)
{
	const struct xenpf_settime64 *t = &call->u.platform.u.settime64;
	struct domain *d;

	if (t->mbz || t->nsecs >= NS_PER_SEC)
		return -EINVAL;
	wallclock_set(t->secs, t->nsecs, t->system_time);
	for_each_domain (d)
		domain_update_wallclock(d);
	return 0;
}

static long platform_get_cpuinfo(struct op_call *call)
{
	struct xenpf_pcpuinfo *info = &call->u.platform.u.pcpu_info;

	info->max_present = cpus_online() - 1;
	if (info->xen_cpuid < cpus_online()) {
		info->flags = XEN_PCPU_FLAGS_ONLINE;
		info->apic_id = cpus[info->xen_cpuid]->apic_id;
		info->acpi_id = cpus[info->xen_cpuid]->acpi_id;
	} else {
		info->flags = XEN_PCPU_FLAGS_INVALID;
	}
	return 0;
}

/* The control domain's ACPI driver goes this way to power off. */
static long platform_enter_acpi_sleep(struct op_call *call)
{
	if (call->u.platform.u.enter_acpi_sleep.sleep_state != SLEEP_S5)
		return -EOPNOTSUPP;
	domain_shutdown(call->caller, SHUTDOWN_poweroff);
	return 0;
}

static long platform_get_symbol(struct op_call *call)
{
	struct xenpf_symdata *s = &call->u.platform.u.symdata;
	const char *name = symbol_entry(s->symnum, &s->address);
	size_t len;

	if (!name) {
		s->namelen = 0; /* the end: symnum stays as it is */
		return 0;
	}
	len = strlen(name) + 1;
	if (guest_write(handle_gva(s->name), name, min(len, (size_t)s->namelen)))
		return -EFAULT;
	s->namelen = (uint32_t)len;
	s->type = 't';
	s->symnum++;
	return 0;
}

static const struct op_entry ops[] = {
	OP(XENPF_enter_acpi_sleep, XSM_XEN__SLEEP, platform_enter_acpi_sleep, 0),
	OP(XENPF_get_cpuinfo, XSM_XEN__GETCPUINFO, platform_get_cpuinfo, OP_OUT),
	OP(XENPF_settime64, XSM_XEN__SETTIME, platform_settime64, 0),
	OP(XENPF_get_symbol, XSM_XEN2__GET_SYMBOL, platform_get_symbol, OP_OUT),
};

const struct op_table platform_ops = {
	.hypercall = "platform_op",
	OP_ENTRIES(ops),
	.size = sizeof(struct xen_platform_op),
	.version = XENPF_INTERFACE_VERSION,
};
