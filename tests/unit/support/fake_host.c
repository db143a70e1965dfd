/* SPDX-License-Identifier: BSD-2-Clause */
/* A host of two CPUs and 4 GiB. */
#include "support/fake_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hyper/hyper.h"
#include "support/fake_platform.h"
#include "xsclient/xsclient.h"

struct fake_host *fake_host;

void fake_host_reset(void)
{
	if (!fake_host)
		fake_host = mmap(NULL, sizeof(*fake_host), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(fake_host, 0, sizeof(*fake_host));
	fake_host->engine = 1;
	fake_host->weight = 256;
	fake_host->rate = 1000;
	fake_host->cpus = 2;
}

static int change(void)
{
	fake_host->changes++;
	return fake_host->fail;
}

int hyper_phys_info(struct hyper *h, struct phys_info *out)
{
	*out = (struct phys_info) {
		.threads_per_core = 1,
		.cores_per_socket = 2,
		.cpus = fake_host->cpus,
		.max_cpu_id = 1,
		.nodes = 1,
		.cpu_khz = 1000123,
		.cap_hvm = true,
		.cap_hap = true,
		.total_pages = 1 << 20,
		.free_pages = 1 << 19,
	};
	if (fake_host->all_capabilities)
		out->cap_pv = out->cap_directio = out->cap_shadow = out->cap_iommu_hap_pt_share =
			out->cap_vmtrace = out->cap_gnttab_v1 = out->cap_gnttab_v2 = true;
	if (fake_host->no_capabilities)
		out->cap_hvm = out->cap_hap = false;
	return fake_host->fail;
}

int hyper_version_info(struct hyper *h, struct version_info *out)
{
	memset(out, 0, sizeof(*out));
	out->major = 4;
	out->minor = 17;
	strcpy(out->extra, ".0-fake");
	strcpy(out->capabilities, "hvm-3.0-x86_64");
	out->page_size = 4096;
	return fake_host->fail;
}

int hyper_vcpu_state(struct hyper *h, uint16_t domid, uint32_t vcpu, struct vcpu_state *out)
{
	*out = (struct vcpu_state) {
		.online = vcpu == 0,
		.running = vcpu == 0,
		.cpu_time_ns = 1500000000,
		.cpu = vcpu,
		.blocked = fake_host->hard != 0,
	};
	return fake_host->vcpu_error;
}

int hyper_vcpu_affinity_get(struct hyper *h, uint16_t domid, uint32_t vcpu, struct cpu_set *hard,
			    struct cpu_set *soft)
{
	memset(hard, 0, sizeof(*hard));
	memset(soft, 0xff, sizeof(*soft));
	cpu_set_add(hard, vcpu);
	if (fake_host->hard)
		hard->bits[0] = fake_host->hard;
	return fake_host->affinity_error;
}

int hyper_vcpu_affinity_set(struct hyper *h, uint16_t domid, uint32_t vcpu,
			    const struct cpu_set *hard, const struct cpu_set *soft, bool force)
{
	fake_host->changes++;
	return hard && !cpu_set_has(hard, 0) && !cpu_set_has(hard, 1) ? -EINVAL : 0;
}

const char *hyper_scheduler_name(uint32_t scheduler)
{
	return "credit2";
}

int hyper_scheduler_id(struct hyper *h, uint32_t *scheduler)
{
	*scheduler = SCHEDULER_CREDIT2;
	return 0;
}

int hyper_sched_get(struct hyper *h, uint16_t domid, struct sched_params *out)
{
	*out = (struct sched_params) { fake_host->weight, fake_host->cap };
	return fake_host->fail;
}

int hyper_sched_set(struct hyper *h, uint16_t domid, const struct sched_params *params)
{
	if (!params->weight)
		return -EINVAL;
	fake_host->weight = params->weight;
	fake_host->cap = params->cap;
	return change();
}

int hyper_sched_ratelimit_get(struct hyper *h, uint32_t pool, uint32_t *us)
{
	*us = fake_host->rate;
	return 0;
}

int hyper_sched_ratelimit_set(struct hyper *h, uint32_t pool, uint32_t us)
{
	fake_host->rate = us;
	return change();
}

int hyper_console_read(struct hyper *h, bool clear, char **text, size_t *length)
{
	if (fake_host->fail)
		return fake_host->fail;
	fake_host->changes += clear;
	*text = strdup("(XEN) a message\n");
	*length = strlen(*text);
	return 0;
}

int hyper_debug_keys(struct hyper *h, const char *keys)
{
	snprintf(fake_host->keys, sizeof(fake_host->keys), "%s", keys);
	return change();
}

int hyper_domain_trigger(struct hyper *h, uint16_t domid, enum domain_trigger trigger,
			 uint32_t vcpu)
{
	fake_host->changes++;
	return fake_host->trigger;
}

int hyper_cpu_topology(struct hyper *h, struct cpu_topology *out, unsigned int max)
{
	out[0] = (struct cpu_topology) { 0, 0, 0 };
	out[1] = (struct cpu_topology) { UINT32_MAX, 0, 0 };
	return 2;
}

int hyper_numa_info(struct hyper *h, struct numa_node *out, uint32_t *distance, unsigned int max)
{
	out[0] = (struct numa_node) { 4ull << 30, 2ull << 30 };
	out[1] = (struct numa_node) { UINT64_MAX, UINT64_MAX };
	memset(distance, 0, sizeof(*distance) * max * 2);
	distance[0] = 10;
	return 2;
}

int hyper_flask_load(struct hyper *h, const void *policy, size_t size)
{
	fake_host->changes++;
	return fake_host->engine < 0 ? fake_host->engine : memcmp(policy, "good", 4) ? -EINVAL : 0;
}

int hyper_flask_getenforce(struct hyper *h)
{
	return fake_host->engine;
}

int hyper_flask_setenforce(struct hyper *h, bool enforcing)
{
	fake_host->changes++;
	if (fake_host->engine >= 0)
		fake_host->engine = enforcing;
	return fake_host->engine < 0 ? fake_host->engine : 0;
}

int hyper_flask_sid_to_context(struct hyper *h, uint32_t sid, char *context, size_t size)
{
	snprintf(context, size, "system_u:system_r:fake_t");
	return 0;
}

int xs_client_control(struct xs_client *client, const char *const *words, size_t count,
		      char **answer)
{
	fake_host->wanted[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(fake_host->wanted + strlen(fake_host->wanted),
			 sizeof(fake_host->wanted) - strlen(fake_host->wanted), "%s ", words[i]);
	if (count >= 4 && strcmp(words[2], "nodes"))
		return -EINVAL;
	fake_host->changes += count >= 4;
	*answer = strdup(count >= 4 ? "" : "nodes 1000\nwatches: 128\nsize = 3 of 7");
	return *answer ? 0 : -ENOMEM;
}
