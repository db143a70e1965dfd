/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of xl.cfg(5), one table: what each sets, or why it is refused. What a type other than
 * "pvh" would need is left to domain_config_check(), which says so.
 */
#include "config/guest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct reader {
	const struct cfg *cfg;
	struct domain_config *c;
	struct error *err;
	const char *name; /* of the key being read */
};

enum key_kind {
	KEY_TEXT,    /* char * */
	KEY_BOOL,    /* bool, 0 or 1 */
	KEY_U32,     /* uint32_t */
	KEY_I32,     /* int32_t or int */
	KEY_MIB,     /* uint64_t KiB from MiB */
	KEY_MIB32,   /* uint32_t KiB from MiB */
	KEY_ACTION,  /* enum domain_action */
	KEY_LIST,    /* a function for each item; a string counts as a list of one */
	KEY_SPECIAL, /* a function for the value */
	KEY_REFUSED, /* `why` */
	KEY_OFF,     /* 0 is what guests have; else refused, `why` */
	KEY_DROPPED, /* of no effect here, `why`: a warning would only be noise */
};

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
	int (*fn)(struct reader *r, const struct cfg_value *v);
	const char *why;
};

static int bad(struct reader *r, const struct cfg_value *v, const char *allowed)
{
	return cfg_error(v, r->err, "%s: %s", r->name, allowed);
}

static int get_number(struct reader *r, const struct cfg_value *v, long long min, long long max,
		      long long *out)
{
	char *end, allowed[80];

	errno = 0;
	if (v->kind != CFG_LIST && *v->text) {
		*out = strtoll(v->text, &end, 0);
		if (!*end && !errno && *out >= min && *out <= max)
			return 0;
	}
	snprintf(allowed, sizeof(allowed), "a number from %lld to %lld is allowed", min, max);
	return bad(r, v, allowed);
}

static int set_text(struct reader *r, const struct cfg_value *v, char **where)
{
	if (v->kind == CFG_LIST)
		return bad(r, v, "one string is allowed, not a list");
	free(*where);
	*where = strdup(v->text);
	return *where ? 0 : -ENOMEM;
}

/* Adds room for one more element of @size to an array. */
static void *grow(void **array, uint32_t *n, size_t size)
{
	void *bigger = realloc(*array, (*n + 1) * size);

	if (!bigger)
		return NULL;
	*array = bigger;
	memset((char *)bigger + *n * size, 0, size);
	return (char *)bigger + (*n)++ * size;
}

/* ---- values with rules of their own ---- */

static int read_type(struct reader *r, const struct cfg_value *v)
{
	const char *word = v->kind == CFG_LIST ? "" : v->text;

	if (!strcmp(r->name, "builder"))
		word = !strcmp(word, "hvm")				    ? "hvm"
		       : !strcmp(word, "generic") || !strcmp(word, "linux") ? "pv"
									    : word;
	if (domain_type_parse(word, &r->c->type))
		return bad(r, v, "\"pvh\", \"hvm\" and \"pv\" are allowed");
	return 0;
}

static int read_uuid(struct reader *r, const struct cfg_value *v)
{
	if (v->kind == CFG_LIST || domain_uuid_parse(v->text, r->c->uuid))
		return bad(
			r, v,
			"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx is allowed, x a hexadecimal digit");
	r->c->uuid_given = true;
	return 0;
}

int cpu_list_parse(const char *text, struct cpu_set *set, bool *all)
{
	char *copy = strdup(text), *rest = copy, *word;
	int rc = copy ? 0 : -ENOMEM;

	memset(set, 0, sizeof(*set));
	*all = false;
	while (!rc && (word = strsep(&rest, ",")) != NULL) {
		bool not = false;
		unsigned int from, to;
		char tail;

		while (isspace((unsigned char)*word))
			word++;
		if (*word == '^') {
			not = true;
			word++;
		}
		if (!strcmp(word, "all") && !not ) {
			*all = true;
			memset(set, 0xff, sizeof(*set));
			continue;
		}
		if (!strcmp(word, "none") && !not )
			continue;
		if (sscanf(word, "%u-%u%c", &from, &to, &tail) != 2) {
			if (sscanf(word, "%u%c", &from, &tail) != 1)
				rc = -EINVAL;
			to = from;
		}
		if (rc || from > to || to >= CPU_SET_MAX) {
			rc = -EINVAL;
			break;
		}
		for (unsigned int cpu = from; cpu <= to; cpu++) {
			if (not )
				set->bits[cpu / 64] &= ~(1ull << (cpu % 64));
			else
				cpu_set_add(set, cpu);
		}
		if (not )
			*all = false;
	}
	free(copy);
	return rc;
}

/* cpus= and cpus_soft=: one list for all vCPUs, or a list with one for each. */
static int read_cpus(struct reader *r, const struct cfg_value *v)
{
	bool soft = !strcmp(r->name, "cpus_soft");
	size_t n = v->kind == CFG_LIST ? v->n_items : 1;

	for (size_t i = 0; i < n; i++) {
		const struct cfg_value *item = v->kind == CFG_LIST ? &v->items[i] : v;
		struct vcpu_affinity *a;
		struct cpu_set set;
		bool all;

		if (item->kind == CFG_LIST || cpu_list_parse(item->text, &set, &all))
			return bad(r, item, "CPU lists like \"0-3,^2\" or \"all\" are allowed");
		a = i < r->c->n_affinity
			    ? &r->c->affinity[i]
			    : grow((void **)&r->c->affinity, &r->c->n_affinity, sizeof(*a));
		if (!a)
			return -ENOMEM;
		*(soft ? &a->soft_kind : &a->hard_kind) = all ? AFFINITY_ALL : AFFINITY_SET;
		*(soft ? &a->soft : &a->hard) = set;
	}
	return 0;
}

static int read_pool(struct reader *r, const struct cfg_value *v)
{
	if (v->kind == CFG_LIST || (strcmp(v->text, "Pool-0") && strcmp(v->text, "0")))
		return bad(r, v, "there is one pool, \"Pool-0\"");
	return 0;
}

static int read_tsc_mode(struct reader *r, const struct cfg_value *v)
{
	static const char *const words[] = { "default", "always_emulate", "native",
					     "native_paravirt" };
	long long n;

	for (size_t i = 0; v->kind != CFG_LIST && i < COUNT(words); i++) {
		if (!strcmp(v->text, words[i])) {
			r->c->tsc_mode = (enum tsc_mode)i;
			return 0;
		}
	}
	if (v->kind != CFG_NUMBER)
		return bad(r, v, "default, always_emulate, native and native_paravirt are allowed");
	if (get_number(r, v, 0, 3, &n))
		return -EINVAL;
	r->c->tsc_mode = (enum tsc_mode)n;
	return 0;
}

static int read_timer_mode(struct reader *r, const struct cfg_value *v)
{
	static const char *const words[] = { "delay_for_missed_ticks", "no_delay_for_missed_ticks",
					     "no_missed_ticks_pending", "one_missed_tick_pending" };
	long long n;

	for (size_t i = 0; v->kind == CFG_STRING && i < COUNT(words); i++) {
		if (!strcmp(v->text, words[i])) {
			r->c->timer_mode = (int)i;
			return 0;
		}
	}
	if (get_number(r, v, 0, 3, &n))
		return -EINVAL;
	r->c->timer_mode = (int)n;
	return 0;
}

static int read_timeoffset(struct reader *r, const struct cfg_value *v)
{
	long long n;

	if (get_number(r, v, -(1ll << 40), 1ll << 40, &n))
		return -EINVAL;
	r->c->rtc_timeoffset = n;
	return 0;
}

static int read_event_channels(struct reader *r, const struct cfg_value *v)
{
	long long n;

	if (get_number(r, v, 31, 131071, &n))
		return -EINVAL;
	r->c->max_event_channels = (uint32_t)n;
	return 0;
}

/* A list's item is read by @parse into a new element; its messages get the position. */
#define READ_ITEM(function, array, count, parse)                                           \
	static int function(struct reader *r, const struct cfg_value *v)                   \
	{                                                                                  \
		struct error why = { 0 };                                                  \
		void *element;                                                             \
                                                                                           \
		if (v->kind == CFG_LIST)                                                   \
			return bad(r, v, "an item is a string");                           \
		element = grow((void **)&r->c->array, &r->c->count, sizeof(*r->c->array)); \
		if (!element)                                                              \
			return -ENOMEM;                                                    \
		if (parse(v->text, element, &why))                                         \
			return bad(r, v, why.text[0] ? why.text : "out of memory");        \
		return 0;                                                                  \
	}
READ_ITEM(read_disk, disks, n_disks, disk_spec_parse)
READ_ITEM(read_vif, vifs, n_vifs, vif_spec_parse)
READ_ITEM(read_pci, pci, n_pci, pci_spec_parse)

static int read_dm_arg(struct reader *r, const struct cfg_value *v)
{
	char **arg =
		grow((void **)&r->c->device_model_args, &r->c->n_device_model_args, sizeof(*arg));

	return arg ? set_text(r, v, arg) : -ENOMEM;
}

static int read_depends(struct reader *r, const struct cfg_value *v)
{
	char **name = grow((void **)&r->c->depends, &r->c->n_depends, sizeof(*name));

	return name ? set_text(r, v, name) : -ENOMEM;
}

/* An empty list means none, which is what there is; anything in it is not offered. */
static int read_empty(struct reader *r, const struct cfg_value *v)
{
	if (v->kind == CFG_LIST && v->n_items == 0)
		return 0;
	return bad(r, v, "not offered: guests have disk=, vif= and their console");
}

#define AT(member) offsetof(struct domain_config, member)
#define TEXT(name, member)                             \
	{                                              \
		name, KEY_TEXT, AT(member), NULL, NULL \
	}
#define BOOL(name, member)                             \
	{                                              \
		name, KEY_BOOL, AT(member), NULL, NULL \
	}
#define U32(name, member)                             \
	{                                             \
		name, KEY_U32, AT(member), NULL, NULL \
	}
#define I32(name, member)                             \
	{                                             \
		name, KEY_I32, AT(member), NULL, NULL \
	}
#define MIB(name, member)                             \
	{                                             \
		name, KEY_MIB, AT(member), NULL, NULL \
	}
#define ACTION(name, member)                             \
	{                                                \
		name, KEY_ACTION, AT(member), NULL, NULL \
	}
#define LIST(name, function)                      \
	{                                         \
		name, KEY_LIST, 0, function, NULL \
	}
#define SPECIAL(name, function)                      \
	{                                            \
		name, KEY_SPECIAL, 0, function, NULL \
	}
#define REFUSED(name, reason)                      \
	{                                          \
		name, KEY_REFUSED, 0, NULL, reason \
	}
#define DROPPED(name, reason)                      \
	{                                          \
		name, KEY_DROPPED, 0, NULL, reason \
	}

#define OFF(name, reason)                      \
	{                                      \
		name, KEY_OFF, 0, NULL, reason \
	}

#define CREDIT2	  "the scheduler is credit2: use cpu_weight= and cap="
#define HVM_ONLY  "it is for type=\"hvm\", which needs a device-model domain"
#define NO_DEVICE "guests have disks, network interfaces and a console only"
#define NO_RAW	  "hardware is given to guests as whole PCI devices only (pci=)"

static const struct key keys[] = {
	TEXT("name", name),
	SPECIAL("type", read_type),
	SPECIAL("builder", read_type),
	SPECIAL("uuid", read_uuid),
	MIB("memory", memory_kib),
	MIB("maxmem", maxmem_kib),
	MIB("shadow_memory", shadow_kib),
	MIB("videoram", video_memory_kib),
	U32("vcpus", vcpus),
	U32("maxvcpus", maxvcpus),
	SPECIAL("cpus", read_cpus),
	SPECIAL("cpus_soft", read_cpus),
	U32("cpu_weight", cpu_weight),
	U32("cap", cap),
	SPECIAL("pool", read_pool),
	TEXT("kernel", kernel),
	TEXT("ramdisk", ramdisk),
	/* cmdline, root and extra are put together at the end. */
	DROPPED("cmdline", ""),
	DROPPED("root", ""),
	DROPPED("extra", ""),
	TEXT("bootloader", bootloader),
	TEXT("firmware", firmware),
	ACTION("on_poweroff", on_poweroff),
	ACTION("on_shutdown", on_poweroff),
	ACTION("on_reboot", on_reboot),
	ACTION("on_crash", on_crash),
	ACTION("on_watchdog", on_watchdog),
	ACTION("on_soft_reset", on_soft_reset),
	LIST("disk", read_disk),
	LIST("vif", read_vif),
	LIST("pci", read_pci),
	BOOL("pci_permissive", pci_permissive),
	BOOL("pci_msitranslate", pci_msitranslate),
	BOOL("pci_power_mgmt", pci_power_mgmt),
	BOOL("pci_seize", pci_seize),
	TEXT("seclabel", seclabel),
	TEXT("init_seclabel", init_seclabel),
	TEXT("device_model_version", device_model_version),
	TEXT("device_model_override", device_model_override),
	TEXT("device_model_user", device_model_user),
	BOOL("device_model_stubdomain_override", device_stubdomain),
	TEXT("device_model_stubdomain_seclabel", device_stubdomain_seclabel),
	TEXT("stubdomain_kernel", device_stubdomain_kernel),
	TEXT("stubdomain_ramdisk", device_stubdomain_ramdisk),
	{ "stubdomain_memory", KEY_MIB32, AT(device_stubdomain_memory_kib), NULL, NULL },
	LIST("device_model_args", read_dm_arg),
	LIST("device_model_args_hvm", read_dm_arg),
	LIST("device_model_args_pvh", read_dm_arg),
	TEXT("serial", serial),
	TEXT("boot", boot),
	TEXT("backend", backend),
	BOOL("driver_domain", driver_domain),
	LIST("depends", read_depends),
	SPECIAL("tsc_mode", read_tsc_mode),
	SPECIAL("timer_mode", read_timer_mode),
	SPECIAL("rtc_timeoffset", read_timeoffset),
	BOOL("localtime", localtime),
	BOOL("apic", apic),
	BOOL("acpi", acpi),
	OFF("acpi_s3", HVM_ONLY),
	OFF("acpi_s4", HVM_ONLY),
	BOOL("nx", nx),
	BOOL("pae", pae),
	BOOL("hpet", hpet),
	OFF("viridian", HVM_ONLY),
	BOOL("hap", hap),
	BOOL("nestedhvm", nested_hvm),
	BOOL("vpmu", vpmu),
	BOOL("pvshim", pvshim),
	BOOL("nomigrate", nomigrate),
	OFF("suspend_evtchn_compat", "guests are not suspended"),
	REFUSED("cpuid", "guests have the hypervisor's default CPU policy"),
	I32("max_grant_frames", max_grant_frames),
	I32("max_maptrack_frames", max_maptrack_frames),
	I32("max_grant_version", max_grant_version),
	SPECIAL("event_channels", read_event_channels),
	SPECIAL("max_event_channels", read_event_channels),
	U32("vmtrace_buf_kb", vmtrace_buf_kib),

	SPECIAL("vfb", read_empty),
	SPECIAL("vkb", read_empty),
	SPECIAL("vtpm", read_empty),
	SPECIAL("p9", read_empty),
	SPECIAL("channel", read_empty),
	SPECIAL("usbctrl", read_empty),
	SPECIAL("usbdev", read_empty),
	SPECIAL("vsnd", read_empty),
	SPECIAL("vdispl", read_empty),
	REFUSED("pvcalls", NO_DEVICE),
	REFUSED("virtio", NO_DEVICE),
	REFUSED("ioports", NO_RAW),
	REFUSED("iomem", NO_RAW),
	REFUSED("irqs", NO_RAW),
	REFUSED("dtdev", NO_RAW),
	REFUSED("rdm", NO_RAW),
	REFUSED("rdm_mem_boundary", NO_RAW),
	REFUSED("passthrough", "devices are always behind the IOMMU; list them in pci="),
	OFF("gfx_passthru", HVM_ONLY),
	REFUSED("bios", HVM_ONLY),
	REFUSED("bios_path_override", HVM_ONLY),
	REFUSED("smbios_firmware", HVM_ONLY),
	REFUSED("acpi_firmware", HVM_ONLY),
	REFUSED("ms_vm_genid", HVM_ONLY),
	REFUSED("hdtype", HVM_ONLY),
	OFF("sdl", HVM_ONLY),
	OFF("vnc", HVM_ONLY),
	REFUSED("vnclisten", HVM_ONLY),
	REFUSED("vncdisplay", HVM_ONLY),
	REFUSED("vncpasswd", HVM_ONLY),
	REFUSED("vncunused", HVM_ONLY),
	OFF("opengl", HVM_ONLY),
	REFUSED("keymap", HVM_ONLY),
	OFF("nographic", HVM_ONLY),
	OFF("spice", HVM_ONLY),
	OFF("stdvga", HVM_ONLY),
	REFUSED("vga", HVM_ONLY),
	OFF("usb", HVM_ONLY),
	REFUSED("usbdevice", HVM_ONLY),
	REFUSED("usbversion", HVM_ONLY),
	REFUSED("soundhw", HVM_ONLY),
	REFUSED("vkb_device", HVM_ONLY),
	REFUSED("xen_platform_pci", HVM_ONLY),
	REFUSED("mmio_hole", HVM_ONLY),
	OFF("dm_restrict", HVM_ONLY),
	REFUSED("stubdomain_cmdline", HVM_ONLY),
	REFUSED("vpt_align", HVM_ONLY),
	REFUSED("mca_caps", HVM_ONLY),
	REFUSED("spicehost", HVM_ONLY),
	REFUSED("spiceport", HVM_ONLY),
	REFUSED("spicetls_port", HVM_ONLY),
	REFUSED("spicepasswd", HVM_ONLY),
	REFUSED("spicedisable_ticketing", HVM_ONLY),
	REFUSED("spiceagent_mouse", HVM_ONLY),
	REFUSED("spicevdagent", HVM_ONLY),
	REFUSED("spice_clipboard_sharing", HVM_ONLY),
	REFUSED("spice_image_compression", HVM_ONLY),
	REFUSED("spice_streaming_video", HVM_ONLY),
	REFUSED("spiceusbredirection", HVM_ONLY),
	REFUSED("display", HVM_ONLY),
	REFUSED("xauthority", HVM_ONLY),
	REFUSED("acpi_laptop_slate", HVM_ONLY),
	REFUSED("firmware_override", HVM_ONLY),
	REFUSED("device_model", "write device_model_override= (xl.cfg(5))"),
	REFUSED("vendor_device", HVM_ONLY),
	REFUSED("period", CREDIT2),
	REFUSED("slice", CREDIT2),
	REFUSED("budget", CREDIT2),
	REFUSED("extratime", CREDIT2),
	REFUSED("latency", CREDIT2),
	REFUSED("bootloader_args",
		"bootloader= is not offered: it would read the guest's disk with Dom0's rights"),
	REFUSED("bootloader_restrict", "bootloader= is not offered"),
	REFUSED("pvh", "write type=\"pvh\" instead"),
	REFUSED("pvshim_path", "pvshim= is not offered"),
	REFUSED("pvshim_cmdline", "pvshim= is not offered"),
	REFUSED("pvshim_extra", "pvshim= is not offered"),
	REFUSED("e820_host", "it is for type=\"pv\""),
	REFUSED("machine_address_size", "it is for type=\"pv\""),
	REFUSED("suppress_spurious_page_faults", "it is for type=\"pv\""),
	REFUSED("altp2m", "the hypervisor has no alternative physical maps"),
	REFUSED("altp2mhvm", "the hypervisor has no alternative physical maps"),
	REFUSED("vnuma", "guests have one memory node"),
	REFUSED("nodes", "pin the guest's vCPUs with cpus= instead"),
	REFUSED("device_model_args_pv", "it is for type=\"pv\""),
	REFUSED("features", "it is for type=\"pv\""),
	REFUSED("vuart", "it is for Arm"),
	REFUSED("gic_version", "it is for Arm"),
	REFUSED("tee", "it is for Arm"),
	REFUSED("device_tree", "it is for Arm"),
	REFUSED("msr_relaxed", "guests see the MSRs that the hypervisor knows, no others"),
	REFUSED("assisted_xapic", "the local APIC is always emulated"),
	REFUSED("assisted_x2apic", "the local APIC is always emulated"),
	REFUSED("xend_suspend_evtchn_compat", "guests are not suspended"),
};

static int read_list(struct reader *r, const struct key *key, const struct cfg_value *v)
{
	int rc = 0;

	if (v->kind != CFG_LIST)
		return key->fn(r, v);
	for (size_t i = 0; !rc && i < v->n_items; i++)
		rc = key->fn(r, &v->items[i]);
	return rc;
}

static int read_mib(struct reader *r, const struct cfg_value *v, uint64_t *kib)
{
	long long n;

	if (get_number(r, v, 0, (long long)(DOMAIN_MEMORY_MAX / 1024), &n))
		return -EINVAL;
	*kib = (uint64_t)n * 1024;
	return 0;
}

static int read_key(struct reader *r, const struct key *key, const struct cfg_value *v)
{
	void *at = (char *)r->c + key->offset;
	uint64_t kib;
	long long n;
	int rc;

	switch (key->kind) {
	case KEY_TEXT:
		rc = set_text(r, v, at);
		/* An empty string is none, as for the stock tool. */
		if (!rc && !**(char **)at) {
			free(*(char **)at);
			*(char **)at = NULL;
		}
		return rc;
	case KEY_BOOL:
		rc = get_number(r, v, 0, 1, &n);
		if (!rc)
			*(bool *)at = n;
		return rc;
	case KEY_U32:
		rc = get_number(r, v, 0, UINT32_MAX, &n);
		if (!rc)
			*(uint32_t *)at = (uint32_t)n;
		return rc;
	case KEY_I32:
		rc = get_number(r, v, 0, INT32_MAX, &n);
		if (!rc)
			*(int32_t *)at = (int32_t)n;
		return rc;
	case KEY_MIB:
		return read_mib(r, v, at);
	case KEY_MIB32:
		rc = read_mib(r, v, &kib);
		if (!rc)
			*(uint32_t *)at = (uint32_t)kib;
		return rc;
	case KEY_ACTION:
		if (v->kind == CFG_LIST || domain_action_parse(v->text, at))
			return bad(r, v,
				   "destroy, restart, rename-restart, preserve, coredump-destroy, "
				   "coredump-restart and soft-reset are allowed");
		return 0;
	case KEY_LIST:
		return read_list(r, key, v);
	case KEY_SPECIAL:
		return key->fn(r, v);
	case KEY_OFF:
		if (v->kind != CFG_LIST && !strcmp(v->text, "0"))
			return 0;
		/* fall through */
	case KEY_REFUSED:
		return cfg_error(v, r->err, "%s is not offered: %s", r->name, key->why);
	case KEY_DROPPED:
		return 0;
	}
	return -EINVAL;
}

/* The nearest key by letters, for a typing error; NULL when none is near. */
static const char *nearest_key(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < COUNT(keys); i++) {
		size_t n = strlen(keys[i].name), same = 0;

		if (!strcasecmp(keys[i].name, name))
			return keys[i].name;
		if (n > len + 1 || len > n + 1 || len < 4)
			continue;
		while (same < n && same < len && keys[i].name[same] == name[same])
			same++;
		/* One letter wrong, missing or too many; or two exchanged. */
		if (!strcmp(keys[i].name + same + (n >= len), name + same + (len >= n)) ||
		    (n == len && n - same >= 2 && keys[i].name[same] == name[same + 1] &&
		     keys[i].name[same + 1] == name[same] &&
		     !strcmp(keys[i].name + same + 2, name + same + 2)))
			return keys[i].name;
	}
	return NULL;
}

static int read_setting(struct reader *r, const struct cfg_setting *s)
{
	const char *near;

	r->name = s->name;
	for (size_t i = 0; i < COUNT(keys); i++)
		if (!strcmp(keys[i].name, s->name))
			return read_key(r, &keys[i], &s->value);
	near = nearest_key(s->name);
	return cfg_error(&s->value, r->err,
			 near ? "unknown key '%s'; did you mean '%s'?"
			      : "unknown key '%s'; xl.cfg(5) lists all",
			 s->name, near);
}

/* cmdline= is complete; without it, root= and extra= make the kernel's command line. */
static int join_cmdline(struct reader *r)
{
	const struct cfg_value *line = cfg_get(r->cfg, "cmdline"), *root = cfg_get(r->cfg, "root"),
			       *extra = cfg_get(r->cfg, "extra");
	const struct cfg_value *all[] = { line, root, extra };
	static const char *const names[] = { "cmdline", "root", "extra" };

	for (int i = 0; i < 3; i++) {
		r->name = names[i];
		if (all[i] && all[i]->kind == CFG_LIST)
			return bad(r, all[i], "one string is allowed, not a list");
	}
	if (line && (root || extra))
		return cfg_error(line, r->err, "cmdline is the whole command line: put %s into it",
				 root ? "root" : "extra");
	if (line)
		return set_text(r, line, &r->c->cmdline);
	if (!root && !extra)
		return 0;
	if (asprintf(&r->c->cmdline, "%s%s%s%s", root ? "root=" : "", root ? root->text : "",
		     root && extra ? " " : "", extra ? extra->text : "") < 0) {
		r->c->cmdline = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* A contradiction is told at the line of the first key that its message names, if the file has it. */
static void add_place(const struct cfg *cfg, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
	const struct cfg_value *v = NULL;
	char word[64];

	if (!err)
		return;
	for (const char *at = err->text; *at && !v;) {
		size_t n = strspn(at, letters);

		if (n && n < sizeof(word)) {
			memcpy(word, at, n);
			word[n] = '\0';
			v = cfg_get(cfg, word);
			if (!v && !strcmp(word, "type"))
				v = cfg_get(cfg, "builder");
		}
		at += n;
		at += strcspn(at, letters);
	}
	if (v)
		error_prefix(err, "%s:%u", v->source, v->line);
	else
		error_prefix(err, "%s", cfg->source);
}

int guest_config(const struct cfg *cfg, struct domain_config *config, struct error *err)
{
	struct reader r = { .cfg = cfg, .c = config, .err = err };
	int rc = 0;

	domain_config_init(config);
	for (size_t i = 0; !rc && i < cfg->n_settings; i++)
		rc = read_setting(&r, &cfg->settings[i]);
	if (!rc)
		rc = join_cmdline(&r);
	if (rc == -ENOMEM)
		error_errno(err, rc, "%s", cfg->source);
	if (!rc) {
		rc = domain_config_check(config, err);
		if (rc)
			add_place(cfg, err);
	}
	if (rc)
		domain_config_free(config);
	return rc;
}
