/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl, platform_op, xen_version and console_io over fakes (REQ core/control). */
#include <stdlib.h>
#include <string.h>

#include "support/fake_control.h"
#include "lib/cmdline.h"
#include "lib/console.h"

static struct xen_sysctl op;
static struct xen_platform_op pop;

static struct xen_sysctl *begin(uint32_t cmd)
{
	memset(&op, 0, sizeof(op));
	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return &op;
}

static long run(void)
{
	long rc;

	put_arg(&op, sizeof(op));
	rc = do_sysctl((gva_t) { ARG });
	get_arg(&op, sizeof(op));
	return rc;
}

static struct xen_platform_op *pbegin(uint32_t cmd)
{
	memset(&pop, 0, sizeof(pop));
	pop.cmd = cmd;
	pop.interface_version = XENPF_INTERFACE_VERSION;
	return &pop;
}

static long prun(void)
{
	long rc;

	put_arg(&pop, sizeof(pop));
	rc = do_platform_op((gva_t) { ARG });
	get_arg(&pop, sizeof(pop));
	return rc;
}

static void *data(void)
{
	return fake_mem(dom0, DATA);
}

static void test_entry(void **state)
{
	(void)state;
	assert_int_equal(do_sysctl((gva_t) { NOWHERE }), -EFAULT);
	assert_int_equal(do_platform_op((gva_t) { NOWHERE }), -EFAULT);
	begin(XEN_SYSCTL_physinfo)->interface_version--;
	assert_int_equal(run(), -EACCES);
	pbegin(XENPF_settime64)->interface_version--;
	assert_int_equal(prun(), -EACCES);
	begin(0);
	assert_int_equal(run(), -ENOSYS);
	pbegin(0);
	assert_int_equal(prun(), -ENOSYS);
	assert_int_equal(do_xen_version(999, (gva_t) { ARG }), -ENOSYS);
	assert_int_equal(do_console_io(9, 1, (gva_t) { ARG }), -ENOSYS);
}

static void check_table(const struct op_table *table, long (*call)(uint32_t nr))
{
	unsigned int i;

	for (i = 0; i < table->nr_ops; i++) {
		const struct op_entry *e = &table->ops[i];

		if (e->hook < OP_HOOK_IN_ACT) {
			fake_xsm_deny_host = e->hook;
			assert_int_equal(call(e->nr), -EPERM);
		}
	}
	for (uint32_t nr = 0; nr < 100; nr++) {
		for (i = 0; i < table->nr_ops && table->ops[i].nr != nr; i++)
			;
		if (i == table->nr_ops)
			assert_int_equal(call(nr), -ENOSYS);
	}
	fake_xsm_deny_host = 0;
}

static long call_sysctl(uint32_t nr)
{
	begin(nr);
	return run();
}

static long call_platform(uint32_t nr)
{
	pbegin(nr);
	return prun();
}

static long call_console(uint32_t nr)
{
	return do_console_io(nr, 1, (gva_t) { ARG });
}

static void test_every_hook(void **state)
{
	(void)state;
	check_table(&sysctl_ops, call_sysctl);
	check_table(&platform_ops, call_platform);
	check_table(&console_io_ops, call_console);
	begin(XEN_SYSCTL_scheduler_op)->u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	fake_xsm_deny_host = XSM_XEN__GETSCHEDULER;
	assert_int_equal(run(), -EPERM);
	op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	assert_int_equal(run(), 0);
	fake_xsm_deny_host = XSM_XEN__SETSCHEDULER;
	assert_int_equal(run(), -EPERM);
	begin(XEN_SYSCTL_readconsole)->u.readconsole.clear = 1;
	fake_xsm_deny_host = XSM_XEN__CLEARCONSOLE;
	assert_int_equal(run(), -EPERM);
	assert_int_equal(control_log.cleared, 0);
}

static void test_readconsole(void **state)
{
	char *text = data();

	(void)state;
	begin(XEN_SYSCTL_readconsole)->u.readconsole.buffer.p = (void *)DATA;
	op.u.readconsole.count = 4096;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.readconsole.count, 500);
	assert_int_equal(op.u.readconsole.index, 600);
	assert_memory_equal(text, "0123456789", 10);
	op.u.readconsole.incremental = 1;
	op.u.readconsole.index = 595;
	op.u.readconsole.count = 3;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.readconsole.count, 3);
	assert_int_equal(op.u.readconsole.index, 598);
	assert_memory_equal(text, "567", 3);
	op.u.readconsole.clear = 1;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.cleared, 1);
	op.u.readconsole.index = 0;
	op.u.readconsole.buffer.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
}

static void test_physinfo(void **state)
{
	struct xen_sysctl_physinfo *p = &op.u.physinfo;

	(void)state;
	begin(XEN_SYSCTL_physinfo);
	assert_int_equal(run(), 0);
	assert_int_equal(p->nr_cpus, 2);
	assert_int_equal(p->max_cpu_id, 1);
	assert_int_equal(p->cores_per_socket, 2);
	assert_int_equal(p->threads_per_core, 1);
	assert_int_equal(p->cpu_khz, 2000000);
	assert_int_equal(p->total_pages, 1000000);
	assert_int_equal(p->free_pages, 500000);
	assert_int_equal(p->scrub_pages, 5);
	assert_int_equal(p->outstanding_pages, 7);
	assert_int_equal(p->hw_cap[7], 0x107);
	assert_true(p->capabilities & XEN_SYSCTL_PHYSCAP_hvm);
	assert_false(p->capabilities & (XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v2));
	begin(XEN_SYSCTL_sched_id);
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
}

static void test_topology(void **state)
{
	struct xen_sysctl_cputopo *topo = data();

	(void)state;
	begin(XEN_SYSCTL_cputopoinfo);
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.cputopoinfo.num_cpus, 2);
	op.u.cputopoinfo.cputopo.p = (void *)DATA;
	op.u.cputopoinfo.num_cpus = 8;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.cputopoinfo.num_cpus, 2);
	assert_int_equal(topo[1].core, 1);
	op.u.cputopoinfo.num_cpus = 1;
	assert_int_equal(run(), -ENOBUFS);
	assert_int_equal(op.u.cputopoinfo.num_cpus, 2);
	op.u.cputopoinfo.cputopo.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
}

static void test_numa(void **state)
{
	struct xen_sysctl_meminfo *mem = data();
	uint32_t *distance = fake_mem(dom0, DATA + 64);

	(void)state;
	begin(XEN_SYSCTL_numainfo);
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.numainfo.num_nodes, 1);
	op.u.numainfo.meminfo.p = (void *)DATA;
	op.u.numainfo.distance.p = (void *)(DATA + 64);
	assert_int_equal(run(), 0);
	assert_int_equal(mem->memsize, 1000000UL << PAGE_SHIFT);
	assert_int_equal(*distance, 10);
	op.u.numainfo.num_nodes = 0;
	assert_int_equal(run(), -ENOBUFS);
	op.u.numainfo.distance.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
	op.u.numainfo.meminfo.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
}

static void test_domains(void **state)
{
	struct xen_domctl_getdomaininfo *info = data();

	(void)state;
	fake_domain_add(5, 1, 0)->d.label.serial = 1; /* not to be seen */
	fake_domain_add(6, 1, 0);
	begin(XEN_SYSCTL_getdomaininfolist)->u.getdomaininfolist.buffer.p = (void *)DATA;
	op.u.getdomaininfolist.max_domains = 10;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.getdomaininfolist.num_domains, 3);
	assert_int_equal(info[2].domain, 6);
	op.u.getdomaininfolist.first_domain = 1;
	op.u.getdomaininfolist.max_domains = 1;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.getdomaininfolist.num_domains, 1);
	assert_int_equal(info[0].domain, 1);
	op.u.getdomaininfolist.buffer.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
}

static void test_pools(void **state)
{
	struct xen_sysctl_cpupool_op *p = &op.u.cpupool_op;
	uint8_t *map = data();

	(void)state;
	begin(XEN_SYSCTL_cpupool_op)->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	p->cpumap.bitmap.p = (void *)DATA;
	p->cpumap.nr_bits = 8;
	assert_int_equal(run(), 0);
	assert_int_equal(p->sched_id, XEN_SCHEDULER_CREDIT2);
	assert_int_equal(p->n_dom, 2);
	assert_int_equal(map[0], 3);
	p->cpupool_id = 1;
	assert_int_equal(run(), -ENOENT);
	p->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
	assert_int_equal(run(), 0);
	assert_int_equal(map[0], 0);
	p->op = XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN;
	assert_int_equal(run(), -ENOENT);
	p->cpupool_id = 0;
	p->domid = 1;
	assert_int_equal(run(), 0);
	p->domid = 0x10001;
	assert_int_equal(run(), -ESRCH);
	p->op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
	assert_int_equal(run(), -EOPNOTSUPP);
	begin(XEN_SYSCTL_scheduler_op)->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.scheduler_op.u.sched_credit2.ratelimit_us, 1000);
	op.u.scheduler_op.cpupool_id = 1;
	assert_int_equal(run(), -ESRCH);
	op.u.scheduler_op.cpupool_id = 0;
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	assert_int_equal(run(), -EINVAL);
}

static void test_features(void **state)
{
	uint32_t *words = data();

	(void)state;
	begin(XEN_SYSCTL_get_cpu_featureset)->u.cpu_featureset.index =
		XEN_SYSCTL_cpu_featureset_host;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.cpu_featureset.nr_features, CPU_FEATURE_WORDS);
	op.u.cpu_featureset.features.p = (void *)DATA;
	op.u.cpu_featureset.nr_features = 50;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.cpu_featureset.nr_features, CPU_FEATURE_WORDS);
	assert_int_equal(words[CPU_FEATURE_WORDS - 1], 0x100 + CPU_FEATURE_WORDS - 1);
	op.u.cpu_featureset.nr_features = 2;
	assert_int_equal(run(), -ENOBUFS);
	op.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.u.cpu_featureset.index = 6;
	assert_int_equal(run(), -EINVAL);
	op.u.cpu_featureset.index = 1;
	op.u.cpu_featureset.features.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
	begin(XEN_SYSCTL_get_cpu_policy)->u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_max;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.cpu_policy.nr_leaves, CPU_POLICY_LEAVES);
	op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.u.cpu_policy.index = 6;
	assert_int_equal(run(), -EINVAL);
	op.u.cpu_policy.index = 1;
	op.u.cpu_policy._rsvd = 1;
	assert_int_equal(run(), -EINVAL);
}

static void test_keys(void **state)
{
	(void)state;
	memcpy(data(), "hqz", 3);
	begin(XEN_SYSCTL_debug_keys)->u.debug_keys.keys.p = (void *)DATA;
	op.u.debug_keys.nr_keys = 3;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.keys, 3);
	assert_int_equal(control_log.last_key, 'z');
	op.u.debug_keys.nr_keys = 17;
	assert_int_equal(run(), -E2BIG);
	op.u.debug_keys.nr_keys = 1;
	op.u.debug_keys.keys.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
}

/* ---- platform_op ---- */

static void test_settime(void **state)
{
	(void)state;
	pbegin(XENPF_settime64)->u.settime64.secs = 1700000000;
	pop.u.settime64.nsecs = 999999999;
	pop.u.settime64.system_time = 42;
	assert_int_equal(prun(), 0);
	assert_int_equal(control_log.wall_sec, 1700000000);
	assert_int_equal(control_log.wall_nsec, 999999999);
	assert_int_equal(control_log.wall_at, 42);
	pop.u.settime64.nsecs++;
	assert_int_equal(prun(), -EINVAL);
	pop.u.settime64.nsecs = 0;
	pop.u.settime64.mbz = 1;
	assert_int_equal(prun(), -EINVAL);
}

static void test_cpuinfo(void **state)
{
	(void)state;
	pbegin(XENPF_get_cpuinfo)->u.pcpu_info.xen_cpuid = 1;
	assert_int_equal(prun(), 0);
	assert_int_equal(pop.u.pcpu_info.max_present, 1);
	assert_int_equal(pop.u.pcpu_info.apic_id, 11);
	assert_int_equal(pop.u.pcpu_info.acpi_id, 21);
	assert_int_equal(pop.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
	pop.u.pcpu_info.xen_cpuid = 2;
	assert_int_equal(prun(), 0);
	assert_int_equal(pop.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

static void test_sleep_and_symbols(void **state)
{
	char *name = data();

	(void)state;
	pbegin(XENPF_enter_acpi_sleep)->u.enter_acpi_sleep.sleep_state = 3;
	assert_int_equal(prun(), -EOPNOTSUPP);
	pop.u.enter_acpi_sleep.sleep_state = 5;
	assert_int_equal(prun(), 0);
	assert_int_equal(control_log.shut_down, 1);
	pbegin(XENPF_get_symbol)->u.symdata.name.p = (void *)DATA;
	pop.u.symdata.namelen = 5;
	assert_int_equal(prun(), 0);
	assert_memory_equal(name, "first\0", 6);
	assert_int_equal(pop.u.symdata.namelen, 10);
	assert_int_equal(pop.u.symdata.symnum, 1);
	assert_int_equal(pop.u.symdata.address, 0xffff000000000000);
	pop.u.symdata.symnum = 2;
	assert_int_equal(prun(), 0);
	assert_int_equal(pop.u.symdata.symnum, 2); /* the end */
	pop.u.symdata.symnum = 0;
	pop.u.symdata.namelen = 5;
	pop.u.symdata.name.p = (void *)NOWHERE;
	assert_int_equal(prun(), -EFAULT);
}

/* ---- xen_version ---- */

static const char *version_text(unsigned int cmd)
{
	memset(data(), 0xff, PAGE_SIZE);
	assert_int_equal(do_xen_version(cmd, (gva_t) { DATA }), 0);
	return data();
}

static void test_version(void **state)
{
	struct xen_feature_info *fi = data();
	struct xen_platform_parameters *pp = data();

	(void)state;
	assert_int_equal(do_xen_version(XENVER_version, (gva_t) { 0 }), 4 << 16 | 17);
	assert_string_equal(version_text(XENVER_extraversion), ".0-bulkhead");
	assert_string_equal(version_text(XENVER_changeset), "bulkhead");
	assert_non_null(strstr(version_text(XENVER_capabilities), "hvm-3.0-x86_64"));
	assert_string_equal(version_text(XENVER_commandline), saved_cmdline);
	assert_non_null(strstr(version_text(XENVER_compile_info), "gcc"));
	assert_int_equal(do_xen_version(XENVER_pagesize, (gva_t) { 0 }), 4096);
	assert_int_equal(do_xen_version(XENVER_pagesize, (gva_t) { 1 }), -EINVAL);
	assert_int_equal(do_xen_version(XENVER_build_id, (gva_t) { 0 }), -ENODATA);
	assert_int_equal(do_xen_version(XENVER_platform_parameters, (gva_t) { DATA }), 0);
	assert_int_equal(pp->virt_start, 0xffff800000000000UL);
	dom0->d.handle[0] = 0x42;
	assert_int_equal(*version_text(XENVER_guest_handle), 0x42);
	fi->submap_idx = 0;
	assert_int_equal(do_xen_version(XENVER_get_features, (gva_t) { DATA }), 0);
	assert_true(fi->submap & 1U << XENFEAT_dom0);
	fi->submap_idx = 1;
	assert_int_equal(do_xen_version(XENVER_get_features, (gva_t) { DATA }), -EINVAL);
	assert_int_equal(do_xen_version(XENVER_get_features, (gva_t) { NOWHERE }), -EFAULT);
	assert_int_equal(do_xen_version(XENVER_commandline, (gva_t) { NOWHERE }), -EFAULT);
	/* In another domain: no dom0 feature. */
	fake_current(dom1, 0);
	fi = fake_mem(dom1, DATA);
	fi->submap_idx = 0;
	assert_int_equal(do_xen_version(XENVER_get_features, (gva_t) { DATA }), 0);
	assert_false(fi->submap & 1U << XENFEAT_dom0);
	assert_true(fi->submap & 1U << XENFEAT_auto_translated_physmap);
}

static void test_version_denied(void **state)
{
	static const struct {
		unsigned int cmd;
		enum xsm_perm perm;
		const char *text;
	} cases[] = {
		{ XENVER_extraversion, XSM_VERSION__XEN_EXTRAVERSION, "<denied>" },
		{ XENVER_compile_info, XSM_VERSION__XEN_COMPILE_INFO, "<denied>" },
		{ XENVER_capabilities, XSM_VERSION__XEN_CAPABILITIES, "" },
		{ XENVER_changeset, XSM_VERSION__XEN_CHANGESET, "<denied>" },
		{ XENVER_guest_handle, XSM_VERSION__XEN_GUEST_HANDLE, "" },
		{ XENVER_commandline, XSM_VERSION__XEN_COMMANDLINE, "<denied>" },
	};
	unsigned int i;

	(void)state;
	dom0->d.handle[0] = 'x';
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_xsm_deny_host = cases[i].perm;
		assert_string_equal(version_text(cases[i].cmd), cases[i].text);
	}
	fake_xsm_deny_host = XSM_VERSION__XEN_PAGESIZE;
	assert_int_equal(do_xen_version(XENVER_pagesize, (gva_t) { 0 }), 0);
	fake_xsm_deny_host = XSM_VERSION__XEN_BUILD_ID;
	assert_int_equal(do_xen_version(XENVER_build_id, (gva_t) { 0 }), -EPERM);
}

/* ---- console_io ---- */

static long console_write_text(const char *text)
{
	strcpy(fake_mem(fake_of(current_domain()), DATA), text);
	return do_console_io(CONSOLEIO_write, (unsigned int)strlen(text), (gva_t) { DATA });
}

/* A long write stops between two pieces, and goes on where it was: nothing is lost or said twice. */
static void test_console_in_steps(void **state)
{
	struct hypercall_args args = { { CONSOLEIO_write, 1000, DATA } };
	unsigned int calls = 0;
	char *text = data();
	long rc;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		text[i] = (char)('a' + i % 23);
	do {
		fake_preempt_after = 0;
		rc = op_dispatch(&console_io_ops, &args);
		fake_preempt_after = -1;
		calls++;
		assert_int_equal(args.a[0], CONSOLEIO_write);
		if (rc == -ERESTART_CALL) {
			assert_int_equal(args.a[2] - DATA, strlen(control_log.serial));
			assert_int_equal(args.a[1], 1000 - strlen(control_log.serial));
		}
	} while (rc == -ERESTART_CALL);
	assert_int_equal(rc, 0);
	assert_int_equal(calls, 4);
	assert_int_equal(strlen(control_log.serial), 1000);
	assert_memory_equal(control_log.serial, text, 1000);
	/* A second piece that is not there: the first was written. */
	args = (struct hypercall_args) { { CONSOLEIO_write, 512, 64 * PAGE_SIZE - 256 } };
	fake_preempt_after = 0;
	assert_int_equal(op_dispatch(&console_io_ops, &args), -ERESTART_CALL);
	assert_int_equal(op_dispatch(&console_io_ops, &args), -EFAULT);
	fake_preempt_after = -1;
}

/* Numbers and counts have 32 bits: what stands above is ignored, as in Xen. Addresses have 64. */
static void test_widths(void **state)
{
	const uint64_t high = 0xdeadbeef00000000UL;
	struct hypercall_args args = { { high | CONSOLEIO_write, high | 2, DATA } };

	(void)state;
	memcpy(data(), "hello", 5);
	assert_int_equal(op_dispatch(&console_io_ops, &args), 0);
	assert_string_equal(control_log.serial, "he");
	args = (struct hypercall_args) { { CONSOLEIO_write, 2, high | DATA } };
	assert_int_equal(op_dispatch(&console_io_ops, &args), -EFAULT);
	args = (struct hypercall_args) { { high | XENVER_version } };
	assert_int_equal(op_dispatch(&version_ops, &args), 4 << 16 | 17);
}

static void test_console_dom0(void **state)
{
	char *text = data();

	(void)state;
	assert_int_equal(console_write_text("Linux \033[1m\n"), 0);
	assert_string_equal(control_log.serial, "Linux \033[1m\n"); /* as it is */
	assert_string_equal(control_log.console,
			    ""); /* not in the ring: xl dmesg would never end */
	assert_int_equal(do_console_io(CONSOLEIO_write, 65537, (gva_t) { DATA }), -E2BIG);
	assert_int_equal(do_console_io(CONSOLEIO_write, 5, (gva_t) { NOWHERE }), -EFAULT);
	assert_int_equal(do_console_io(CONSOLEIO_write, 0, (gva_t) { NOWHERE }), 0);
	fake_input = "typed";
	assert_int_equal(do_console_io(CONSOLEIO_read, 100, (gva_t) { DATA }), 5);
	assert_memory_equal(text, "typed", 5);
	assert_int_equal(do_console_io(CONSOLEIO_read, 100, (gva_t) { DATA }), 0);
	fake_input = "more";
	assert_int_equal(do_console_io(CONSOLEIO_read, 2, (gva_t) { DATA }), 2);
	assert_int_equal(do_console_io(CONSOLEIO_read, 9, (gva_t) { NOWHERE }), -EFAULT);
	console_input_notify();
	assert_int_equal(control_log.virq, 1);
}

static unsigned int count(const char *s, const char *what)
{
	unsigned int n = 0;

	while ((s = strstr(s, what))) {
		n++;
		s += strlen(what);
	}
	return n;
}

static void test_console_guest(void **state)
{
	char many[400] = "";
	unsigned int i;

	(void)state;
	options.guest_loglvl = 3;
	fake_current(dom1, 0);
	assert_int_equal(console_write_text("hel"), 0);
	assert_string_equal(control_log.console, ""); /* by lines */
	assert_int_equal(console_write_text("lo\033[2J\x7f\xff\tx\n"), 0);
	assert_string_equal(control_log.console, "(d1) hello[2J\tx\n"); /* no control characters */
	memset(many, 'a', 300);
	control_log.console[0] = '\0';
	console_write_text(many);
	assert_int_equal(count(control_log.console, "(d1) "), 2); /* long lines are cut */
	/* So many a second, and it is told how many were lost. */
	console_write_text("\n");
	control_log.console[0] = '\0';
	fake_now += 1000000000;
	for (i = 0; i < 100; i++)
		console_write_text("x\n");
	assert_int_equal(count(control_log.console, "(d1) x\n"), 60);
	/* Below the threshold: in the ring alone. */
	options.guest_loglvl = 0;
	control_log.serial[0] = '\0';
	fake_now += 1000000000;
	console_write_text("quiet\n");
	assert_string_equal(control_log.serial, "");
}

static void test_random(void **state)
{
	unsigned int i, j;

	(void)state;
	srand(2);
	for (i = 0; i < 20000; i++) {
		uint8_t *raw = (uint8_t *)&op, *praw = (uint8_t *)&pop;

		for (j = 0; j < sizeof(op); j++)
			raw[j] = rand() % 3 ? 0 : (uint8_t)rand();
		op.cmd = sysctl_ops.ops[(unsigned int)rand() % sysctl_ops.nr_ops].nr;
		op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		run();
		for (j = 0; j < sizeof(pop); j++)
			praw[j] = rand() % 3 ? 0 : (uint8_t)rand();
		pop.cmd = platform_ops.ops[(unsigned int)rand() % platform_ops.nr_ops].nr;
		pop.interface_version = XENPF_INTERFACE_VERSION;
		prun();
		do_xen_version((unsigned int)rand() % 12, (gva_t) { (uint64_t)rand() % 0x50000 });
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, control_setup, control_teardown)
	const struct CMUnitTest tests[] = {
		T(test_entry),
		T(test_every_hook),
		T(test_readconsole),
		T(test_physinfo),
		T(test_topology),
		T(test_numa),
		T(test_domains),
		T(test_pools),
		T(test_features),
		T(test_keys),
		T(test_settime),
		T(test_cpuinfo),
		T(test_sleep_and_symbols),
		T(test_version),
		T(test_version_denied),
		T(test_console_dom0),
		T(test_console_guest),
		T(test_random),
		T(test_console_in_steps),
		T(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
