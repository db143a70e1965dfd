/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall domctl over fakes of all other units (REQ core/control, core/policy hooks). */
#include <stdlib.h>
#include <string.h>

#include "support/fake_control.h"
#include "hvm/hvm.h"
#include "lib/spinlock.h"

static struct xen_domctl op;

static struct xen_domctl *begin(uint32_t cmd, domid_t domain)
{
	memset(&op, 0, sizeof(op));
	op.cmd = cmd;
	op.domain = domain;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return &op;
}

static long run(void)
{
	long rc;

	put_arg(&op, sizeof(op));
	rc = do_domctl((gva_t) { ARG });
	get_arg(&op, sizeof(op));
	return rc;
}

static void *data(void)
{
	return fake_mem(dom0, DATA);
}

static void test_entry(void **state)
{
	(void)state;
	assert_int_equal(do_domctl((gva_t) { NOWHERE }), -EFAULT);
	begin(XEN_DOMCTL_pausedomain, 1)->interface_version++;
	assert_int_equal(run(), -EACCES);
	begin(XEN_DOMCTL_pausedomain, 99);
	assert_int_equal(run(), -ESRCH);
	begin(XEN_DOMCTL_pausedomain, DOMID_SELF);
	assert_int_equal(run(), -ESRCH);
	begin(0, 1);
	assert_int_equal(run(), -ENOSYS);
	begin(0x80000001, 1);
	assert_int_equal(run(), -ENOSYS);
	/* A second one at the same time tries again from the guest; who may not is told at once. */
	begin(XEN_DOMCTL_pausedomain, 1);
	spin_lock(&domctl_lock);
	assert_int_equal(run(), -ERESTART_CALL);
	fake_xsm_deny = XSM_DOMAIN__PAUSE;
	assert_int_equal(run(), -EPERM);
	fake_xsm_deny = 0;
	spin_unlock(&domctl_lock);
	assert_int_equal(control_log.paused, 0);
	assert_int_equal(run(), 0);
}

/* Each operation of the table, denied by policy, does nothing; those not offered say so. */
static void test_every_hook(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < domctl_ops.nr_ops; i++) {
		const struct op_entry *e = &domctl_ops.ops[i];

		begin(e->nr, 1);
		if (e->hook == OP_HOOK_IN_ACT)
			continue; /* below */
		assert_int_not_equal(e->hook, OP_HOOK_NONE);
		fake_xsm_deny = e->hook;
		assert_int_equal(run(), -EPERM);
		fake_xsm_deny = 0;
	}
	for (uint32_t nr = 0; nr < 100; nr++) {
		for (i = 0; i < domctl_ops.nr_ops && domctl_ops.ops[i].nr != nr; i++)
			;
		begin(nr, 1);
		if (i == domctl_ops.nr_ops)
			assert_int_equal(run(), -ENOSYS);
	}
	assert_int_equal(control_log.paused + control_log.unpaused + control_log.destroyed +
				 control_log.vcpus_created + control_log.context_loaded +
				 control_log.policy_set,
			 0);
	begin(XEN_DOMCTL_scheduler_op, 1)->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	fake_xsm_deny = XSM_DOMAIN__GETSCHEDULER;
	assert_int_equal(run(), -EPERM);
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	assert_int_equal(run(), 0);
	fake_xsm_deny = XSM_DOMAIN2__SETSCHEDULER;
	assert_int_equal(run(), -EPERM);
}

static void test_create(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_createdomain, 0);
	op.u.createdomain.max_vcpus = 2;
	op.u.createdomain.grant_opts = 1;
	op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	assert_int_equal(run(), 0);
	assert_int_equal(op.domain, 7);
	assert_int_equal(control_log.config.max_vcpus, 2);
	assert_int_equal(domain_lookup(7)->controller_pauses, 1);
	begin(XEN_DOMCTL_createdomain, 0)->u.createdomain.grant_opts = 2;
	assert_int_equal(run(), -EINVAL);
	op.u.createdomain.grant_opts = 1;
	op.u.createdomain.vmtrace_size = 4096;
	assert_int_equal(run(), -EINVAL);
	op.u.createdomain.vmtrace_size = 0;
	fake_result = -EPERM; /* domain_create() asks the policy */
	assert_int_equal(run(), -EPERM);
	assert_int_equal(control_log.created, 1);
}

static void test_pause(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_pausedomain, 1);
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.controller_pauses, 2);
	begin(XEN_DOMCTL_unpausedomain, 1);
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.state, DOMAIN_ALIVE);
	assert_int_equal(run(), 0);
	/* Never below what controllers paused: the core's own pauses stay. */
	assert_int_equal(run(), -EINVAL);
	assert_int_equal(control_log.unpaused, 2);
	begin(XEN_DOMCTL_pausedomain, 0);
	assert_int_equal(run(), -EINVAL);
	dom1->d.controller_pauses = INT32_MAX / 2;
	begin(XEN_DOMCTL_pausedomain, 1);
	assert_int_equal(run(), -EOVERFLOW);
}

/* Stock tools give VIRQ_DOM_EXC to a store domain; `xl trigger NAME nmi`. */
static void test_virq_handler_and_trigger(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_set_virq_handler, 1)->u.set_virq_handler.virq = VIRQ_DOM_EXC;
	assert_int_equal(run(), 0);
	assert_ptr_equal(control_log.handler, &dom1->d);
	assert_int_equal(control_log.handler_virq, VIRQ_DOM_EXC);
	fake_result = -EINVAL; /* no such VIRQ, or the domain is dying: virq.c says */
	assert_int_equal(run(), -EINVAL);

	begin(XEN_DOMCTL_sendtrigger, 1)->u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	op.u.sendtrigger.vcpu = 1;
	assert_int_equal(run(), 0);
	assert_ptr_equal(control_log.nmi, &dom1->vcpus[1]);
	op.u.sendtrigger.vcpu = 2;
	assert_int_equal(run(), -ESRCH);
	op.u.sendtrigger.vcpu = ~0U;
	assert_int_equal(run(), -ESRCH);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_SLEEP;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_INIT;
	assert_int_equal(run(), -ENOSYS);
}

static void test_life_cycle(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_destroydomain, 0);
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_destroydomain, 1);
	fake_result = -ERESTART_CALL;
	assert_int_equal(run(), -ERESTART_CALL);
	fake_result = 0;
	assert_int_equal(run(), 0);
	begin(XEN_DOMCTL_resumedomain, 0);
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_resumedomain, 1);
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.resumed, 1);
	begin(XEN_DOMCTL_setdomainhandle, 1)->u.setdomainhandle.handle[3] = 0x33;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.handle[3], 0x33);
	begin(XEN_DOMCTL_settimeoffset, 1)->u.settimeoffset.time_offset_seconds = -7200;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.wallclock_offset, -7200);
	assert_int_equal(control_log.wallclocks, 1);
	begin(XEN_DOMCTL_set_target, 1)->u.set_target.target = 0;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.label.target, dom0->d.label.sid);
	begin(XEN_DOMCTL_set_target, 1)->u.set_target.target = 1;
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_set_target, 1)->u.set_target.target = 50;
	assert_int_equal(run(), -ESRCH);
}

static void test_getdomaininfo(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_getdomaininfo, 1);
	assert_int_equal(run(), 0);
	assert_int_equal(op.domain, 1);
	assert_int_equal(op.u.getdomaininfo.max_pages, 77);
	fake_domain_add(9, 1, 0);
	begin(XEN_DOMCTL_getdomaininfo, 2); /* the first one at or after */
	assert_int_equal(run(), 0);
	assert_int_equal(op.domain, 9);
	begin(XEN_DOMCTL_getdomaininfo, 10);
	assert_int_equal(run(), -ESRCH);
	begin(XEN_DOMCTL_getdomaininfo, DOMID_SELF);
	assert_int_equal(run(), -EINVAL);
}

static void test_vcpus(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_max_vcpus, 1)->u.max_vcpus.max = 3;
	assert_int_equal(run(), -EINVAL);
	dom1->d.max_vcpus = 6;
	op.u.max_vcpus.max = 6;
	fake_preempt_after = 1; /* in steps: what is there is skipped */
	assert_int_equal(run(), -ERESTART_CALL);
	fake_preempt_after = -1;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.vcpus_created, 4);
	dom1->d.vcpu[5] = NULL;
	fake_result = -ENOMEM;
	assert_int_equal(run(), -ENOMEM);
	begin(XEN_DOMCTL_max_vcpus, 0)->u.max_vcpus.max = 2;
	assert_int_equal(run(), -EINVAL);
	dom1->vcpus[1].pause_flags = 1UL << PAUSE_DOWN | 1UL << PAUSE_BLOCKED;
	dom1->vcpus[1].processor = 1;
	begin(XEN_DOMCTL_getvcpuinfo, 1)->u.getvcpuinfo.vcpu = 1;
	assert_int_equal(run(), 0);
	assert_true(!op.u.getvcpuinfo.online && op.u.getvcpuinfo.blocked);
	assert_int_equal(op.u.getvcpuinfo.cpu, 1);
	assert_int_equal(op.u.getvcpuinfo.cpu_time, 555);
	op.u.getvcpuinfo.vcpu = 6;
	assert_int_equal(run(), -EINVAL);
	dom1->d.vcpu[4] = NULL;
	op.u.getvcpuinfo.vcpu = 4;
	assert_int_equal(run(), -ESRCH);
	op.u.getvcpuinfo.vcpu = ~0U;
	assert_int_equal(run(), -EINVAL);
}

static void test_vcpucontext(void **state)
{
	struct vcpu_guest_context *c = data();

	(void)state;
	begin(XEN_DOMCTL_getvcpucontext, 1)->u.vcpucontext.ctxt.p = (void *)DATA;
	assert_int_equal(run(), 0);
	assert_int_equal(c->user_regs.rip, 0x1234);
	assert_int_equal(c->user_regs.rax, 0xa1);
	assert_int_equal(c->user_regs.r15, 0xaf);
	assert_int_equal(c->user_regs.cs, 8 * SEG_CS);
	assert_int_equal(c->user_regs.gs, 8 * SEG_GS);
	assert_int_equal(c->fs_base, SEG_FS);
	assert_int_equal(c->gs_base_kernel, SEG_GS);
	assert_int_equal(c->ctrlreg[0], 0xc0);
	assert_int_equal(c->ctrlreg[2], 0xc2);
	assert_int_equal(c->ctrlreg[3], 0xc3);
	assert_int_equal(c->ctrlreg[4], 0xc4);
	assert_true(c->flags & VGCF_online);
	assert_true(c->flags & VGCF_in_kernel);
	assert_int_equal(control_log.paused, control_log.unpaused);
	op.u.vcpucontext.vcpu = 1; /* no state yet */
	assert_int_equal(run(), -ENODATA);
	op.u.vcpucontext.vcpu = 2;
	assert_int_equal(run(), -EINVAL);
	op.u.vcpucontext.vcpu = 0;
	op.u.vcpucontext.ctxt.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
	fake_alloc_budget = 0;
	assert_int_equal(run(), -ENOMEM);
	fake_alloc_budget = -1;
	dom1->d.vcpu[0] = NULL;
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_getvcpucontext, 0);
	assert_int_equal(run(), -EINVAL);
}

static void set_map(struct xenctl_bitmap *map, uint64_t at, uint32_t bits)
{
	map->bitmap.p = (void *)at;
	map->nr_bits = bits;
}

static void test_affinity(void **state)
{
	uint8_t *map = data();

	(void)state;
	begin(XEN_DOMCTL_setvcpuaffinity, 1)->u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set_map(&op.u.vcpuaffinity.cpumap_hard, DATA, 12);
	map[0] = 0xfe, map[1] = 0xff, map[2] = 0xee;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.hard.bits[0], 2); /* CPUs that are up, of the bits given */
	assert_int_equal(map[0], 2);
	assert_int_equal(map[1], 0);
	assert_int_equal(map[2], 0xee); /* not beyond */
	map[0] = 0xfc;
	assert_int_equal(run(), -EINVAL);
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_SOFT;
	set_map(&op.u.vcpuaffinity.cpumap_soft, DATA, 2);
	map[0] = 3;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.soft.bits[0], 3);
	assert_int_equal(map[0], 2); /* in effect: within the hard one */
	op.u.vcpuaffinity.flags = 0;
	assert_int_equal(run(), -EINVAL);
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set_map(&op.u.vcpuaffinity.cpumap_hard, NOWHERE, 64);
	assert_int_equal(run(), -EFAULT);
	set_map(&op.u.vcpuaffinity.cpumap_hard, DATA, ~0U);
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_getvcpuaffinity, 1)->u.vcpuaffinity.flags = 3;
	set_map(&op.u.vcpuaffinity.cpumap_hard, DATA, 2000);
	set_map(&op.u.vcpuaffinity.cpumap_soft, DATA + 512, 8);
	memset(map, 0xff, 1024);
	assert_int_equal(run(), 0);
	assert_int_equal(map[0], 2);
	assert_int_equal(map[249], 0);
	assert_int_equal(map[250], 0xff);
	assert_int_equal(map[512], 3);
	op.u.vcpuaffinity.vcpu = 2;
	assert_int_equal(run(), -EINVAL);
	op.u.vcpuaffinity.vcpu = 0;
	op.u.vcpuaffinity.flags = 0;
	assert_int_equal(run(), -EINVAL);
	dom1->d.vcpu[1] = NULL;
	op.u.vcpuaffinity.vcpu = 1;
	op.u.vcpuaffinity.flags = 1;
	assert_int_equal(run(), -ESRCH);
	op.cmd = XEN_DOMCTL_setvcpuaffinity;
	assert_int_equal(run(), -ESRCH);
}

static void test_nodes(void **state)
{
	uint8_t *map = data();

	(void)state;
	begin(XEN_DOMCTL_setnodeaffinity, 1);
	set_map(&op.u.nodeaffinity.nodemap, DATA, 64);
	map[0] = 1;
	assert_int_equal(run(), 0);
	map[0] = 2;
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_getnodeaffinity, 1);
	set_map(&op.u.nodeaffinity.nodemap, DATA, 64);
	assert_int_equal(run(), 0);
	assert_int_equal(map[0], 1);
	set_map(&op.u.nodeaffinity.nodemap, NOWHERE, 64);
	assert_int_equal(run(), -EFAULT);
	op.cmd = XEN_DOMCTL_setnodeaffinity;
	assert_int_equal(run(), -EFAULT);
}

static void test_context(void **state)
{
	uint8_t *buf = data();

	(void)state;
	begin(XEN_DOMCTL_gethvmcontext, 1); /* without a buffer: the size */
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.hvmcontext.size, SAVED_LEN);
	op.u.hvmcontext.buffer.p = (void *)DATA;
	op.u.hvmcontext.size = SAVED_LEN - 1;
	assert_int_equal(run(), -ENOSPC);
	op.u.hvmcontext.size = 4096;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.hvmcontext.size, SAVED_LEN);
	assert_int_equal(buf[SAVED_LEN - 1], 0x5a);
	op.u.hvmcontext.buffer.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
	begin(XEN_DOMCTL_sethvmcontext, 1)->u.hvmcontext.buffer.p = (void *)DATA;
	op.u.hvmcontext.size = (176U << 10) + 1;
	assert_int_equal(run(), -EINVAL);
	assert_int_equal(control_log.context_loaded, 0);
	op.u.hvmcontext.size = 176U << 10;
	assert_int_equal(run(), 0);
	assert_int_equal(control_log.context_loaded, 176U << 10);
	assert_int_equal(control_log.context_at, DATA);
	assert_int_equal(dom1->d.pause_count, 0);
	fake_result = -ENOENT;
	assert_int_equal(run(), -ENOENT);
	assert_int_equal(dom1->d.pause_count, 0);
	fake_result = 0;
	begin(XEN_DOMCTL_sethvmcontext, 0)->u.hvmcontext.size = 8;
	assert_int_equal(run(), -EINVAL);
	/* Not one's own state: nobody can pause oneself. */
	begin(XEN_DOMCTL_gethvmcontext, 0)->u.hvmcontext.buffer.p = (void *)DATA;
	op.u.hvmcontext.size = 4096;
	assert_int_equal(run(), -EINVAL);
}

static void test_cpu_policy(void **state)
{
	struct xen_domctl_cpu_policy *p = &op.u.cpu_policy;

	(void)state;
	begin(XEN_DOMCTL_get_cpu_policy, 1); /* without buffers: the most there can be */
	assert_int_equal(run(), 0);
	assert_int_equal(p->nr_leaves, CPU_POLICY_LEAVES);
	assert_int_equal(p->nr_msrs, 0);
	p->leaves.p = (void *)DATA;
	p->nr_msrs = 2;
	p->msrs.p = (void *)(DATA + 2048);
	assert_int_equal(run(), 0);
	assert_int_equal(p->nr_leaves, CPU_POLICY_LEAVES);
	assert_int_equal(p->nr_msrs, 0);
	p->nr_leaves = CPU_POLICY_LEAVES - 1;
	assert_int_equal(run(), -ENOBUFS);
	p->nr_leaves = CPU_POLICY_LEAVES + 5; /* more room than is needed */
	assert_int_equal(run(), 0);
	assert_int_equal(p->nr_leaves, CPU_POLICY_LEAVES);
	p->leaves.p = (void *)NOWHERE;
	assert_int_equal(run(), -EFAULT);
	begin(XEN_DOMCTL_set_cpu_policy, 1)->u.cpu_policy.leaves.p = (void *)DATA;
	p->nr_leaves = 2;
	assert_int_equal(run(), 0);
	assert_int_equal(p->err_leaf, ~0U);
	assert_ptr_equal(control_log.policy_of, &dom1->d);
	fake_result = -EINVAL;
	assert_int_equal(run(), -EINVAL);
	assert_int_equal(p->err_leaf, 0x80000001);
	fake_result = 0;
	begin(XEN_DOMCTL_set_cpu_policy, 0);
	assert_int_equal(run(), -EINVAL);
}

static void test_tsc(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_settscinfo, 1)->u.tsc_info.gtsc_khz = 2000000;
	assert_int_equal(run(), 0);
	op.u.tsc_info.gtsc_khz = 1000;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.u.tsc_info.gtsc_khz = 0;
	op.u.tsc_info.tsc_mode = 1;
	assert_int_equal(run(), -EOPNOTSUPP);
	op.domain = 0;
	assert_int_equal(run(), -EINVAL);
}

static void test_memory(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_max_mem, 1)->u.max_mem.max_memkb = 4096;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.max_pages, 1024);
	op.u.max_mem.max_memkb = ~0UL;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.max_pages, UINT32_MAX);
	begin(XEN_DOMCTL_hypercall_init, 1)->u.hypercall_init.gmfn = 5;
	assert_int_equal(run(), 0);
	assert_int_equal(*(uint8_t *)fake_mem(dom1, 5 * PAGE_SIZE + 17), 0xcc);
	op.u.hypercall_init.gmfn = FAKE_GFNS;
	assert_int_equal(run(), -EACCES);
}

static void test_pool(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_set_paging_mempool_size, 1)->u.paging_mempool.size = 8 << 20;
	assert_int_equal(run(), 0);
	assert_int_equal(dom1->d.p2m.table_limit, 2048);
	op.u.paging_mempool.size = 1 << 20; /* never lowered */
	assert_int_equal(run(), 0);
	op.u.paging_mempool.size = 1;
	assert_int_equal(run(), -EINVAL);
	op.u.paging_mempool.size = 1UL << 40;
	assert_int_equal(run(), -ENOMEM);
	op.cmd = XEN_DOMCTL_get_paging_mempool_size;
	assert_int_equal(run(), 0);
	assert_int_equal(op.u.paging_mempool.size, 8 << 20);
}

static void test_permissions(void **state)
{
	(void)state;
	begin(XEN_DOMCTL_ioport_permission, 1)->u.ioport_permission.first_port = 0x3f8;
	op.u.ioport_permission.nr_ports = 8;
	assert_int_equal(run(), 0); /* there is nothing to take away */
	assert_int_equal(fake_xsm_last, XSM_RESOURCE__REMOVE_IOPORT);
	op.u.ioport_permission.allow_access = 1;
	assert_int_equal(run(), -EPERM); /* nobody has any to give */
	assert_int_equal(fake_xsm_last, XSM_RESOURCE__ADD_IOPORT);
	op.u.ioport_permission.nr_ports = 0xfffff;
	assert_int_equal(run(), -EINVAL);
	op.u.ioport_permission.nr_ports = 0;
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_iomem_permission, 1)->u.iomem_permission.nr_mfns = 1;
	assert_int_equal(run(), 0);
	op.u.iomem_permission.first_mfn = ~0UL;
	assert_int_equal(run(), -EINVAL);
	op.u.iomem_permission.first_mfn = 0;
	op.u.iomem_permission.nr_mfns = ~0UL;
	assert_int_equal(run(), -EINVAL);
	begin(XEN_DOMCTL_irq_permission, 1)->u.irq_permission.pirq = 4;
	fake_xsm_deny_resource = XSM_RESOURCE__REMOVE_IRQ;
	assert_int_equal(run(), -EPERM);
	fake_xsm_deny_resource = 0;
	assert_int_equal(run(), 0);
	op.u.irq_permission.pirq = 1024;
	assert_int_equal(run(), -EINVAL);
}

/* Whatever stands in the argument: no crash, no leak, no pause left behind (REQ core/6). */
static void test_random(void **state)
{
	unsigned int i, j;

	(void)state;
	srand(1);
	for (i = 0; i < 20000; i++) {
		uint8_t *raw = (uint8_t *)&op;

		for (j = 0; j < sizeof(op); j++)
			raw[j] = rand() % 3 ? 0 : (uint8_t)rand();
		op.cmd = domctl_ops.ops[(unsigned int)rand() % domctl_ops.nr_ops].nr;
		op.domain = (domid_t)(rand() % 3);
		op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
		if (op.cmd == XEN_DOMCTL_createdomain)
			continue; /* fills the fakes */
		run();
		dom1->d.controller_pauses = 1;
		dom1->d.pause_count = 1;
		assert_int_equal(fake_heap_blocks, 0);
		assert_int_equal(domctl_lock.next, domctl_lock.owner);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, control_setup, control_teardown)
	const struct CMUnitTest tests[] = {
		T(test_entry), T(test_every_hook),  T(test_create),
		T(test_pause), T(test_life_cycle),  T(test_getdomaininfo),
		T(test_vcpus), T(test_vcpucontext), T(test_affinity),
		T(test_nodes), T(test_context),	    T(test_cpu_policy),
		T(test_tsc),   T(test_memory),	    T(test_virq_handler_and_trigger),
		T(test_pool),  T(test_permissions), T(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
