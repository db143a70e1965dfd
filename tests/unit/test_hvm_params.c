/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6, core/8 (hvm_op): parameters and their rights, upcalls, and what is refused. */
#include <string.h>
#include "support/fake_hvm.h"

#define V(n) (&fake_vcpus[n])
#define ARG  0x2000

/* Runs @cmd of vCPU 0 of domain 5 with @arg in its memory, copied back afterwards. */
static long op(unsigned int cmd, void *arg, size_t size)
{
	long rc;

	memcpy(fake_memory + ARG, arg, size);
	rc = hvm_op(cmd, (gva_t) { ARG });
	memcpy(arg, fake_memory + ARG, size);
	return rc;
}

static long set_param(uint16_t domid, uint32_t index, uint64_t value)
{
	struct xen_hvm_param p = { .domid = domid, .index = index, .value = value };

	return op(HVMOP_set_param, &p, sizeof(p));
}

static long get_param(uint16_t domid, uint32_t index, uint64_t *value)
{
	struct xen_hvm_param p = { .domid = domid, .index = index, .value = ~0UL };
	long rc = op(HVMOP_get_param, &p, sizeof(p));

	*value = p.value;
	return rc;
}

/* Per parameter: may the domain set and read its own; may others. As Xen 4.17's. */
static void rights_of_each(void **state)
{
	static const char rights[HVM_NR_PARAMS] = {
		/* w: sets its own, r: only reads its own, t: tools alone, 0: nobody */
		[HVM_PARAM_CALLBACK_IRQ] = 'w',
		[HVM_PARAM_STORE_PFN] = 'r',
		[HVM_PARAM_STORE_EVTCHN] = 'w',
		[HVM_PARAM_IOREQ_PFN] = 't',
		[HVM_PARAM_BUFIOREQ_PFN] = 't',
		[HVM_PARAM_VIRIDIAN] = 't',
		[HVM_PARAM_TIMER_MODE] = 't',
		[HVM_PARAM_HPET_ENABLED] = 't',
		[HVM_PARAM_IDENT_PT] = 't',
		[HVM_PARAM_ACPI_S_STATE] = 't',
		[HVM_PARAM_VM86_TSS] = 'w',
		[HVM_PARAM_VPT_ALIGN] = 't',
		[HVM_PARAM_CONSOLE_PFN] = 'r',
		[HVM_PARAM_CONSOLE_EVTCHN] = 'w',
		[HVM_PARAM_ACPI_IOPORTS_LOCATION] = 'w',
		[HVM_PARAM_PAGING_RING_PFN] = 't',
		[HVM_PARAM_MONITOR_RING_PFN] = 't',
		[HVM_PARAM_SHARING_RING_PFN] = 't',
		[HVM_PARAM_TRIPLE_FAULT_REASON] = 't',
		[HVM_PARAM_IOREQ_SERVER_PFN] = 't',
		[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = 't',
		[HVM_PARAM_VM_GENERATION_ID_ADDR] = 'w',
		[HVM_PARAM_ALTP2M] = 'r',
		[HVM_PARAM_X87_FIP_WIDTH] = 'w',
		[HVM_PARAM_VM86_TSS_SIZED] = 'w',
		[HVM_PARAM_MCA_CAP] = 't',
	};
	uint64_t value;

	(void)state;
	for (uint32_t i = 0; i < HVM_NR_PARAMS; i++) {
		/* A value that every parameter can have. */
		uint64_t v = i == HVM_PARAM_NR_IOREQ_SERVER_PAGES ? 1
			     : i == HVM_PARAM_VM86_TSS_SIZED	  ? 104UL << 32
								  : 0;
		char r = rights[i];

		assert_int_equal(set_param(DOMID_SELF, i, v), !r ? -EINVAL : r == 'w' ? 0 : -EPERM);
		assert_int_equal(get_param(5, i, &value), !r ? -EINVAL : r == 't' ? -EPERM : 0);
		assert_int_equal(set_param(6, i, v), r ? 0 : -EINVAL);
		assert_int_equal(get_param(6, i, &value), r ? 0 : -EINVAL);
	}
}

static void bad_arguments(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(set_param(DOMID_SELF, HVM_NR_PARAMS, 0), -EINVAL);
	assert_int_equal(get_param(DOMID_SELF, ~0u, &value), -EINVAL);
	assert_int_equal(hvm_param_set(&fake_domain, ~0u, 0), -EINVAL);
	assert_int_equal(set_param(77, HVM_PARAM_STORE_EVTCHN, 0), -ESRCH);
	assert_int_equal(get_param(DOMID_IDLE, 0, &value), -ESRCH);
	for (unsigned int cmd = 0; cmd < 64; cmd++) {
		long rc = hvm_op(cmd, (gva_t) { 0xffff800000000000 });

		assert_true(rc == -EFAULT || rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP);
	}
	fake_type[ARG >> PAGE_SHIFT] = P2M_RAM_RO; /* can't be written back */
	((struct xen_hvm_param *)(fake_memory + ARG))->domid = DOMID_SELF;
	((struct xen_hvm_param *)(fake_memory + ARG))->index = HVM_PARAM_STORE_PFN;
	assert_int_equal(hvm_op(HVMOP_get_param, (gva_t) { ARG }), -EFAULT);
	assert_int_equal(hvm_op(HVMOP_get_time, (gva_t) { ARG }), -EFAULT);
	((struct xen_hvm_get_mem_type *)(fake_memory + ARG))->domid = DOMID_SELF;
	assert_int_equal(hvm_op(HVMOP_get_mem_type, (gva_t) { ARG }), -EFAULT);
}

static void bad_values(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t bad, good;
	} values[] = {
		{ HVM_PARAM_TIMER_MODE, 4, 3 },
		{ HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_MAX + 1, SHUTDOWN_crash },
		{ HVM_PARAM_X87_FIP_WIDTH, 5, 8 },
		{ HVM_PARAM_VM86_TSS, 1UL << 32, 0xfff },
		{ HVM_PARAM_NR_IOREQ_SERVER_PAGES, 65, 64 },
		{ HVM_PARAM_ACPI_IOPORTS_LOCATION, 2, 1 },
		{ HVM_PARAM_VIRIDIAN, 1, 0 },
		{ HVM_PARAM_ALTP2M, 1, 0 },
		{ HVM_PARAM_MCA_CAP, 1, 0 },
		{ HVM_PARAM_ACPI_S_STATE, 3, 0 },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(set_param(6, values[i].index, values[i].bad), -EINVAL);
		assert_int_equal(set_param(6, values[i].index, values[i].good), 0);
		assert_int_equal(get_param(6, values[i].index, &value), 0);
		assert_int_equal(value, values[i].good);
	}
	assert_int_equal(set_param(6, HVM_PARAM_NR_IOREQ_SERVER_PAGES, 0), -EINVAL);
	assert_int_equal(set_param(6, HVM_PARAM_X87_FIP_WIDTH, 4), 0);
}

/* Kept as they are set. */
static void real_mode_tss(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(set_param(5, HVM_PARAM_VM86_TSS, 0xfee000), 0);
	assert_int_equal(get_param(5, HVM_PARAM_VM86_TSS, &value), 0);
	assert_int_equal(value, 0xfee000);
	assert_int_equal(set_param(5, HVM_PARAM_VM86_TSS_SIZED, 103UL << 32), -EINVAL);
	assert_int_equal(set_param(5, HVM_PARAM_VM86_TSS_SIZED, 128UL << 32 | 0xfee000), 0);
	assert_int_equal(get_param(5, HVM_PARAM_VM86_TSS_SIZED, &value), 0);
	assert_int_equal(value, 128UL << 32 | 0xfee000);
}

static void set_once(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(set_param(6, HVM_PARAM_IOREQ_PFN, 0x1000), 0);
	assert_int_equal(set_param(6, HVM_PARAM_IOREQ_PFN, 0x1001), -EEXIST);
	assert_int_equal(set_param(6, HVM_PARAM_IOREQ_PFN, 0), -EEXIST);
	assert_int_equal(set_param(6, HVM_PARAM_IOREQ_PFN, 0x1000), 0);
	assert_int_equal(get_param(6, HVM_PARAM_IOREQ_PFN, &value), 0);
	assert_int_equal(value, 0x1000);
	assert_int_equal(set_param(6, HVM_PARAM_STORE_PFN, 1), 0);
	assert_int_equal(set_param(6, HVM_PARAM_STORE_PFN, 2), 0);
}

/* REQ DESIGN 4: the policy is asked before anything happens. */
static void policy(void **state)
{
	struct xen_hvm_get_mem_type type = { .domid = 6 };
	uint64_t value;

	(void)state;
	fake_host.deny_any = true;
	fake_host.deny = XSM_HVM__SETPARAM;
	assert_int_equal(set_param(6, HVM_PARAM_STORE_PFN, 5), -EPERM);
	assert_int_equal(get_param(6, HVM_PARAM_STORE_PFN, &value), 0);
	assert_int_equal(value, 0);
	fake_host.deny = XSM_HVM__GETPARAM;
	assert_int_equal(get_param(6, HVM_PARAM_STORE_PFN, &value), -EPERM);
	fake_host.deny = XSM_HVM__ALTP2MHVM;
	assert_int_equal(set_param(6, HVM_PARAM_ALTP2M, 1), -EPERM);
	assert_int_equal(set_param(6, HVM_PARAM_ALTP2M, 0), 0); /* asks for nothing */
	assert_int_equal(set_param(6, HVM_PARAM_STORE_PFN, 5), 0);
	fake_host.deny = XSM_HVM__HVMCTL;
	assert_int_equal(op(HVMOP_get_mem_type, &type, sizeof(type)), -EPERM);
	assert_int_equal(hvm_op(HVMOP_flush_tlbs, (gva_t) { 0 }), -EPERM);
	assert_int_equal(fake_domain.p2m.tlb_epoch, 0);
}

static void other_operations(void **state)
{
	static const struct {
		enum p2m_type type;
		uint16_t want;
	} types[] = { { P2M_RAM, HVMMEM_ram_rw },	{ P2M_RAM_RO, HVMMEM_ram_ro },
		      { P2M_GRANT_RO, HVMMEM_ram_ro },	{ P2M_GRANT_RW, HVMMEM_ram_rw },
		      { P2M_SHARED_RW, HVMMEM_ram_rw }, { P2M_FOREIGN, HVMMEM_ram_rw },
		      { P2M_NONE, HVMMEM_mmio_dm },	{ P2M_MMIO_DIRECT, HVMMEM_mmio_dm } };
	static const unsigned int refused[] = { HVMOP_xentrace, HVMOP_guest_request_vm_event,
						HVMOP_set_mem_access, HVMOP_get_mem_access };
	struct xen_hvm_get_time t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct xen_hvm_get_mem_type m = { .domid = DOMID_SELF, .pfn = 9 };

		fake_type[9] = types[i].type;
		assert_int_equal(op(HVMOP_get_mem_type, &m, sizeof(m)), 0);
		assert_int_equal(m.mem_type, types[i].want);
		m.pfn = ~0UL;
		assert_int_equal(op(HVMOP_get_mem_type, &m, sizeof(m)), 0);
		assert_int_equal(m.mem_type, HVMMEM_mmio_dm);
		m.domid = 9;
		assert_int_equal(op(HVMOP_get_mem_type, &m, sizeof(m)), -ESRCH);
	}
	fake_host.now = 123456;
	assert_int_equal(op(HVMOP_get_time, &t, sizeof(t)), 0);
	assert_int_equal(t.now, 123456);
	assert_int_equal(hvm_op(HVMOP_pagetable_dying, (gva_t) { ARG }), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_equal(hvm_op(refused[i], (gva_t) { ARG }), -ENOSYS);
	assert_int_equal(hvm_op(HVMOP_altp2m, (gva_t) { ARG }), -EOPNOTSUPP);
	assert_int_equal(hvm_op(2, (gva_t) { ARG }), -ENOSYS);
	assert_int_equal(hvm_op(99, (gva_t) { ARG }), -ENOSYS);
}

static void flush_tlbs(void **state)
{
	(void)state;
	assert_int_equal(hvm_op(HVMOP_flush_tlbs, (gva_t) { ARG }), -EINVAL);
	assert_int_equal(fake_domain.p2m.tlb_epoch, 0);
	assert_int_equal(hvm_op(HVMOP_flush_tlbs, (gva_t) { 0 }), 0);
	assert_int_equal(fake_domain.p2m.tlb_epoch, 1);
}

/* ---- upcalls ---- */

static void enable_apic(unsigned int v)
{
	assert_true(vlapic_mmio_write(V(v), 0xf0, 0x1ff));
}

static void upcall_vector(void **state)
{
	struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 1, .vector = 0xf3 };

	(void)state;
	enable_apic(1);
	fake_host.lookups = 0; /* enabling looks at the flag: vlapic's tests */
	assert_int_equal(op(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), 0);
	assert_int_equal(V(1)->upcall_vector, 0xf3);
	assert_int_equal(hvm_pending_vector(V(1)), 0xf3); /* one at once */
	hvm_ack_vector(V(1), 0xf3);
	assert_int_equal(hvm_pending_vector(V(1)), -1);
	assert_true(vlapic_mmio_write(V(1), 0xb0, 0));
	hvm_event_pending(V(1));
	assert_int_equal(hvm_pending_vector(V(1)), 0xf3);
	assert_int_equal(fake_host.lookups, 0); /* the guest's flag is not its source */
	u.vector = 0x0f;
	assert_int_equal(op(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -EINVAL);
	u = (struct xen_hvm_evtchn_upcall_vector) { .vcpu = FAKE_VCPUS, .vector = 0x40 };
	assert_int_equal(op(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -ENOENT);
	u.vcpu = ~0u;
	assert_int_equal(op(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -ENOENT);
}

#define CALLBACK(vector) (2UL << 56 | (vector))

static void callback_vector(void **state)
{
	(void)state;
	fake_state[0].upcall_pending = true; /* before the callback is set */
	assert_int_equal(hvm_pending_vector(V(0)), -1);
	assert_int_equal(set_param(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, CALLBACK(0xf3)), 0);
	assert_int_equal(fake_domain.callback_vector, 0xf3);
	assert_int_equal(hvm_pending_vector(V(0)), 0xf3); /* with the local APIC disabled, too */
	hvm_ack_vector(V(0), 0xf3);
	/* The guest ran and left the flag set: level semantics. */
	assert_int_equal(hvm_pending_vector(V(0)), 0xf3);
	fake_state[0].upcall_pending = false;
	assert_int_equal(hvm_pending_vector(V(0)), -1);
	fake_host.lookups = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(hvm_pending_vector(V(0)), -1);
	assert_int_equal(fake_host.lookups, 0); /* entries without events don't read guest memory */
	fake_state[0].upcall_pending = true;
	hvm_event_pending(V(0));
	assert_int_equal(hvm_pending_vector(V(0)), 0xf3);
	/* An event that comes between injection and the next look is not lost. */
	hvm_ack_vector(V(0), 0xf3);
	hvm_event_pending(V(0));
	assert_int_equal(hvm_pending_vector(V(0)), 0xf3);
	/* Nor is one whose injection something else went before. */
	hvm_ack_vector(V(0), 0xf3);
	hvm_requeue_vector(V(0), 0xf3);
	assert_true(hvm_interrupt_waits(V(0)));
	assert_int_equal(hvm_pending_vector(V(0)), 0xf3);
	fake_state[0].upcall_pending = false;
	assert_false(hvm_interrupt_waits(V(0)));
	vlapic_set_nmi(V(0));
	assert_true(hvm_interrupt_waits(V(0)));
	vlapic_ack_nmi(V(0));
}

/* The local APIC's interrupts go before the callback, which stays pending. */
static void callback_and_apic(void **state)
{
	(void)state;
	enable_apic(0);
	assert_int_equal(set_param(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, CALLBACK(0x30)), 0);
	vlapic_set_irq(V(0), 0x30); /* even the same vector */
	fake_state[0].upcall_pending = true;
	hvm_event_pending(V(0));
	assert_int_equal(hvm_pending_vector(V(0)), 0x30);
	hvm_ack_vector(V(0), 0x30);
	/* It is in service; what is taken back is the local APIC's again. */
	hvm_requeue_vector(V(0), 0x30);
	assert_int_equal(hvm_pending_vector(V(0)), 0x30);
	hvm_ack_vector(V(0), 0x30);
	/* Neither its priority nor giving it to the guest changes a callback. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hvm_pending_vector(V(0)), 0x30);
		hvm_ack_vector(V(0), 0x30);
		if (i == 1)
			hvm_requeue_vector(V(0), 0x30);
	}
	fake_state[0].upcall_pending = false;
	assert_int_equal(hvm_pending_vector(V(0)), -1);
	vlapic_set_irq(V(0), 0x51);
	assert_int_equal(hvm_pending_vector(V(0)), 0x51);
	hvm_ack_vector(V(0), 0x51);
	assert_int_equal(hvm_pending_vector(V(0)), -1);
	hvm_requeue_vector(V(0), 0x51);
	assert_int_equal(hvm_pending_vector(V(0)), 0x51);
	hvm_ack_vector(V(0), 0x51);
	hvm_pending_vector(V(0));
	assert_int_equal(hvm_pending_vector(V(0)), -1);
}

static void callback_types(void **state)
{
	static const struct {
		uint64_t value;
		uint8_t vector;
	} values[] = {
		{ CALLBACK(0x20), 0x20 }, { 0, 0 },    { CALLBACK(0xff), 0xff },
		{ CALLBACK(0x0f), 0 },		    /* an exception's vector */
		{ CALLBACK(0x40), 0x40 }, { 1, 0 }, /* GSI 1, as Linux sets it beside per-vCPU vectors */
		{ 1UL << 56 | 3, 0 },	  { ~0UL, 0 },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(set_param(5, HVM_PARAM_CALLBACK_IRQ, values[i].value), 0);
		assert_int_equal(fake_domain.callback_vector, values[i].vector);
		assert_int_equal(get_param(5, HVM_PARAM_CALLBACK_IRQ, &value), 0);
		assert_int_equal(value, values[i].value);
	}
	/* Set again, it is no upcall for vCPUs that have their own vector. */
	enable_apic(0);
	V(0)->upcall_vector = 0x50;
	assert_int_equal(set_param(5, HVM_PARAM_CALLBACK_IRQ, CALLBACK(0x20)), 0);
	assert_int_equal(hvm_pending_vector(V(0)), -1);
	fake_state[0].upcall_pending = true;
	hvm_event_pending(V(0));
	assert_int_equal(hvm_pending_vector(V(0)), 0x50);
}

static void events_wake(void **state)
{
	unsigned int before;

	(void)state;
	before = fake_state[2].unblocked;
	hvm_event_pending(V(2));
	assert_int_equal(fake_state[2].unblocked, before + 1);
	assert_int_equal(fake_host.kicks, 0);
	V(2)->running = true;
	V(2)->processor = 1;
	hvm_event_pending(V(2));
	assert_int_equal(fake_host.kicks, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(rights_of_each), T(bad_arguments),   T(bad_values),	     T(real_mode_tss),
		T(set_once),	   T(policy),	       T(other_operations),  T(flush_tlbs),
		T(upcall_vector),  T(callback_vector), T(callback_and_apic), T(callback_types),
		T(events_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
