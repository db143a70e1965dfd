/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain builder's steps. */
#include "builder/builder.h"
#include "builder/builder_internal.h"
#include "builder/cpu_policy.h"
#include "hyper/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xen/hvm/params.h>

/* Pages for the hypervisor's own use beyond the guest's memory: special pages, tables. */
#define SLACK_KIB	   1024u
/* What the hypervisor needs for a domain's and a vCPU's structures, roughly. */
#define DOMAIN_KIB	   1024u
#define VCPU_KIB	   64u
#define TIMER_MODE_DEFAULT 1

uint64_t builder_overhead_kib(const struct domain_config *config)
{
	uint64_t pool = config->shadow_kib;

	/* As the stock tools reckon: 256 pages for each vCPU, 2 for each MiB. */
	if (!pool)
		pool = 4 * (256ull * config->maxvcpus + 2 * (config->maxmem_kib / 1024));
	return pool;
}

static int check_free_memory(struct builder *b, struct error *err)
{
	struct phys_info phys;
	uint64_t need = b->config->memory_kib + builder_overhead_kib(b->config) + DOMAIN_KIB +
			(uint64_t)b->config->maxvcpus * VCPU_KIB;
	uint64_t have;
	int rc = hyper_phys_info(b->hyper, &phys);

	if (rc)
		return error_errno(err, rc, "cannot ask the hypervisor for its free memory");
	have = (phys.free_pages + phys.scrub_pages) * 4;
	have -= phys.outstanding_pages * 4 < have ? phys.outstanding_pages * 4 : have;
	if (need <= have)
		return 0;
	return error_set(
		err, -ENOMEM,
		"not enough memory: the guest needs %llu MiB, %llu MiB are free; shut down "
		"another guest or make Dom0 smaller (xl mem-set 0)",
		(unsigned long long)(need + 1023) / 1024, (unsigned long long)have / 1024);
}

static int open_file(const char *path, const char *what, int *fd, struct error *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return error_errno(err, -errno, "cannot open the %s %s", what, path);
	if (fstat(*fd, &st) || !S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "the %s %s is not a regular file", what, path);
	return 0;
}

static int open_ramdisk(struct builder *b, struct error *err)
{
	struct stat st;
	int rc;

	if (!b->config->ramdisk)
		return 0;
	rc = open_file(b->config->ramdisk, "RAM disk", &b->ramdisk_fd, err);
	if (rc)
		return rc;
	if (fstat(b->ramdisk_fd, &st))
		return error_errno(err, -errno, "cannot look at %s", b->config->ramdisk);
	b->ramdisk_size = st.st_size;
	return 0;
}

static int prepare(struct builder *b, struct error *err)
{
	const struct domain_config *c = b->config;
	int rc;

	if (!c->kernel)
		return error_set(err, -EINVAL, "no kernel: set kernel=\"PATH\"");
	rc = open_file(c->kernel, "kernel", &b->kernel_fd, err);
	if (!rc)
		rc = loader_spawn(&b->loader, b->kernel_fd, err);
	if (!rc)
		rc = open_ramdisk(b, err);
	if (!rc)
		rc = check_free_memory(b, err);
	if (rc)
		return rc;
	layout_memory(&b->layout, c->memory_kib * 1024);
	rc = loader_layout(&b->loader, c->kernel, b->layout.low_end, err);
	if (rc)
		return rc;
	return layout_place(&b->layout, &b->loader.kernel, b->ramdisk_size,
			    c->cmdline ? strlen(c->cmdline) : 0, err);
}

int builder_open(struct builder **out, struct hyper *hyper, const struct domain_config *config,
		 struct error *err)
{
	struct builder *b = calloc(1, sizeof(*b));
	int rc;

	*out = NULL;
	if (!b)
		return error_set(err, -ENOMEM, "no memory");
	b->hyper = hyper;
	b->config = config;
	b->kernel_fd = -1;
	b->ramdisk_fd = -1;
	b->loader.socket = -1;
	rc = prepare(b, err);
	if (rc) {
		builder_close(b);
		return rc;
	}
	*out = b;
	return 0;
}

void builder_close(struct builder *b)
{
	if (!b)
		return;
	loader_stop(&b->loader);
	guest_memory_close(&b->memory);
	if (b->kernel_fd >= 0)
		close(b->kernel_fd);
	if (b->ramdisk_fd >= 0)
		close(b->ramdisk_fd);
	free(b);
}

/* The labels that there are, for the message about one that there is not. */
static int unknown_label(struct builder *b, const char *label, struct error *err)
{
	char list[700] = "", one[FLASK_CONTEXT_MAX];
	uint32_t next = 0;
	size_t n = 0;

	while (hyper_flask_next_label(b->hyper, &next, one, sizeof(one)) == 0 &&
	       n + strlen(one) + 3 < sizeof(list))
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", one);
	return error_set(err, -EINVAL, "the policy has no label \"%s\"%s%s", label,
			 n ? "; guests can have " : "", list);
}

static int label_sid(struct builder *b, const char *label, uint32_t *sid, struct error *err)
{
	int rc;

	*sid = 0;
	if (!label)
		return 0;
	rc = hyper_flask_context_to_sid(b->hyper, label, sid);
	if (rc == -ENOSYS || rc == -EOPNOTSUPP)
		return error_set(
			err, rc,
			"the label \"%s\" has no meaning: no policy engine is loaded; leave "
			"seclabel out or load a policy",
			label);
	if (rc == -EINVAL)
		return unknown_label(b, label, err);
	if (rc < 0)
		return error_errno(err, rc, "the label \"%s\"", label);
	return 0;
}

/*
 * Grant version 2 where it is offered, as the stock tools do, unless the description says
 * otherwise.
 */
static int grant_version(struct builder *b, uint32_t *version, struct error *err)
{
	int32_t wanted = b->config->max_grant_version;
	struct phys_info phys;
	int rc = hyper_phys_info(b->hyper, &phys);

	if (rc)
		return error_errno(err, rc, "cannot ask the hypervisor for its abilities");
	if (wanted < 0)
		wanted = phys.cap_gnttab_v2 ? 2 : 1;
	if (wanted == 2 && !phys.cap_gnttab_v2)
		return error_set(err, -EOPNOTSUPP,
				 "max_grant_version=2: the hypervisor offers version 1 only");
	*version = wanted;
	return 0;
}

/* How far the guest's clock is from UTC. */
static int64_t clock_offset(const struct domain_config *c)
{
	time_t now = time(NULL);
	struct tm local;

	if (!c->localtime || !localtime_r(&now, &local))
		return c->rtc_timeoffset;
	return c->rtc_timeoffset + local.tm_gmtoff;
}

static int limits(struct builder *b, struct error *err)
{
	const struct domain_config *c = b->config;
	const char *step = "vCPUs";
	int rc = hyper_build_vcpus(b->hyper, b->domid, c->maxvcpus);

	if (rc >= 0) {
		step = "memory limit";
		rc = hyper_domain_set_max_memory(b->hyper, b->domid, c->memory_kib + SLACK_KIB);
	}
	if (rc >= 0) {
		step = "memory for page tables";
		rc = hyper_build_paging_pool(b->hyper, b->domid, builder_overhead_kib(c));
	}
	if (rc >= 0) {
		step = "clock";
		rc = clock_offset(c) ? hyper_build_time_offset(b->hyper, b->domid, clock_offset(c))
				     : 0;
	}
	if (rc >= 0) {
		step = "tsc_mode";
		rc = hyper_build_tsc(b->hyper, b->domid, c->tsc_mode);
	}
	return rc < 0 ? error_errno(err, rc, "cannot set the domain's %s", step) : 0;
}

static int set_cpu_policy(struct builder *b, struct error *err)
{
	struct cpu_policy_wishes wishes = {
		.invariant_tsc = b->config->nomigrate || b->config->disable_migrate ||
				 b->config->tsc_mode == TSC_MODE_ALWAYS_EMULATE,
		.nested_virt = b->config->nested_hvm,
	};
	struct hyper_cpu_policy policy;
	uint32_t leaf = 0, msr = 0;
	int rc = hyper_build_cpu_policy_get(b->hyper, b->domid, &policy);

	if (rc < 0)
		return error_errno(err, rc, "cannot read the domain's CPU policy");
	cpu_policy_adjust(&policy, &wishes);
	rc = hyper_build_cpu_policy_set(b->hyper, b->domid, &policy, &leaf, &msr);
	hyper_cpu_policy_free(&policy);
	if (rc < 0)
		return error_errno(err, rc,
				   "cannot set the domain's CPU policy (CPUID leaf 0x%x, MSR 0x%x)",
				   leaf, msr);
	return 0;
}

static int set_scheduling(struct builder *b, struct error *err)
{
	const struct domain_config *c = b->config;
	struct sched_params params;
	int rc;

	for (uint32_t i = 0; c->n_affinity && i < c->maxvcpus; i++) {
		const struct vcpu_affinity *a =
			&c->affinity[c->n_affinity == 1 ? 0 : i % c->n_affinity];
		bool hard = a->hard_kind == AFFINITY_SET, soft = a->soft_kind == AFFINITY_SET;

		if (c->n_affinity > 1 && i >= c->n_affinity)
			break;
		if (!hard && !soft)
			continue;
		rc = hyper_vcpu_affinity_set(b->hyper, b->domid, i, hard ? &a->hard : NULL,
					     soft ? &a->soft : NULL, false);
		if (rc < 0)
			return error_errno(err, rc, "cannot pin vCPU %u (cpus=)", i);
	}
	if (!c->cpu_weight && !c->cap)
		return 0;
	rc = hyper_sched_get(b->hyper, b->domid, &params);
	if (rc >= 0) {
		params.weight = c->cpu_weight ? c->cpu_weight : params.weight;
		params.cap = c->cap;
		rc = hyper_sched_set(b->hyper, b->domid, &params);
	}
	return rc < 0 ? error_errno(err, rc, "cannot set cpu_weight or cap") : 0;
}

static int set_params(struct builder *b, struct error *err)
{
	const struct domain_config *c = b->config;
	int mode = c->timer_mode < 0 ? TIMER_MODE_DEFAULT : c->timer_mode;
	int rc = hyper_build_param_set(b->hyper, b->domid, HVM_PARAM_TIMER_MODE, mode);

	/* A core without virtual timers has no such parameter. */
	if (rc < 0 && c->timer_mode >= 0)
		return error_errno(err, rc, "cannot set timer_mode");
	return 0;
}

static int assign_devices(struct builder *b, struct error *err)
{
	for (uint32_t i = 0; i < b->config->n_pci; i++) {
		const struct pci_config *p = &b->config->pci[i];
		uint32_t sbdf = (uint32_t)p->domain << 16 | (uint32_t)p->bus << 8 |
				(uint32_t)(p->device & 31) << 3 | (p->function & 7);
		int rc = hyper_build_assign_device(b->hyper, b->domid, sbdf);

		if (rc < 0)
			return error_errno(err, rc, "cannot assign PCI device %04x:%02x:%02x.%x",
					   p->domain, p->bus, p->device, p->function);
	}
	return 0;
}

int builder_create(struct builder *b, uint16_t *domid, struct error *err)
{
	const struct domain_config *c = b->config;
	struct hyper_create create = {
		.iommu = c->n_pci || c->passthrough,
		.nested_virt = c->nested_hvm,
		.vpmu = c->vpmu,
		.max_vcpus = c->maxvcpus,
		.max_event_port = c->max_event_channels,
		.max_grant_frames = c->max_grant_frames,
		.max_maptrack_frames = c->max_maptrack_frames,
		.vmtrace_size = c->vmtrace_buf_kib * 1024,
		.cpupool = c->cpupool,
		.emulation_flags = XEN_X86_EMU_LAPIC,
	};
	int rc = label_sid(b, c->init_seclabel ? c->init_seclabel : c->seclabel, &create.ssidref,
			   err);

	if (!rc)
		rc = grant_version(b, &create.grant_version, err);
	if (rc)
		return rc;
	memcpy(create.uuid, c->uuid, sizeof(create.uuid));
	if (*domid == UINT16_MAX)
		*domid = 0;
	rc = hyper_build_create(b->hyper, &create, domid);
	if (rc < 0)
		return error_errno(err, rc, "the hypervisor refuses to create the domain");
	b->domid = *domid;
	rc = limits(b, err);
	if (!rc)
		rc = set_cpu_policy(b, err);
	if (!rc)
		rc = set_scheduling(b, err);
	if (!rc)
		rc = set_params(b, err);
	if (!rc)
		rc = assign_devices(b, err);
	return rc;
}

/* The label for its life, when it was built under another. */
static int relabel(struct builder *b, struct error *err)
{
	const struct domain_config *c = b->config;
	uint32_t sid;
	int rc;

	if (!c->init_seclabel || !c->seclabel || !strcmp(c->init_seclabel, c->seclabel))
		return 0;
	rc = label_sid(b, c->seclabel, &sid, err);
	if (!rc) {
		rc = hyper_flask_relabel_domain(b->hyper, b->domid, sid);
		if (rc < 0)
			error_errno(err, rc, "cannot relabel the domain to \"%s\"", c->seclabel);
	}
	return rc;
}

int builder_fill(struct builder *b, builder_progress_fn progress, void *arg,
		 struct builder_result *result, struct error *err)
{
	uint64_t entry = 0;
	int rc;

	b->progress = progress;
	b->progress_arg = arg;
	rc = builder_populate(b, err);
	if (!rc)
		rc = guest_memory_open(&b->memory, b->domid, err);
	if (!rc)
		rc = builder_load_kernel(b, &entry, err);
	if (!rc)
		rc = builder_load_ramdisk(b, err);
	if (!rc)
		rc = builder_write_tables(b, err);
	if (!rc)
		rc = builder_set_special_pages(b, result, err);
	guest_memory_close(&b->memory);
	if (!rc)
		rc = builder_set_registers(b, entry, err);
	if (!rc)
		rc = relabel(b, err);
	if (rc)
		return rc;
	result->kernel_bytes = b->loader.kernel.end - b->loader.kernel.start;
	result->ramdisk_bytes = b->ramdisk_size;
	return 0;
}

int builder_check(struct builder *b, struct error *err)
{
	uint64_t addr, length, entry;
	int run;

	do {
		run = loader_next(&b->loader, b->config->kernel, &addr, &length, &entry, err);
	} while (run > 0);
	return run;
}
