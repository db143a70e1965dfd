/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-flask: the policy in force, from Dom0: mode, booleans, labels of domains and hardware.
 * Works on this core and on Xen with FLASK.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xencall.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/xsm/flask_op.h>

#include "bulkhead_abi.h"

#define TEXT_SIZE 4000

static const char usage_text[] =
	"usage: bulkhead-flask COMMAND …\n"
	"  mode [enforcing|permissive]       shows or sets the mode\n"
	"  load FILE                         replaces the policy\n"
	"  boolean [NAME [0|1]]              lists booleans, shows or sets one\n"
	"  check LABEL                       whether LABEL is one of the policy\n"
	"  labels                            those that domains can be made with\n"
	"  label domain DOMID [LABEL]        shows or changes a domain's label\n"
	"  label device SEG:BUS:DEV.FN [LABEL]\n"
	"                                    the same of a PCI device (numbers in base 16),\n"
	"  label irq N [LABEL]               an interrupt,\n"
	"  label ioport FIRST[-LAST] [LABEL] I/O ports,\n"
	"  label iomem FIRST[-LAST] [LABEL]  frames of 4096 bytes of I/O memory\n"
	"  unlabel device|irq|ioport|iomem WHICH\n"
	"                                    takes back a label that was given at run time\n"
	"  stats [CPU]                       the access-vector cache\n";

static xencall_handle *call;
static uint8_t *shared; /* memory that the core can read */
static size_t shared_size;

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "bulkhead-flask: %s%s%s: %s\n", what, name ? " " : "", name ? name : "",
		strerror(errno));
	exit(1);
}

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static void open_call(size_t text)
{
	shared_size = sizeof(struct xen_flask_op) + text;
	call = xencall_open(NULL, 0);
	if (!call)
		fail("can't reach the core", NULL);
	shared = xencall_alloc_buffer(call, shared_size);
	if (!shared)
		fail("no memory for hypercalls", NULL);
	memset(shared, 0, shared_size);
}

static struct xen_flask_op *new_op(uint32_t cmd)
{
	struct xen_flask_op *op = (void *)shared;

	if (!call)
		open_call(TEXT_SIZE);
	op = (void *)shared;
	memset(op, 0, sizeof(*op));
	op->cmd = cmd;
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	return op;
}

/* Room for text that goes with an operation. */
static char *text_area(void)
{
	return (char *)shared + sizeof(struct xen_flask_op);
}

static int run(struct xen_flask_op *op)
{
	return xencall1(call, __HYPERVISOR_xsm_op, (uintptr_t)op);
}

/* What Xen does not have: says so, and ends. */
static void fail_own(const char *what)
{
	if (errno == ENOSYS)
		fprintf(stderr,
			"bulkhead-flask: %s: this core can't tell (Bulkhead can; Xen 4.17 has no "
			"operation for it)\n",
			what);
	else
		fail(what, NULL);
	exit(1);
}

/* Prints the labels that domains can be made with, @prefix before each. False: the core can't tell. */
static bool print_labels(FILE *to, const char *prefix)
{
	struct xen_flask_op *op;
	uint32_t next = 0;

	for (;;) {
		op = new_op(BULKHEAD_FLASK_LABELS);
		op->u.sid_context.sid = next;
		op->u.sid_context.size = TEXT_SIZE;
		set_xen_guest_handle(op->u.sid_context.context, text_area());
		if (run(op) < 0)
			return errno == ENOENT;
		next = op->u.sid_context.sid;
		fprintf(to, "%s%s\n", prefix, text_area());
	}
}

static uint32_t sid_of(const char *label)
{
	struct xen_flask_op *op = new_op(FLASK_CONTEXT_TO_SID);
	size_t n = strlen(label);

	if (n >= TEXT_SIZE) {
		errno = EINVAL;
		fail("label", label);
	}
	memcpy(text_area(), label, n + 1);
	op->u.sid_context.size = (uint32_t)n;
	set_xen_guest_handle(op->u.sid_context.context, text_area());
	if (run(op) >= 0)
		return op->u.sid_context.sid;
	if (errno != EINVAL)
		fail("label", label);
	fprintf(stderr,
		"bulkhead-flask: \"%s\" is not a label of the policy in force; domains can have:\n",
		label);
	if (!print_labels(stderr, "  "))
		fputs("  (see bulkhead-policy FILE labels)\n", stderr);
	exit(1);
}

static const char *label_of(uint32_t sid)
{
	struct xen_flask_op *op = new_op(FLASK_SID_TO_CONTEXT);

	op->u.sid_context.sid = sid;
	op->u.sid_context.size = TEXT_SIZE;
	set_xen_guest_handle(op->u.sid_context.context, text_area());
	if (run(op) < 0)
		fail("label of a domain", NULL);
	return text_area();
}

static int cmd_mode(const char *mode)
{
	struct xen_flask_op *op;
	int r;

	if (!mode) {
		r = run(new_op(FLASK_GETENFORCE));
		if (r < 0)
			fail("mode", NULL);
		puts(r ? "enforcing" : "permissive");
		return 0;
	}
	if (strcmp(mode, "enforcing") && strcmp(mode, "permissive"))
		usage();
	op = new_op(FLASK_SETENFORCE);
	op->u.enforce.enforcing = mode[0] == 'e';
	if (run(op) < 0)
		fail("mode", mode);
	return 0;
}

static int cmd_load(const char *name)
{
	FILE *f = fopen(name, "rb");
	struct xen_flask_op *op;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
		fail("can't read", name);
	if (size > 2 << 20) {
		errno = EFBIG;
		fail("policy", name);
	}
	open_call((size_t)size + 1);
	op = new_op(FLASK_LOAD);
	if (fread(text_area(), 1, (size_t)size, f) != (size_t)size)
		fail("can't read", name);
	fclose(f);
	op->u.load.size = (uint32_t)size;
	set_xen_guest_handle(op->u.load.buffer, text_area());
	if (run(op) < 0) {
		fprintf(stderr, "bulkhead-flask: %s is refused (%s); xl dmesg says why\n", name,
			strerror(errno));
		return 1;
	}
	return 0;
}

static int show_booleans(void)
{
	struct xen_flask_op *op;
	uint32_t i;

	for (i = 0;; i++) {
		op = new_op(FLASK_GETBOOL);
		op->u.boolean.bool_id = i;
		op->u.boolean.size = TEXT_SIZE;
		set_xen_guest_handle(op->u.boolean.name, text_area());
		if (run(op) < 0) {
			if (errno == ENOENT)
				return 0;
			fail("booleans", NULL);
		}
		printf("%s=%u%s\n", text_area(), op->u.boolean.enforcing,
		       op->u.boolean.pending != op->u.boolean.enforcing ? " (change pending)" : "");
	}
}

static int cmd_boolean(const char *name, const char *value)
{
	struct xen_flask_op *op;

	if (!name)
		return show_booleans();
	if (value && strcmp(value, "0") && strcmp(value, "1"))
		usage();
	op = new_op(value ? FLASK_SETBOOL : FLASK_GETBOOL);
	if (strlen(name) >= TEXT_SIZE)
		usage();
	strcpy(text_area(), name);
	op->u.boolean.bool_id = ~0U;
	op->u.boolean.size = (uint32_t)strlen(name);
	op->u.boolean.new_value = value && value[0] == '1';
	op->u.boolean.commit = 1;
	set_xen_guest_handle(op->u.boolean.name, text_area());
	if (run(op) < 0)
		fail("boolean", name);
	if (!value)
		printf("%s=%u\n", name, op->u.boolean.enforcing);
	return 0;
}

static uint32_t sid_of_domain(uint16_t domid)
{
	struct xen_domctl *op;

	if (!call)
		open_call(TEXT_SIZE);
	op = (void *)shared;
	memset(op, 0, sizeof(*op));
	op->cmd = XEN_DOMCTL_getdomaininfo;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domid;
	if (xencall1(call, __HYPERVISOR_domctl, (uintptr_t)op) < 0)
		fail("domain", NULL);
	if (op->domain != domid) {
		errno = ESRCH;
		fail("domain", NULL);
	}
	return op->u.getdomaininfo.ssidref;
}

static int label_domain(const char *which, const char *label)
{
	char *end;
	unsigned long domid = strtoul(which, &end, 10);
	struct xen_flask_op *op;
	uint32_t sid;

	if (*end || end == which || domid >= DOMID_FIRST_RESERVED)
		usage();
	if (!label) {
		puts(label_of(sid_of_domain((uint16_t)domid)));
		return 0;
	}
	sid = sid_of(label);
	op = new_op(FLASK_RELABEL_DOMAIN);
	op->u.relabel.domid = (uint32_t)domid;
	op->u.relabel.sid = sid;
	if (run(op) < 0)
		fail(errno == EBUSY ? "its memory is mapped by others: relabel domain"
				    : "relabel domain",
		     which);
	return 0;
}

/* FIRST[-LAST] or SEG:BUS:DEV.FN as what the hypercall takes. */
static bool parse_which(const char *kind, const char *which, struct xen_flask_ocontext *o)
{
	unsigned int seg, bus, dev, fn;
	char *end;

	if (!strcmp(kind, "device")) {
		if (sscanf(which, "%x:%x:%x.%x", &seg, &bus, &dev, &fn) != 4) {
			seg = 0;
			if (sscanf(which, "%x:%x.%x", &bus, &dev, &fn) != 3)
				return false;
		}
		if (seg > 0xffff || bus > 0xff || dev > 0x1f || fn > 7)
			return false;
		o->ocon = 4;
		o->low = o->high = seg << 16 | bus << 8 | dev << 3 | fn;
		return true;
	}
	o->ocon = !strcmp(kind, "irq")	    ? 1
		  : !strcmp(kind, "ioport") ? 2
		  : !strcmp(kind, "iomem")  ? 3
					    : 0;
	o->low = o->high = strtoull(which, &end, 0);
	if (end != which && *end == '-' && o->ocon != 1) {
		which = end + 1;
		o->high = strtoull(which, &end, 0);
	}
	return o->ocon && end != which && !*end && o->low <= o->high;
}

/* Each part of the range with its label. */
static int show_hardware(const char *kind, const struct xen_flask_ocontext *which)
{
	uint64_t at = which->low, last;
	struct xen_flask_op *op;
	const char *label;

	for (;; at = last + 1) {
		op = new_op(BULKHEAD_FLASK_GET_OCONTEXT);
		op->u.ocontext.ocon = which->ocon;
		op->u.ocontext.low = op->u.ocontext.high = at;
		if (run(op) < 0)
			fail_own(kind);
		last = op->u.ocontext.high < which->high ? op->u.ocontext.high : which->high;
		label = label_of(op->u.ocontext.sid);
		if (which->low == which->high)
			puts(label);
		else
			printf("%#" PRIx64 "-%#" PRIx64 " %s\n", at, last, label);
		if (last >= which->high)
			return 0;
	}
}

static int label_hardware(bool add, const char *kind, const char *which, const char *label)
{
	struct xen_flask_ocontext o = { 0 };
	struct xen_flask_op *op;

	if (!parse_which(kind, which, &o))
		usage();
	if (add && !label)
		return show_hardware(kind, &o);
	o.sid = label ? sid_of(label) : 0;
	op = new_op(add ? FLASK_ADD_OCONTEXT : FLASK_DEL_OCONTEXT);
	op->u.ocontext = o;
	if (run(op) < 0)
		fail(errno == EEXIST ? "it has a label that was given at run time; unlabel" : kind,
		     which);
	return 0;
}

static int cmd_stats(const char *cpu)
{
	struct xen_flask_op *op = new_op(FLASK_AVC_CACHESTATS);

	op->u.cache_stats.cpu = cpu ? (uint32_t)strtoul(cpu, NULL, 10) : 0;
	if (run(op) < 0)
		fail("statistics", NULL);
	printf("lookups %u, hits %u, misses %u\n", op->u.cache_stats.lookups,
	       op->u.cache_stats.hits, op->u.cache_stats.misses);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "mode") && argc <= 3)
		return cmd_mode(argv[2]);
	if (!strcmp(command, "load") && argc == 3)
		return cmd_load(argv[2]);
	if (!strcmp(command, "boolean") && argc <= 4)
		return cmd_boolean(argv[2], argc > 3 ? argv[3] : NULL);
	if (!strcmp(command, "check") && argc == 3) {
		sid_of(argv[2]);
		return 0;
	}
	if (!strcmp(command, "label") && argc >= 4 && argc <= 5 && !strcmp(argv[2], "domain"))
		return label_domain(argv[3], argv[4]);
	if (!strcmp(command, "label") && argc >= 4 && argc <= 5)
		return label_hardware(true, argv[2], argv[3], argv[4]);
	if (!strcmp(command, "unlabel") && argc == 4)
		return label_hardware(false, argv[2], argv[3], NULL);
	if (!strcmp(command, "labels") && argc == 2) {
		if (!print_labels(stdout, ""))
			fail_own("labels");
		return 0;
	}
	if (!strcmp(command, "stats") && argc <= 3)
		return cmd_stats(argv[2]);
	usage();
}
