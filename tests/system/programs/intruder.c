/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intruder DOMID sealed|open: tries, as root in Dom0, everything that would read or change what a
 * guest holds. A sealed guest must refuse each with EPERM; of an open one what a dump of it needs (its
 * memory, its size and its registers) must succeed, or the test could not fail. Says PASS or FAIL for each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xencall.h>
#include <xenforeignmemory.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/xsm/flask_op.h>

static xencall_handle *call;
static domid_t target;
static int failures;
static uint8_t *shared; /* arguments, and 8 pages for what would come back */

/* @returned: what a call gave back, below 0 with errno set when it was refused. */
static void result(const char *what, int returned)
{
	int error = errno, good = returned < 0 && error == EPERM;

	failures += !good;
	printf("%s sealed-%s: %s\n", good ? "PASS" : "FAIL", what,
	       returned < 0 ? strerror(error) : "it went through");
}

/* Whether any page of the guest's first ones can be mapped with @prot; errno when not. */
static int map_any(int prot)
{
	static const xen_pfn_t tries[] = { 0x1000, 0x2000, 0x3fff, 0x100, 0xfeff8 };
	xenforeignmemory_handle *fmem = xenforeignmemory_open(NULL, 0);
	int errors[1], error = 0;
	size_t i;

	if (!fmem) {
		perror("intruder: foreign memory");
		exit(2);
	}
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		void *p = xenforeignmemory_map(fmem, target, prot, 1, &tries[i], errors);

		/* It gives an address even where a page has failed. */
		if (p && !errors[0]) {
			volatile uint8_t byte = *(volatile uint8_t *)p;

			(void)byte;
			xenforeignmemory_unmap(fmem, p, 1);
			xenforeignmemory_close(fmem);
			return 0;
		}
		error = p ? -errors[0] : errno;
		if (p)
			xenforeignmemory_unmap(fmem, p, 1);
	}
	xenforeignmemory_close(fmem);
	errno = error;
	return -1;
}

static void domctl(const char *what, struct xen_domctl *op)
{
	op->domain = target;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	memcpy(shared, op, sizeof(*op));
	result(what, xencall1(call, __HYPERVISOR_domctl, (uintptr_t)shared));
}

static void memory(const char *what, unsigned int cmd, const void *op, size_t size)
{
	memcpy(shared, op, size);
	result(what, xencall2(call, __HYPERVISOR_memory_op, cmd, (uintptr_t)shared));
}

static void try_domctls(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext };

	set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (void *)(shared + 4096));
	domctl("getvcpucontext", &op);
	op = (struct xen_domctl) { .cmd = XEN_DOMCTL_gethvmcontext };
	domctl("gethvmcontext", &op);
	op = (struct xen_domctl) { .cmd = XEN_DOMCTL_sethvmcontext };
	domctl("sethvmcontext", &op);
	op = (struct xen_domctl) { .cmd = XEN_DOMCTL_set_target };
	op.u.set_target.target = 0;
	domctl("device-model", &op);
	op = (struct xen_domctl) { .cmd = XEN_DOMCTL_max_mem };
	domctl("max-mem", &op);
}

static void try_memory(void)
{
	struct xen_mem_acquire_resource res = { .domid = target, .nr_frames = 1 };
	struct xen_add_to_physmap add = { .domid = target, .space = XENMAPSPACE_shared_info };
	struct xen_remove_from_physmap remove = { .domid = target, .gpfn = 0x1000 };

	memory("grant-table-frames", XENMEM_acquire_resource, &res, sizeof(res));
	add.gpfn = 0x1000;
	memory("replace-page", XENMEM_add_to_physmap, &add, sizeof(add));
	memory("remove-page", XENMEM_remove_from_physmap, &remove, sizeof(remove));
}

/* Under another label it could be looked into. */
static void try_relabel(void)
{
	static const char label[] = "system_u:system_r:domU_t";
	struct xen_flask_op op = { .cmd = FLASK_CONTEXT_TO_SID,
				   .interface_version = XEN_FLASK_INTERFACE_VERSION };

	op.u.sid_context.size = sizeof(label) - 1;
	memcpy(shared + 4096, label, sizeof(label));
	set_xen_guest_handle_raw(op.u.sid_context.context, (char *)(shared + 4096));
	memcpy(shared, &op, sizeof(op));
	if (xencall1(call, __HYPERVISOR_xsm_op, (uintptr_t)shared) < 0) {
		result("relabel", 0);
		return;
	}
	memcpy(&op, shared, sizeof(op));
	op.u.relabel.sid = op.u.sid_context.sid;
	op.u.relabel.domid = target;
	op.cmd = FLASK_RELABEL_DOMAIN;
	memcpy(shared, &op, sizeof(op));
	result("relabel", xencall1(call, __HYPERVISOR_xsm_op, (uintptr_t)shared));
}

/* What `xl dump-core` does, of the first page and vCPU. */
static int open_guest(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext,
				 .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
				 .domain = target };

	if (map_any(PROT_READ)) {
		printf("FAIL open-map: %s\n", strerror(errno));
		return 1;
	}
	memcpy(shared, &target, sizeof(target));
	if (xencall2(call, __HYPERVISOR_memory_op, XENMEM_maximum_gpfn, (uintptr_t)shared) <= 0) {
		printf("FAIL open-size: %s\n", strerror(errno));
		return 1;
	}
	set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (void *)(shared + 4096));
	memcpy(shared, &op, sizeof(op));
	if (xencall1(call, __HYPERVISOR_domctl, (uintptr_t)shared) < 0) {
		printf("FAIL open-registers: %s\n", strerror(errno));
		return 1;
	}
	puts("PASS open");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	target = (domid_t)atoi(argv[1]);
	call = xencall_open(NULL, 0);
	shared = call ? xencall_alloc_buffer_pages(call, 9) : NULL;
	if (!shared) {
		perror("intruder");
		return 2;
	}
	if (!strcmp(argv[2], "open"))
		return open_guest();
	result("map-read", map_any(PROT_READ));
	result("map-write", map_any(PROT_READ | PROT_WRITE));
	try_domctls();
	try_memory();
	try_relabel();
	return failures != 0;
}
