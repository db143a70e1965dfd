/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of the members of a guest's description. */
#include "life/config_fields.h"

#include <stdlib.h>
#include <string.h>

const char *const domain_type_words[] = { "pvh", "hvm", "pv", NULL };
const char *const domain_action_words[] = { "destroy",		"restart",
					    "rename-restart",	"preserve",
					    "coredump-destroy", "coredump-restart",
					    "soft-reset",	NULL };
static const char *const tsc_words[] = { "default", "always_emulate", "native", "native_paravirt",
					 NULL };
static const char *const format_words[] = { "raw", "qcow", "qcow2", "vhd", "qed", "empty", NULL };
static const char *const backend_words[] = { "unknown", "phy", "tap", "qdisk", "standalone", NULL };
static const char *const model_words[] = { "vif", "ioemu", NULL };
static const char *const affinity_words[] = { "all", "set", NULL };

#define FIELD(structure, member, kind_)                                               \
	{                                                                             \
		.name = #member, .kind = kind_, .offset = offsetof(structure, member) \
	}
#define WORDS(structure, member, words_)                                                    \
	{                                                                                   \
		.name = #member, .kind = FIELD_WORD, .offset = offsetof(structure, member), \
		.words = words_                                                             \
	}
#define ARRAY(structure, member, kind_, table_)                                        \
	{                                                                              \
		.name = #member, .kind = kind_, .offset = offsetof(structure, member), \
		.count = offsetof(structure, n_##member), .table = table_              \
	}
#define TABLE(array, structure)                                              \
	{                                                                    \
		array, sizeof(array) / sizeof((array)[0]), sizeof(structure) \
	}

#define D struct disk_config
static const struct field disk_list[] = {
	FIELD(D, target, FIELD_STRING),		FIELD(D, vdev, FIELD_STRING),
	WORDS(D, format, format_words),		WORDS(D, backend, backend_words),
	FIELD(D, backend_domain, FIELD_STRING), FIELD(D, script, FIELD_STRING),
	FIELD(D, readwrite, FIELD_BOOL),	FIELD(D, cdrom, FIELD_BOOL),
	FIELD(D, removable, FIELD_BOOL),	FIELD(D, discard, FIELD_BOOL),
	FIELD(D, no_discard, FIELD_BOOL),	FIELD(D, direct_io_safe, FIELD_BOOL),
};
static const struct field_table disk_fields = TABLE(disk_list, D);

#define V struct vif_config
static const struct field vif_list[] = {
	FIELD(V, mac, FIELD_MAC),	    FIELD(V, mac_given, FIELD_BOOL),
	WORDS(V, type, model_words),	    FIELD(V, bridge, FIELD_STRING),
	FIELD(V, script, FIELD_STRING),	    FIELD(V, ip, FIELD_STRING),
	FIELD(V, model, FIELD_STRING),	    FIELD(V, vifname, FIELD_STRING),
	FIELD(V, gatewaydev, FIELD_STRING), FIELD(V, backend_domain, FIELD_STRING),
	FIELD(V, rate_bytes, FIELD_U64),    FIELD(V, rate_interval_us, FIELD_U32),
	FIELD(V, mtu, FIELD_U32),	    FIELD(V, trusted, FIELD_BOOL),
};
static const struct field_table vif_fields = TABLE(vif_list, V);

#define P struct pci_config
static const struct field pci_list[] = {
	FIELD(P, domain, FIELD_U16),	     FIELD(P, bus, FIELD_U8),
	FIELD(P, device, FIELD_U8),	     FIELD(P, function, FIELD_U8),
	FIELD(P, all_functions, FIELD_BOOL), FIELD(P, vslot, FIELD_I32),
	FIELD(P, vfunc, FIELD_I32),	     FIELD(P, permissive, FIELD_BOOL),
	FIELD(P, msitranslate, FIELD_BOOL),  FIELD(P, power_mgmt, FIELD_BOOL),
	FIELD(P, seize, FIELD_BOOL),	     FIELD(P, rdm_relaxed, FIELD_BOOL),
	FIELD(P, name, FIELD_STRING),
};
static const struct field_table pci_fields = TABLE(pci_list, P);

#define A struct vcpu_affinity
static const struct field affinity_list[] = {
	WORDS(A, hard_kind, affinity_words),
	WORDS(A, soft_kind, affinity_words),
	FIELD(A, hard, FIELD_CPUS),
	FIELD(A, soft, FIELD_CPUS),
};
static const struct field_table affinity_fields = TABLE(affinity_list, A);

#define C struct domain_config
static const struct field domain_list[] = {
	FIELD(C, name, FIELD_STRING),
	FIELD(C, uuid, FIELD_UUID),
	FIELD(C, uuid_given, FIELD_BOOL),
	WORDS(C, type, domain_type_words),
	FIELD(C, memory_kib, FIELD_U64),
	FIELD(C, maxmem_kib, FIELD_U64),
	FIELD(C, shadow_kib, FIELD_U64),
	FIELD(C, vcpus, FIELD_U32),
	FIELD(C, maxvcpus, FIELD_U32),
	FIELD(C, claim, FIELD_U64),
	ARRAY(C, affinity, FIELD_TABLE, &affinity_fields),
	FIELD(C, nodes, FIELD_CPUS),
	FIELD(C, cpu_weight, FIELD_U32),
	FIELD(C, cap, FIELD_U32),
	FIELD(C, cpupool, FIELD_U32),
	FIELD(C, kernel, FIELD_STRING),
	FIELD(C, ramdisk, FIELD_STRING),
	FIELD(C, cmdline, FIELD_STRING),
	FIELD(C, bootloader, FIELD_STRING),
	FIELD(C, firmware, FIELD_STRING),
	WORDS(C, on_poweroff, domain_action_words),
	WORDS(C, on_reboot, domain_action_words),
	WORDS(C, on_crash, domain_action_words),
	WORDS(C, on_watchdog, domain_action_words),
	WORDS(C, on_soft_reset, domain_action_words),
	ARRAY(C, disks, FIELD_TABLE, &disk_fields),
	ARRAY(C, vifs, FIELD_TABLE, &vif_fields),
	ARRAY(C, pci, FIELD_TABLE, &pci_fields),
	FIELD(C, pci_permissive, FIELD_BOOL),
	FIELD(C, pci_seize, FIELD_BOOL),
	FIELD(C, pci_msitranslate, FIELD_BOOL),
	FIELD(C, pci_power_mgmt, FIELD_BOOL),
	FIELD(C, seclabel, FIELD_STRING),
	FIELD(C, init_seclabel, FIELD_STRING),
	FIELD(C, device_model_version, FIELD_STRING),
	FIELD(C, device_model_override, FIELD_STRING),
	FIELD(C, device_model_user, FIELD_STRING),
	FIELD(C, device_stubdomain_kernel, FIELD_STRING),
	FIELD(C, device_stubdomain_ramdisk, FIELD_STRING),
	FIELD(C, device_stubdomain_seclabel, FIELD_STRING),
	FIELD(C, device_stubdomain_memory_kib, FIELD_U32),
	FIELD(C, device_stubdomain, FIELD_BOOL),
	ARRAY(C, device_model_args, FIELD_STRINGS, NULL),
	FIELD(C, serial, FIELD_STRING),
	FIELD(C, boot, FIELD_STRING),
	FIELD(C, driver_domain, FIELD_BOOL),
	FIELD(C, backend, FIELD_STRING),
	WORDS(C, tsc_mode, tsc_words),
	FIELD(C, timer_mode, FIELD_I32),
	FIELD(C, rtc_timeoffset, FIELD_I64),
	FIELD(C, localtime, FIELD_BOOL),
	FIELD(C, apic, FIELD_BOOL),
	FIELD(C, acpi, FIELD_BOOL),
	FIELD(C, acpi_s3, FIELD_BOOL),
	FIELD(C, acpi_s4, FIELD_BOOL),
	FIELD(C, nx, FIELD_BOOL),
	FIELD(C, pae, FIELD_BOOL),
	FIELD(C, hpet, FIELD_BOOL),
	FIELD(C, viridian, FIELD_BOOL),
	FIELD(C, hap, FIELD_BOOL),
	FIELD(C, nested_hvm, FIELD_BOOL),
	FIELD(C, vpmu, FIELD_BOOL),
	FIELD(C, xend_suspend_evtchn_compat, FIELD_BOOL),
	FIELD(C, nomigrate, FIELD_BOOL),
	FIELD(C, passthrough, FIELD_BOOL),
	FIELD(C, disable_migrate, FIELD_BOOL),
	FIELD(C, pvshim, FIELD_BOOL),
	FIELD(C, cpuid, FIELD_STRING),
	FIELD(C, max_grant_frames, FIELD_I32),
	FIELD(C, max_maptrack_frames, FIELD_I32),
	FIELD(C, max_grant_version, FIELD_I32),
	FIELD(C, max_event_channels, FIELD_U32),
	FIELD(C, vmtrace_buf_kib, FIELD_U32),
	FIELD(C, vm_event_console, FIELD_U32),
	FIELD(C, video_memory_kib, FIELD_U64),
	ARRAY(C, depends, FIELD_STRINGS, NULL),
};
const struct field_table domain_fields = TABLE(domain_list, C);

static void free_strings(char **strings, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(strings[i]);
	free(strings);
}

void fields_free(const struct field_table *table, void *structure)
{
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct field *f = &table->fields[i];
		char *at = (char *)structure + f->offset;
		uint32_t count;
		char *array;

		memcpy(&count, (char *)structure + f->count, sizeof(count));
		switch (f->kind) {
		case FIELD_STRING:
			free(*(char **)at);
			*(char **)at = NULL;
			break;
		case FIELD_STRINGS:
			free_strings(*(char ***)at, count);
			*(char ***)at = NULL;
			break;
		case FIELD_TABLE:
			array = *(char **)at;
			for (uint32_t j = 0; j < count; j++)
				fields_free(f->table, array + (size_t)j * f->table->size);
			free(array);
			*(char **)at = NULL;
			break;
		default:
			break;
		}
	}
}
