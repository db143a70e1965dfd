/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs: information, affinity; scheduling parameters of domains and pools. */
#include "hyper/internal.h"

#include <errno.h>
#include <string.h>

int hyper_vcpu_state(struct hyper *h, uint16_t domid, uint32_t vcpu, struct vcpu_state *out)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_getvcpuinfo, domid);
	int rc;

	op->u.getvcpuinfo.vcpu = vcpu;
	rc = hyper_domctl(h);
	if (rc < 0)
		return rc;
	out->online = op->u.getvcpuinfo.online;
	out->blocked = op->u.getvcpuinfo.blocked;
	out->running = op->u.getvcpuinfo.running;
	out->cpu_time_ns = op->u.getvcpuinfo.cpu_time;
	out->cpu = op->u.getvcpuinfo.cpu;
	return 0;
}

/* How many bits the hypervisor wants to see: its CPUs, rounded up to a byte. */
static int cpu_bits(struct hyper *h, uint32_t *bits)
{
	struct phys_info info;
	int rc = hyper_phys_info(h, &info);

	if (rc < 0)
		return rc;
	if (info.max_cpu_id >= CPU_SET_MAX)
		return -ERANGE;
	*bits = (info.max_cpu_id + 8) / 8 * 8;
	return 0;
}

int hyper_vcpu_affinity_get(struct hyper *h, uint16_t domid, uint32_t vcpu, struct cpu_set *hard,
			    struct cpu_set *soft)
{
	struct xen_domctl_vcpuaffinity *arg;
	struct cpu_set *buffer;
	uint32_t bits;
	int rc = cpu_bits(h, &bits);

	if (rc < 0)
		return rc;
	buffer = hyper_buffer(h, 2 * sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	arg = &hyper_domctl_prepare(h, XEN_DOMCTL_getvcpuaffinity, domid)->u.vcpuaffinity;
	arg->vcpu = vcpu;
	arg->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
	set_xen_guest_handle(arg->cpumap_hard.bitmap, (uint8_t *)&buffer[0]);
	arg->cpumap_hard.nr_bits = bits;
	set_xen_guest_handle(arg->cpumap_soft.bitmap, (uint8_t *)&buffer[1]);
	arg->cpumap_soft.nr_bits = bits;
	rc = hyper_domctl(h);
	if (rc >= 0 && hard)
		*hard = buffer[0];
	if (rc >= 0 && soft)
		*soft = buffer[1];
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_vcpu_affinity_set(struct hyper *h, uint16_t domid, uint32_t vcpu,
			    const struct cpu_set *hard, const struct cpu_set *soft, bool force)
{
	struct xen_domctl_vcpuaffinity *arg;
	struct cpu_set *buffer;
	uint32_t bits;
	int rc = cpu_bits(h, &bits);

	if (rc < 0)
		return rc;
	buffer = hyper_buffer(h, 2 * sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	if (hard)
		buffer[0] = *hard;
	if (soft)
		buffer[1] = *soft;
	arg = &hyper_domctl_prepare(h, XEN_DOMCTL_setvcpuaffinity, domid)->u.vcpuaffinity;
	arg->vcpu = vcpu;
	arg->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0) |
		     (force ? XEN_VCPUAFFINITY_FORCE : 0);
	set_xen_guest_handle(arg->cpumap_hard.bitmap, (uint8_t *)&buffer[0]);
	arg->cpumap_hard.nr_bits = bits;
	set_xen_guest_handle(arg->cpumap_soft.bitmap, (uint8_t *)&buffer[1]);
	arg->cpumap_soft.nr_bits = bits;
	rc = hyper_domctl(h);
	hyper_buffer_free(h, buffer);
	return rc;
}

const char *hyper_scheduler_name(uint32_t scheduler)
{
	switch (scheduler) {
	case SCHEDULER_CREDIT:
		return "credit";
	case SCHEDULER_CREDIT2:
		return "credit2";
	case SCHEDULER_ARINC653:
		return "arinc653";
	case SCHEDULER_RTDS:
		return "rtds";
	case SCHEDULER_NULL:
		return "null";
	default:
		return "unknown";
	}
}

int hyper_scheduler_id(struct hyper *h, uint32_t *scheduler)
{
	struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_sched_id);
	int rc = hyper_sysctl(h);

	if (rc >= 0)
		*scheduler = op->u.sched_id.sched_id;
	return rc;
}

/* credit and credit2 have the same parameters at the same place. */
static int sched_op(struct hyper *h, uint16_t domid, uint32_t cmd, struct sched_params *params)
{
	struct xen_domctl_scheduler_op *arg;
	uint32_t id;
	int rc = hyper_scheduler_id(h, &id);

	if (rc < 0)
		return rc;
	if (id != SCHEDULER_CREDIT2 && id != SCHEDULER_CREDIT)
		return -EOPNOTSUPP;
	arg = &hyper_domctl_prepare(h, XEN_DOMCTL_scheduler_op, domid)->u.scheduler_op;
	arg->sched_id = id;
	arg->cmd = cmd;
	arg->u.credit2.weight = params->weight;
	arg->u.credit2.cap = params->cap;
	rc = hyper_domctl(h);
	if (rc >= 0) {
		params->weight = arg->u.credit2.weight;
		params->cap = arg->u.credit2.cap;
	}
	return rc;
}

int hyper_sched_get(struct hyper *h, uint16_t domid, struct sched_params *out)
{
	memset(out, 0, sizeof(*out));
	return sched_op(h, domid, XEN_DOMCTL_SCHEDOP_getinfo, out);
}

int hyper_sched_set(struct hyper *h, uint16_t domid, const struct sched_params *params)
{
	struct sched_params copy = *params;

	return sched_op(h, domid, XEN_DOMCTL_SCHEDOP_putinfo, &copy);
}

static int ratelimit_op(struct hyper *h, uint32_t pool, uint32_t cmd, uint32_t *us)
{
	struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_scheduler_op);
	int rc;

	op->u.scheduler_op.cpupool_id = pool;
	op->u.scheduler_op.sched_id = SCHEDULER_CREDIT2;
	op->u.scheduler_op.cmd = cmd;
	op->u.scheduler_op.u.sched_credit2.ratelimit_us = *us;
	rc = hyper_sysctl(h);
	if (rc >= 0)
		*us = op->u.scheduler_op.u.sched_credit2.ratelimit_us;
	return rc;
}

int hyper_sched_ratelimit_get(struct hyper *h, uint32_t pool, uint32_t *us)
{
	*us = 0;
	return ratelimit_op(h, pool, XEN_SYSCTL_SCHEDOP_getinfo, us);
}

int hyper_sched_ratelimit_set(struct hyper *h, uint32_t pool, uint32_t us)
{
	return ratelimit_op(h, pool, XEN_SYSCTL_SCHEDOP_putinfo, &us);
}
