/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains whose vCPUs spin (domain.h). */
#include "guest.h"

#include <xen/hvm/save.h>

#include "domain.h"

#define CODE_GFN   1UL
#define JUMP_BYTES 5

static uint8_t window[PAGE_SIZE] PAGE_ALIGNED;

long domctl(uint32_t cmd, domid_t domid, struct xen_domctl *op)
{
	struct xen_domctl none;

	if (!op) {
		memset(&none, 0, sizeof(none));
		op = &none;
	}
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domid;
	return HYPERCALL1(domctl, op);
}

static void need(const char *what, long result)
{
	if (result < 0) {
		print("FAIL spinner: %s: %ld\n", what, result);
		shutdown(own_domid() == 0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
	}
}

/* Gives DOMID one page with a loop in it. */
static void give_code(domid_t domid)
{
	xen_pfn_t gfn = CODE_GFN, here = (uintptr_t)window / PAGE_SIZE;
	struct xen_memory_reservation page = { .domid = domid, .nr_extents = 1 };
	struct xen_add_to_physmap_batch map = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_gmfn_foreign,
		.size = 1,
		.u.foreign_domid = domid,
	};
	struct xen_remove_from_physmap unmap = { .domid = DOMID_SELF, .gpfn = here };
	xen_ulong_t index = CODE_GFN;
	int32_t back = -(int32_t)PAGE_SIZE;
	int error = 0;

	set_xen_guest_handle(page.extent_start, &gfn);
	need("populate", memory_op(XENMEM_populate_physmap, &page) - 1);
	set_xen_guest_handle(map.idxs, &index);
	set_xen_guest_handle(map.gpfns, &here);
	set_xen_guest_handle(map.errs, &error);
	need("map", memory_op(XENMEM_add_to_physmap_batch, &map));
	need("map the page", error);
	/* The emulator runs a page of NOPs much faster than a jump to itself (SPIN_BODY). */
	memset(window, 0x90, PAGE_SIZE);
	window[PAGE_SIZE - JUMP_BYTES] = 0xe9;
	memcpy(&window[PAGE_SIZE - 4], &back, sizeof(back));
	need("unmap", memory_op(XENMEM_remove_from_physmap, &unmap));
}

/* 32-bit protected mode without paging, at the loop. */
static void set_registers(domid_t domid, unsigned int vcpu)
{
	static struct __attribute__((packed)) {
		struct hvm_save_descriptor header_d;
		struct hvm_save_header header;
		struct hvm_save_descriptor cpu_d;
		struct hvm_hw_cpu cpu;
		struct hvm_save_descriptor end_d;
	} record;
	struct xen_domctl op = { .u.hvmcontext.size = sizeof(record) };
	uint32_t regs[4];

	cpuid(1, 0, regs);
	memset(&record, 0, sizeof(record));
	record.header_d =
		(struct hvm_save_descriptor) { HVM_SAVE_CODE(HEADER), 0, sizeof(record.header) };
	record.header.magic = HVM_FILE_MAGIC;
	record.header.version = HVM_FILE_VERSION;
	record.header.cpuid = regs[0];
	record.cpu_d = (struct hvm_save_descriptor) { HVM_SAVE_CODE(CPU), (uint16_t)vcpu,
						      sizeof(record.cpu) };
	record.cpu.rip = CODE_GFN * PAGE_SIZE;
	record.cpu.rflags = 2;
	record.cpu.cr0 = 0x11; /* PE, ET */
	record.cpu.dr6 = 0xffff0ff0;
	record.cpu.dr7 = 0x400;
	record.cpu.cs_limit = record.cpu.ds_limit = record.cpu.es_limit = 0xffffffff;
	record.cpu.ss_limit = 0xffffffff;
	record.cpu.tr_limit = 0x67;
	record.cpu.cs_arbytes = 0xc9b;
	record.cpu.ds_arbytes = record.cpu.es_arbytes = record.cpu.ss_arbytes = 0xc93;
	record.cpu.tr_arbytes = 0x8b;
	record.end_d.typecode = HVM_SAVE_CODE(END);
	set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&record);
	need("registers", domctl(XEN_DOMCTL_sethvmcontext, domid, &op));
}

static void pin(domid_t domid, unsigned int vcpu, uint8_t cpu_mask)
{
	struct xen_domctl op = { .u.vcpuaffinity = {
					 .vcpu = vcpu,
					 .flags = XEN_VCPUAFFINITY_HARD,
					 .cpumap_hard.nr_bits = 8,
				 } };

	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, &cpu_mask);
	need("affinity", domctl(XEN_DOMCTL_setvcpuaffinity, domid, &op));
}

domid_t spinner_create(unsigned int vcpus, uint8_t cpu_mask)
{
	struct xen_domctl create = { .u.createdomain = {
					     .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
					     .max_vcpus = vcpus,
					     .max_evtchn_port = -1,
					     .max_grant_frames = 4,
					     .max_maptrack_frames = 4,
					     .grant_opts = XEN_DOMCTL_GRANT_version(1),
					     .arch.emulation_flags = XEN_X86_EMU_LAPIC,
				     } };
	struct xen_domctl op = { .u.max_vcpus.max = vcpus };
	domid_t domid;

	need("create", domctl(XEN_DOMCTL_createdomain, 0, &create));
	domid = create.domain;
	need("vCPUs", domctl(XEN_DOMCTL_max_vcpus, domid, &op));
	memset(&op, 0, sizeof(op));
	op.u.max_mem.max_memkb = 1024;
	need("memory", domctl(XEN_DOMCTL_max_mem, domid, &op));
	give_code(domid);
	for (unsigned int vcpu = 0; vcpu < vcpus; vcpu++) {
		set_registers(domid, vcpu);
		pin(domid, vcpu, cpu_mask);
	}
	/* The first unpause ends what createdomain has paused; from then on pauses are ours. */
	need("pause", domctl(XEN_DOMCTL_pausedomain, domid, NULL));
	need("unpause", domctl(XEN_DOMCTL_unpausedomain, domid, NULL));
	return domid;
}

long spinner_weigh(domid_t domid, uint16_t weight, uint16_t cap)
{
	struct xen_domctl op = { .u.scheduler_op = {
					 .sched_id = XEN_SCHEDULER_CREDIT2,
					 .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
					 .u.credit2 = { .weight = weight, .cap = cap },
				 } };

	return domctl(XEN_DOMCTL_scheduler_op, domid, &op);
}

uint64_t spinner_time(domid_t domid)
{
	struct xen_domctl op;

	memset(&op, 0, sizeof(op));
	need("time", domctl(XEN_DOMCTL_getdomaininfo, domid, &op));
	return op.u.getdomaininfo.cpu_time;
}

void wait_until(uint64_t ns)
{
	struct sched_poll poll = { .nr_ports = 0, .timeout = ns };

	while (system_time() < ns)
		sched_op(SCHEDOP_poll, &poll);
}

void spinners_run(const domid_t *domids, unsigned int count, uint64_t ns, uint64_t *ran)
{
	uint64_t start = system_time();

	for (unsigned int i = 0; i < count; i++) {
		ran[i] = spinner_time(domids[i]);
		domctl(XEN_DOMCTL_unpausedomain, domids[i], NULL);
	}
	wait_until(start + ns);
	for (unsigned int i = 0; i < count; i++)
		domctl(XEN_DOMCTL_pausedomain, domids[i], NULL);
	for (unsigned int i = 0; i < count; i++)
		ran[i] = spinner_time(domids[i]) - ran[i];
}
