/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's description may say, and what this platform does not offer. */
#include "life/config.h"
#include "life/life.h"

#include <errno.h>
#include <string.h>

#define MEMORY_MIN_KIB 2048u

static int check_type(const struct domain_config *c, struct error *err)
{
	if (c->type == DOMAIN_TYPE_HVM)
		return error_set(err, -EOPNOTSUPP,
				 "type=\"hvm\" is not offered: it needs a device model domain; "
				 "use type=\"pvh\"");
	if (c->type == DOMAIN_TYPE_PV)
		return error_set(
			err, -EOPNOTSUPP,
			"type=\"pv\" is not offered: it needs a shim domain; use type=\"pvh\"");
	if (c->bootloader)
		return error_set(
			err, -EOPNOTSUPP,
			"bootloader= is not offered: a boot loader would read the guest's disk "
			"with Dom0's rights; set kernel= and ramdisk=");
	if (c->firmware)
		return error_set(err, -EOPNOTSUPP,
				 "firmware= is for type=\"hvm\" only; set kernel=");
	if (!c->kernel || !*c->kernel)
		return error_set(err, -EINVAL, "kernel= is missing: the path of a kernel image");
	if (c->cmdline && strlen(c->cmdline) > DOMAIN_CMDLINE_MAX)
		return error_set(err, -EINVAL,
				 "the kernel's command line has %zu bytes, at most %d "
				 "are allowed",
				 strlen(c->cmdline), DOMAIN_CMDLINE_MAX);
	return 0;
}

static int check_name(const struct domain_config *c, struct error *err)
{
	if (!c->name || !*c->name)
		return error_set(err, -EINVAL, "name= is missing");
	if (!life_name_valid(c->name))
		return error_set(err, -EINVAL,
				 "name=\"%s\": a name has 1 to %d letters, digits or - _ . : + and "
				 "does not consist of digits only",
				 c->name, DOMAIN_NAME_MAX);
	return 0;
}

static int check_size(struct domain_config *c, struct error *err)
{
	if (c->memory_kib < MEMORY_MIN_KIB || c->memory_kib > DOMAIN_MEMORY_MAX)
		return error_set(err, -EINVAL, "memory=%llu: allowed are %u to %llu (MiB)",
				 (unsigned long long)c->memory_kib / 1024, MEMORY_MIN_KIB / 1024,
				 DOMAIN_MEMORY_MAX / 1024);
	if (!c->maxmem_kib)
		c->maxmem_kib = c->memory_kib;
	if (c->maxmem_kib < c->memory_kib || c->maxmem_kib > DOMAIN_MEMORY_MAX)
		return error_set(
			err, -EINVAL, "maxmem=%llu: at least memory (%llu), at most %llu (MiB)",
			(unsigned long long)c->maxmem_kib / 1024,
			(unsigned long long)c->memory_kib / 1024, DOMAIN_MEMORY_MAX / 1024);
	if (!c->maxvcpus)
		c->maxvcpus = c->vcpus;
	if (!c->vcpus || c->vcpus > c->maxvcpus || c->maxvcpus > DOMAIN_VCPUS_MAX)
		return error_set(err, -EINVAL,
				 "vcpus=%u maxvcpus=%u: 1 to maxvcpus, and maxvcpus at most %d",
				 c->vcpus, c->maxvcpus, DOMAIN_VCPUS_MAX);
	return 0;
}

static int check_scheduling(const struct domain_config *c, struct error *err)
{
	if (c->cpu_weight > 65535)
		return error_set(err, -EINVAL, "cpu_weight=%u: allowed are 1 to 65535",
				 c->cpu_weight);
	if (c->cap > c->maxvcpus * 100)
		return error_set(err, -EINVAL,
				 "cap=%u: percent of one CPU, at most 100 for each of the %u vCPUs",
				 c->cap, c->maxvcpus);
	if (c->n_affinity > 1 && c->n_affinity > c->maxvcpus)
		return error_set(err, -EINVAL, "cpus= names %u vCPUs, the guest has %u",
				 c->n_affinity, c->maxvcpus);
	return 0;
}

static int check_limits(const struct domain_config *c, struct error *err)
{
	if (c->max_grant_version > 2 || !c->max_grant_version)
		return error_set(err, -EINVAL, "max_grant_version=%d: allowed are 1 and 2",
				 c->max_grant_version);
	if (!c->max_grant_frames)
		return error_set(err, -EINVAL, "max_grant_frames=0: a guest needs at least one");
	if (c->max_event_channels < 31 || c->max_event_channels > 131071)
		return error_set(err, -EINVAL, "event_channels=%u: allowed are 31 to 131071",
				 c->max_event_channels);
	if (c->timer_mode > 3)
		return error_set(err, -EINVAL, "timer_mode=%d: allowed are 0 to 3", c->timer_mode);
	return 0;
}

static int check_offers(const struct domain_config *c, struct error *err)
{
	if (c->nested_hvm)
		return error_set(err, -EOPNOTSUPP, "nestedhvm=1 is not offered");
	if (!c->hap)
		return error_set(err, -EOPNOTSUPP,
				 "hap=0 is not offered: guests use hardware nested paging");
	if (c->vpmu)
		return error_set(err, -EOPNOTSUPP, "vpmu=1 is not offered");
	if (c->viridian)
		return error_set(err, -EOPNOTSUPP, "viridian=1 is for type=\"hvm\" only");
	if (c->pvshim)
		return error_set(err, -EOPNOTSUPP, "pvshim=1 is not offered");
	for (unsigned int i = 0; i < CPU_SET_MAX; i++)
		if (cpu_set_has(&c->nodes, i))
			return error_set(
				err, -EOPNOTSUPP,
				"placement on NUMA nodes is not offered; pin vCPUs with cpus=");
	if (c->cpuid)
		return error_set(err, -EOPNOTSUPP, "cpuid= is not offered");
	return 0;
}

/* Keys that mean nothing for a guest without emulated devices: refused, rather than ignored. */
static int check_hvm_only(const struct domain_config *c, struct error *err)
{
	const struct {
		const char *key;
		bool given;
	} keys[] = {
		{ "serial", c->serial },
		{ "boot", c->boot },
		{ "hpet", c->hpet },
		{ "videoram", c->video_memory_kib },
		{ "device_model_version", c->device_model_version },
		{ "device_model_override", c->device_model_override },
		{ "device_model_user", c->device_model_user },
		{ "device_model_args", c->n_device_model_args },
		{ "device_model_stubdomain_override", c->device_stubdomain },
		{ "stubdomain_kernel", c->device_stubdomain_kernel },
		{ "stubdomain_ramdisk", c->device_stubdomain_ramdisk },
		{ "stubdomain_memory", c->device_stubdomain_memory_kib },
		{ "device_model_stubdomain_seclabel", c->device_stubdomain_seclabel },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given)
			return error_set(
				err, -EOPNOTSUPP,
				"%s= is for type=\"hvm\" only: a PVH guest has no device model",
				keys[i].key);
	if (!c->acpi || !c->apic || !c->pae || !c->nx)
		return error_set(err, -EOPNOTSUPP,
				 "%s=0 is for type=\"hvm\" only: a PVH guest always has it",
				 !c->acpi   ? "acpi"
				 : !c->apic ? "apic"
				 : !c->pae  ? "pae"
					    : "nx");
	return 0;
}

static int check_actions(const struct domain_config *c, struct error *err)
{
	const struct {
		const char *key;
		enum domain_action action;
	} keys[] = {
		{ "on_poweroff", c->on_poweroff },
		{ "on_reboot", c->on_reboot },
		{ "on_crash", c->on_crash },
		{ "on_watchdog", c->on_watchdog },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		enum domain_action a = keys[i].action;

		if (a == ACTION_COREDUMP_DESTROY || a == ACTION_COREDUMP_RESTART ||
		    a == ACTION_SOFT_RESET)
			return error_set(err, -EOPNOTSUPP,
					 "%s=\"%s\" is not offered; use destroy, restart, "
					 "rename-restart or preserve",
					 keys[i].key, domain_action_name(a));
	}
	return 0;
}

/* Devices need a domain that serves them: Dom0 has no hardware. */
static int check_devices(const struct domain_config *c, struct error *err)
{
	for (uint32_t i = 0; i < c->n_disks; i++) {
		const struct disk_config *d = &c->disks[i];

		if (!d->vdev || !*d->vdev)
			return error_set(err, -EINVAL, "disk %u: vdev= is missing", i + 1);
		if (!d->backend_domain && !c->backend)
			return error_set(
				err, -EOPNOTSUPP,
				"disk %s (%s): no back end: Dom0 serves no disks; name the "
				"storage domain with backend=NAME",
				d->vdev, d->target ? d->target : "empty");
	}
	for (uint32_t i = 0; i < c->n_vifs; i++) {
		const struct vif_config *v = &c->vifs[i];

		if (!v->backend_domain && !c->backend)
			return error_set(err, -EOPNOTSUPP,
					 "vif %u%s%s: no back end: Dom0 has no network; name the "
					 "network domain with backend=NAME",
					 i, v->bridge ? " on bridge " : "",
					 v->bridge ? v->bridge : "");
	}
	if (c->n_pci)
		return error_set(
			err, -EOPNOTSUPP,
			"pci: devices can't be given to guests yet: the core keeps them all "
			"quarantined");
	return 0;
}

int domain_config_check(struct domain_config *c, struct error *err)
{
	int rc = check_name(c, err);

	if (!rc)
		rc = check_type(c, err);
	if (!rc)
		rc = check_size(c, err);
	if (!rc)
		rc = check_scheduling(c, err);
	if (!rc)
		rc = check_limits(c, err);
	if (!rc)
		rc = check_offers(c, err);
	if (!rc)
		rc = check_hvm_only(c, err);
	if (!rc)
		rc = check_actions(c, err);
	if (!rc)
		rc = check_devices(c, err);
	return rc;
}

bool life_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length && length <= DOMAIN_NAME_MAX && strspn(name, "0123456789") != length &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    "-_.:+") == length;
}
