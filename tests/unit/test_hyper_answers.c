/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall wrappers when the hypervisor's answers are odd, or memory runs out: what is larger
 * than was asked for is not believed, and what was taken is given back. REQ toolstack/cli,
 * toolstack/builder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyper/build.h"
#include "support/fail_alloc.h"
#include "support/fake_xencall.h"

/* ---- the handle ---- */

static void a_hypervisor_that_is_not_there_is_told(void **state)
{
	static const int reasons[] = { ENOENT, EACCES, -1 };

	for (size_t i = 0; i < 3; i++) {
		struct hyper *other = h;

		fake.unopened = reasons[i];
		/* Without a reason there is no such device. */
		assert_int_equal(hyper_open(&other), reasons[i] < 0 ? -ENOENT : -reasons[i]);
		assert_null(other);
	}
}

static void a_handle_needs_both_its_buffers(void **state)
{
	for (unsigned int n = 1; n <= 2; n++) {
		struct hyper *other = h;
		size_t before = fake.buffers;

		fake.allocations = 0;
		fake.no_memory_at = n;
		assert_int_equal(hyper_open(&other), -ENOMEM);
		assert_null(other);
		assert_int_equal(fake.buffers, before);
	}
}

/* ---- memory runs out ---- */

static int take_handle(void)
{
	struct hyper *other;
	int rc = hyper_open(&other);

	hyper_close(other);
	return rc;
}

static int take_list(void)
{
	struct domain_info *list;
	int n = hyper_domain_list_all(h, &list);

	free(list);
	return n < 0 ? n : 0;
}

static int take_messages(void)
{
	size_t length;
	char *text;
	int rc = hyper_console_read(h, false, &text, &length);

	free(text);
	return rc;
}

static int take_policy(void)
{
	struct hyper_cpu_policy policy;
	int rc = hyper_build_cpu_policy_get(h, 1, &policy);

	if (rc < 0)
		assert_true(!policy.leaves && !policy.msrs);
	hyper_cpu_policy_free(&policy);
	return rc;
}

static int take_context(void)
{
	void *records;
	size_t size;
	int rc = hyper_build_context_get(h, 1, &records, &size);

	free(records);
	return rc;
}

static void whatever_memory_is_missing_is_told(void **state)
{
	int (*const calls[])(void) = { take_handle, take_list, take_messages, take_policy,
				       take_context };
	size_t before = fake.buffers;

	fake.domains = 300;   /* more than one piece, */
	fake.console = 40000; /* likewise */
	fake.context = 100;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		unsigned int n = 0;
		int rc;

		do {
			fail_alloc_at(++n);
			rc = calls[i]();
			assert_int_equal(rc, fail_alloc_count() < n ? 0 : -ENOMEM);
			assert_int_equal(fake.buffers, before);
		} while (rc);
		assert_true(n > 2);
		fail_alloc_at(0);
	}
}

/* ---- lies ---- */

static void more_domains_than_asked_for_are_refused(void **state)
{
	struct domain_info *list = NULL;

	fake.domains = 3;
	fake.liar = true;
	assert_int_equal(hyper_domain_list_all(h, &list), -EPROTO);
	assert_null(list);
}

static void more_messages_than_asked_for_are_refused(void **state)
{
	size_t length = 0;
	char *text = (char *)"";

	fake.liar = true;
	assert_int_equal(hyper_console_read(h, false, &text, &length), -EPROTO);
	assert_null(text);
}

/* The second piece fails: what was read before is not handed out as if it were all. */
static void messages_that_break_off_are_an_error(void **state)
{
	size_t length = 0;
	char *text = (char *)"";

	fake.console = 100000;
	fake.error = EPERM;
	fake.error_after = fake.calls + 1;
	assert_int_equal(hyper_console_read(h, true, &text, &length), -EPERM);
	assert_null(text);
}

static void policies_of_odd_sizes_are_refused(void **state)
{
	struct hyper_cpu_policy policy;

	fake.leaves = 65537;
	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), -EPROTO);
	fake.leaves = 2;
	fake.error = EPERM;
	fake.error_after = fake.calls + 1; /* the size is told, the policy is not */
	assert_int_equal(hyper_build_cpu_policy_get(h, 1, &policy), -EPERM);
	assert_null(policy.leaves);
}

static void save_records_that_break_off_are_an_error(void **state)
{
	void *records = h;
	size_t size;

	fake.context = 100;
	fake.error = EBUSY;
	fake.error_after = fake.calls + 1;
	assert_int_equal(hyper_build_context_get(h, 1, &records, &size), -EBUSY);
	assert_null(records);
}

/* Sets of CPUs have 1024 bits: with more CPUs than that no bit is lost unseen. */
static void too_many_cpus_are_refused(void **state)
{
	struct cpu_set set = { { 0 } };

	fake.cpus = CPU_SET_MAX + 1;
	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 0, &set, NULL), -ERANGE);
	assert_int_equal(hyper_vcpu_affinity_set(h, 1, 0, &set, NULL, false), -ERANGE);
	fake.cpus = CPU_SET_MAX;
	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 0, &set, NULL), 0);
	assert_int_equal(fake.domctl.u.vcpuaffinity.cpumap_hard.nr_bits, CPU_SET_MAX);
	cpu_set_add(&set, CPU_SET_MAX);
	assert_false(cpu_set_has(&set, CPU_SET_MAX));
}

/* ---- what comes out ---- */

static void build_identifiers_are_hexadecimal(void **state)
{
	struct version_info version;

	assert_int_equal(hyper_version_info(h, &version), 0);
	assert_string_equal(version.build_id, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3");
	fake.liar = true; /* longer than there is room for */
	assert_int_equal(hyper_version_info(h, &version), 0);
	assert_int_equal(strlen(version.build_id), sizeof(version.build_id) - 1);
	assert_int_equal(strncmp(version.build_id, "a0a1", 4), 0);
}

/* Whichever of its calls fails, but those of which there is something to be said without an answer. */
static void versions_need_all_their_parts(void **state)
{
	struct version_info version;
	unsigned int calls, failures = 0;

	calls = fake.calls;
	assert_int_equal(hyper_version_info(h, &version), 0);
	assert_int_equal(version.page_size, 4096);
	calls = fake.calls - calls;
	for (unsigned int n = 0; n < calls; n++) {
		fake.calls = 0;
		fake.error_after = n;
		fake.error = EPERM;
		failures += hyper_version_info(h, &version) == -EPERM;
	}
	/* The build identifier may be missing. */
	assert_int_equal(failures, calls - 1);
}

static void what_is_not_there_is_marked(void **state)
{
	struct cpu_topology cpus[4];
	struct numa_node nodes[4];
	uint32_t distance[16] = { 0 };

	fake.cpus = 3;
	assert_int_equal(hyper_cpu_topology(h, cpus, 4), 3);
	assert_int_equal(cpus[2].core, 2);
	assert_int_equal(cpus[2].node, 1);
	fake.cpus = 12;
	assert_int_equal(hyper_cpu_topology(h, cpus, 4), 4);
	assert_int_equal(hyper_numa_info(h, nodes, distance, 4), 2);
	assert_int_equal(nodes[0].memory_bytes, 4ull << 30);
	assert_int_equal(nodes[0].free_bytes, 1ull << 30);
	assert_true(nodes[1].memory_bytes == UINT64_MAX && nodes[1].free_bytes == UINT64_MAX);
	assert_int_equal(distance[0 * 4 + 1], 11);
	assert_int_equal(distance[1 * 4 + 0], 12);
	fake.liar = true;
	assert_int_equal(hyper_numa_info(h, nodes, NULL, 2), 2);
}

static void guests_get_what_was_wished(void **state)
{
	struct hyper_create create = {
		.max_vcpus = 1, .nested_virt = true, .vpmu = true, .msr_relaxed = true
	};
	const struct xen_domctl_createdomain *arg = &fake.domctl.u.createdomain;
	uint16_t domid = 0;

	assert_int_equal(hyper_build_create(h, &create, &domid), 0);
	assert_int_equal(arg->flags, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
					     XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_nested_virt |
					     XEN_DOMCTL_CDF_vpmu);
	assert_int_equal(arg->arch.misc_flags, XEN_X86_MSR_RELAXED);
}

static void pools_fall_back_only_where_the_call_is_unknown(void **state)
{
	fake.paging_error = EOPNOTSUPP;
	assert_int_equal(hyper_build_paging_pool(h, 1, 1), 0);
	assert_int_equal(fake.domctl.cmd, XEN_DOMCTL_shadow_op);
	assert_int_equal(fake.domctl.u.shadow_op.mb, 1);
	fake.paging_error = ENOMEM;
	assert_int_equal(hyper_build_paging_pool(h, 1, 1), -ENOMEM);
	assert_int_equal(fake.domctl.cmd, XEN_DOMCTL_set_paging_mempool_size);
	assert_int_equal(fake.domctl.u.paging_mempool.size, 1 << 20);
}

static void only_the_sets_that_are_asked_for_change(void **state)
{
	struct cpu_set hard = { { 5 } }, soft = { { 6 } };

	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 2, NULL, &soft), 0);
	assert_int_equal(fake.domctl.u.vcpuaffinity.flags, XEN_VCPUAFFINITY_SOFT);
	assert_int_equal(soft.bits[0], 0); /* the fake says nothing of it */
	assert_int_equal(hyper_vcpu_affinity_set(h, 1, 2, &hard, NULL, false), 0);
	assert_int_equal(fake.domctl.u.vcpuaffinity.flags, XEN_VCPUAFFINITY_HARD);
	fake.error = EPERM;
	fake.error_after = fake.calls + 1; /* the host is known, the vCPU is not */
	hard.bits[0] = 5;
	assert_int_equal(hyper_vcpu_affinity_get(h, 1, 2, &hard, &soft), -EPERM);
	assert_int_equal(hard.bits[0], 5);
}

static void weights_are_of_schedulers_that_have_them(void **state)
{
	struct sched_params params;
	struct vcpu_state vcpu;

	fake.scheduler = SCHEDULER_CREDIT;
	assert_int_equal(hyper_sched_get(h, 1, &params), 0);
	assert_int_equal(params.weight, 300);
	assert_int_equal(fake.domctl.u.scheduler_op.sched_id, SCHEDULER_CREDIT);
	fake.scheduler = SCHEDULER_NULL;
	assert_int_equal(hyper_sched_get(h, 1, &params), -EOPNOTSUPP);
	fake.scheduler = SCHEDULER_CREDIT2;
	fake.error = EPERM;
	fake.error_after = fake.calls + 1; /* the scheduler is told, the weight is not */
	assert_int_equal(hyper_sched_get(h, 1, &params), -EPERM);
	assert_int_equal(params.weight, 0);
	fake.error = 0;
	assert_int_equal(hyper_vcpu_state(h, 1, 0, &vcpu), 0);
	assert_true(vcpu.online && !vcpu.running && vcpu.cpu == 3 && vcpu.cpu_time_ns == 123);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_xencall_setup, fake_xencall_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hypervisor_that_is_not_there_is_told),
		TEST(a_handle_needs_both_its_buffers),
		TEST(whatever_memory_is_missing_is_told),
		TEST(more_domains_than_asked_for_are_refused),
		TEST(more_messages_than_asked_for_are_refused),
		TEST(messages_that_break_off_are_an_error),
		TEST(policies_of_odd_sizes_are_refused),
		TEST(save_records_that_break_off_are_an_error),
		TEST(too_many_cpus_are_refused),
		TEST(build_identifiers_are_hexadecimal),
		TEST(versions_need_all_their_parts),
		TEST(what_is_not_there_is_marked),
		TEST(guests_get_what_was_wished),
		TEST(pools_fall_back_only_where_the_call_is_unknown),
		TEST(only_the_sets_that_are_asked_for_change),
		TEST(weights_are_of_schedulers_that_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
