/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall wrappers over a hypervisor of fakes: what they ask, what they make of answers. REQ
 * toolstack/cli.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyper/build.h"
#include "hyper/error.h"
#include "support/fake_xencall.h"

#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/version.h>

static void all_domains_are_listed(void **state)
{
	static const unsigned int counts[] = { 0, 1, 127, 128, 129, 256, 1000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct domain_info *list;
		int n;

		fake.domains = counts[i];
		n = hyper_domain_list_all(h, &list);
		assert_int_equal(n, counts[i]);
		for (int j = 0; j < n; j++) {
			assert_int_equal(list[j].domid, 2 * j);
			assert_int_equal(list[j].total_pages, j);
			assert_true(list[j].hvm && list[j].shutdown && !list[j].dying);
			assert_int_equal(list[j].shutdown_reason, SHUTDOWN_REASON_CRASH);
		}
		free(list);
	}
}

static void another_domain_is_not_taken_for_the_one(void **state)
{
	struct domain_info info;

	assert_int_equal(hyper_domain_info(h, 4, &info), 0);
	assert_int_equal(info.shutdown_reason, SHUTDOWN_REASON_NONE);
	assert_int_equal(hyper_domain_info(h, 3, &info), -ESRCH);
}

static void destruction_goes_on_until_it_is_done(void **state)
{
	fake.again = 2;
	assert_int_equal(hyper_domain_destroy(h, 7), 0);
	assert_int_equal(fake.calls, 3);
}

static void errors_come_through(void **state)
{
	struct domain_info *list, info;
	struct cpu_set set;
	struct phys_info phys;
	struct version_info version;
	size_t length;
	char *text;

	fake.error = EPERM;
	assert_int_equal(hyper_domain_list_all(h, &list), -EPERM);
	assert_int_equal(hyper_domain_info(h, 1, &info), -EPERM);
	assert_int_equal(hyper_domain_pause(h, 1), -EPERM);
	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 0, &set, NULL), -EPERM);
	assert_int_equal(hyper_phys_info(h, &phys), -EPERM);
	assert_int_equal(hyper_version_info(h, &version), -EPERM);
	assert_int_equal(hyper_console_read(h, false, &text, &length), -EPERM);
	assert_int_equal(hyper_flask_getenforce(h), -EPERM);
}

static void messages_are_read_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 32767, 32768, 32769, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t length;
		char *text;

		fake.console = sizes[i];
		assert_int_equal(hyper_console_read(h, true, &text, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_int_equal(strlen(text), sizes[i]);
		for (size_t j = 0; j < length; j += 997)
			assert_int_equal(text[j], 'a' + j % 26);
		free(text);
	}
}

static void version_texts_are_terminated(void **state)
{
	struct version_info version;

	assert_int_equal(hyper_version_info(h, &version), 0);
	assert_int_equal(version.major, 4);
	assert_int_equal(version.minor, 17);
	assert_int_equal(strlen(version.extra), sizeof(version.extra) - 1);
}

static void affinity_covers_the_host(void **state)
{
	struct cpu_set set = { { 0 } };

	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 0, &set, NULL), 0);
	assert_int_equal(fake.domctl.u.vcpuaffinity.flags, XEN_VCPUAFFINITY_HARD);
	assert_int_equal(fake.domctl.u.vcpuaffinity.cpumap_hard.nr_bits, 16);
	assert_true(cpu_set_has(&set, 0) && cpu_set_has(&set, 7) && !cpu_set_has(&set, 1));
	assert_false(cpu_set_has(&set, CPU_SET_MAX));
	assert_int_equal(hyper_vcpu_affinity_set(h, 1, 3, NULL, &set, true), 0);
	assert_int_equal(fake.domctl.u.vcpuaffinity.flags,
			 XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE);
	assert_int_equal(fake.domctl.u.vcpuaffinity.vcpu, 3);
}

static void scheduler_parameters_name_the_scheduler(void **state)
{
	struct sched_params params = { 512, 50 };

	assert_int_equal(hyper_sched_set(h, 1, &params), 0);
	assert_int_equal(fake.domctl.u.scheduler_op.sched_id, SCHEDULER_CREDIT2);
	assert_int_equal(fake.domctl.u.scheduler_op.cmd, XEN_DOMCTL_SCHEDOP_putinfo);
	assert_int_equal(fake.domctl.u.scheduler_op.u.credit2.weight, 512);
	assert_int_equal(fake.domctl.u.scheduler_op.u.credit2.cap, 50);
	assert_string_equal(hyper_scheduler_name(6), "credit2");
	assert_string_equal(hyper_scheduler_name(99), "unknown");
}

static void created_domains_are_hvm_with_nested_paging(void **state)
{
	struct hyper_create create = { .max_vcpus = 3,
				       .max_event_port = 1023,
				       .max_grant_frames = -1,
				       .grant_version = 2,
				       .iommu = true,
				       .emulation_flags = XEN_X86_EMU_LAPIC };
	const struct xen_domctl_createdomain *arg = &fake.domctl.u.createdomain;
	uint16_t domid = 0;

	assert_int_equal(hyper_build_create(h, &create, &domid), 0);
	assert_int_equal(domid, 5);
	assert_int_equal(arg->flags, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
					     XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_iommu);
	assert_int_equal(arg->max_vcpus, 3);
	assert_int_equal(arg->max_grant_frames, -1);
	assert_int_equal(arg->grant_opts, 2);
	assert_int_equal(arg->arch.emulation_flags, XEN_X86_EMU_LAPIC);
}

static void policies_are_copied_out(void **state)
{
	struct hyper_cpu_policy policy;
	uint32_t leaf, msr;

	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), 0);
	assert_int_equal(policy.n_leaves, 1);
	assert_int_equal(policy.leaves[0].d, 6);
	assert_int_equal(policy.msrs[0].value, 8);
	assert_int_equal(hyper_build_cpu_policy_set(h, 1, &policy, &leaf, &msr), -EINVAL);
	assert_int_equal(leaf, 0xd);
	assert_int_equal(msr, UINT32_MAX);
	hyper_cpu_policy_free(&policy);
}

static void partial_population_is_told(void **state)
{
	uint64_t gfns[4] = { 0, 512, 1024, 1536 };

	assert_int_equal(hyper_build_populate(h, 1, gfns, 4, 9), 3);
	assert_int_equal(fake.cmd, XENMEM_populate_physmap);
}

static void errors_have_texts(void **state)
{
	struct error err = { 0 };
	char big[1000];

	memset(big, 'x', sizeof(big));
	big[999] = '\0';
	assert_int_equal(error_set(&err, -ENOENT, "no %s", "file"), -ENOENT);
	assert_string_equal(err.text, "no file");
	assert_int_equal(error_prefix(&err, "%s", "here"), -ENOENT);
	assert_string_equal(err.text, "here: no file");
	assert_int_equal(error_errno(&err, -EPERM, "cannot"), -EPERM);
	assert_string_equal(err.text, "cannot: Operation not permitted");
	assert_int_equal(error_set(&err, -EINVAL, "%s", big), -EINVAL);
	assert_int_equal(error_prefix(&err, "%s", big), -EINVAL);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(error_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(error_errno(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(error_prefix(NULL, "x"), 0);
}

/* ---- all wrappers alike ---- */

static uint64_t numbers[64];
static struct hyper_create some_guest = { .max_vcpus = 1, .max_grant_frames = -1 };

#define CALL(name, expression)       \
	static int call_##name(void) \
	{                            \
		return expression;   \
	}
CALL(pause, hyper_domain_pause(h, 1))
CALL(unpause, hyper_domain_unpause(h, 1))
CALL(max_memory, hyper_domain_set_max_memory(h, 1, 4096))
CALL(trigger, hyper_domain_trigger(h, 1, DOMAIN_TRIGGER_NMI, 0))
CALL(vcpu, hyper_vcpu_state(h, 1, 0, &(struct vcpu_state) { 0 }))
CALL(affinity_get,
     hyper_vcpu_affinity_get(h, 1, 0, &(struct cpu_set) { 0 }, &(struct cpu_set) { 0 }))
CALL(affinity_set,
     hyper_vcpu_affinity_set(h, 1, 0, &(struct cpu_set) { 0 }, &(struct cpu_set) { 0 }, false))
CALL(sched_get, hyper_sched_get(h, 1, &(struct sched_params) { 0 }))
CALL(sched_set, hyper_sched_set(h, 1, &(struct sched_params) { 1, 2 }))
CALL(rate_get, hyper_sched_ratelimit_get(h, 0, (uint32_t *)numbers))
CALL(rate_set, hyper_sched_ratelimit_set(h, 0, 1000))
CALL(version, hyper_version_info(h, &(struct version_info) { 0 }))
CALL(keys, hyper_debug_keys(h, "qr"))
CALL(topology, hyper_cpu_topology(h, (struct cpu_topology *)numbers, 4))
CALL(numa, hyper_numa_info(h, (struct numa_node *)numbers, (uint32_t[16]) { 0 }, 4))
CALL(numa_plain, hyper_numa_info(h, (struct numa_node *)numbers, NULL, 4))
CALL(claim, hyper_claim_pages(h, 1, 100))
CALL(load, hyper_flask_load(h, "policy", 6))
CALL(setenforce, hyper_flask_setenforce(h, true))
CALL(to_sid, hyper_flask_context_to_sid(h, "a:b:c", (uint32_t *)numbers))
CALL(to_context, hyper_flask_sid_to_context(h, 1, (char *)numbers, sizeof(numbers)))
CALL(relabel, hyper_flask_relabel_domain(h, 1, 2))
CALL(create, hyper_build_create(h, &some_guest, (uint16_t *)numbers))
CALL(vcpus, hyper_build_vcpus(h, 1, 2))
CALL(paging, hyper_build_paging_pool(h, 1, 5000))
CALL(time_offset, hyper_build_time_offset(h, 1, -5))
CALL(tsc, hyper_build_tsc(h, 1, 2))
CALL(populate, hyper_build_populate(h, 1, numbers, 4, 0))
CALL(param_set, hyper_build_param_set(h, 1, 2, 3))
CALL(evtchn, hyper_build_evtchn(h, 1, 0))
CALL(memory_map, hyper_build_memory_map(h, 1, (struct hyper_memory_range[2]) { { 0 } }, 2))
CALL(assign, hyper_build_assign_device(h, 1, 0x100))
CALL(deassign, hyper_build_deassign_device(h, 1, 0x100))
CALL(target, hyper_build_set_target(h, 1, 2))
CALL(context_set, hyper_build_context_set(h, 1, numbers, sizeof(numbers)))
CALL(scheduler, hyper_scheduler_id(h, (uint32_t *)numbers))

#define ROW(name)                  \
	{                          \
#name, call_##name \
	}
static const struct {
	const char *name;
	int (*call)(void);
} wrappers[] = {
	ROW(pause),	   ROW(unpause),      ROW(max_memory), ROW(trigger),	ROW(vcpu),
	ROW(affinity_get), ROW(affinity_set), ROW(sched_get),  ROW(sched_set),	ROW(rate_get),
	ROW(rate_set),	   ROW(version),      ROW(keys),       ROW(topology),	ROW(numa),
	ROW(numa_plain),   ROW(claim),	      ROW(load),       ROW(setenforce), ROW(to_sid),
	ROW(to_context),   ROW(relabel),      ROW(create),     ROW(vcpus),	ROW(paging),
	ROW(time_offset),  ROW(tsc),	      ROW(populate),   ROW(param_set),	ROW(evtchn),
	ROW(memory_map),   ROW(assign),	      ROW(deassign),   ROW(target),	ROW(context_set),
	ROW(scheduler),
};

/*
 * Each wrapper brings the hypervisor's error, stands any allocation that fails, and frees what it
 * took.
 */
static void every_wrapper_fails_cleanly(void **state)
{
	size_t buffers = fake.buffers;

	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		unsigned int used;
		int rc;

		fake.error = 0;
		fake.allocations = 0;
		rc = wrappers[i].call();
		used = fake.allocations;
		if (rc < 0)
			fail_msg("%s: %d", wrappers[i].name, rc);
		for (unsigned int k = 1; k <= used; k++) {
			fake.allocations = 0;
			fake.no_memory_at = k;
			rc = wrappers[i].call();
			/* The build identifier may be missing. */
			if (rc != -ENOMEM && strcmp(wrappers[i].name, "version"))
				fail_msg("%s without memory: %d", wrappers[i].name, rc);
			fake.no_memory_at = 0;
		}
		fake.error = EPERM;
		rc = wrappers[i].call();
		if (rc != -EPERM)
			fail_msg("%s refused: %d", wrappers[i].name, rc);
		assert_int_equal(fake.buffers, buffers);
	}
}

static void save_records_are_copied(void **state)
{
	size_t size;
	void *records;

	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -EPROTO);
	fake.context = 1000;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), 0);
	assert_int_equal(size, 1000);
	assert_int_equal(((uint8_t *)records)[999], 7);
	free(records);
	fake.allocations = 0;
	fake.no_memory_at = 1;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -ENOMEM);
	fake.no_memory_at = 0;
	fake.liar = true;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -EPROTO);
	fake.context = 1u << 30;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -EPROTO);
	fake.error = EPERM;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -EPERM);
}

static void policies_are_not_believed(void **state)
{
	struct hyper_cpu_policy policy;
	uint32_t leaf;

	fake.liar = true;
	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), -EPROTO);
	fake.liar = false;
	for (unsigned int k = 1; k <= 2; k++) {
		fake.allocations = 0;
		fake.no_memory_at = k;
		assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), -ENOMEM);
	}
	fake.no_memory_at = 0;
	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), 0);
	assert_int_equal(hyper_build_cpu_policy_set(h, 1, &policy, NULL, NULL), -EINVAL);
	for (unsigned int k = 1; k <= 2; k++) {
		fake.allocations = 0;
		fake.no_memory_at = k;
		assert_int_equal(hyper_build_cpu_policy_set(h, 1, &policy, &leaf, NULL), -ENOMEM);
	}
	hyper_cpu_policy_free(&policy);
	fake.error = EPERM;
	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), -EPERM);
}

static void the_older_paging_pool_is_tried(void **state)
{
	fake.again = 2;
	fake.paging_error = ENOSYS;
	assert_int_equal(hyper_build_paging_pool(h, 1, 5000), 0);
	assert_int_equal(fake.domctl.cmd, XEN_DOMCTL_shadow_op);
	assert_int_equal(fake.domctl.u.shadow_op.mb, 5);
}

static void arguments_are_checked(void **state)
{
	char context[8], long_context[FLASK_CONTEXT_MAX + 2];
	uint32_t sid;

	memset(long_context, 'x', sizeof(long_context));
	long_context[FLASK_CONTEXT_MAX + 1] = '\0';

	assert_int_equal(hyper_flask_context_to_sid(h, "", &sid), -EINVAL);
	assert_int_equal(hyper_flask_context_to_sid(h, long_context, &sid), -EINVAL);
	assert_int_equal(hyper_flask_load(h, "", 1ull << 40), -E2BIG);
	assert_int_equal(hyper_flask_sid_to_context(h, 1, context, 0), -ERANGE);
	assert_int_equal(hyper_debug_keys(h, ""), 0);
	assert_string_equal(hyper_scheduler_name(SCHEDULER_CREDIT), "credit");
	assert_string_equal(hyper_scheduler_name(SCHEDULER_ARINC653), "arinc653");
	assert_string_equal(hyper_scheduler_name(SCHEDULER_RTDS), "rtds");
	assert_string_equal(hyper_scheduler_name(SCHEDULER_NULL), "null");
	hyper_close(NULL);
	fake.allocations = 0;
	fake.no_memory_at = 2;
	assert_int_equal(hyper_open(&(struct hyper *) { NULL }), -ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_xencall_setup, fake_xencall_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_domains_are_listed),
		TEST(another_domain_is_not_taken_for_the_one),
		TEST(destruction_goes_on_until_it_is_done),
		TEST(errors_come_through),
		TEST(messages_are_read_whole),
		TEST(version_texts_are_terminated),
		TEST(affinity_covers_the_host),
		TEST(scheduler_parameters_name_the_scheduler),
		TEST(created_domains_are_hvm_with_nested_paging),
		TEST(policies_are_copied_out),
		TEST(partial_population_is_told),
		TEST(errors_have_texts),
		TEST(every_wrapper_fails_cleanly),
		TEST(arguments_are_checked),
		TEST(save_records_are_copied),
		TEST(policies_are_not_believed),
		TEST(the_older_paging_pool_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
