/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain builder's steps, on a hypervisor that may refuse any of them. REQ toolstack/builder: "PVH
 * guests", "2 MiB pages", "memory map with low and high memory"; "a build that fails half-way leaves
 * nothing behind".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/builder.h"
#include "builder/guest_memory.h"
#include "builder/layout.h"
#include "hyper/build.h"
#include "support/make_elf.h"

#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/arch-x86/hvm/start_info.h>

#define DOMID	  7
#define LOW_BYTES (64u << 20)
#define HALF_2M	  256 /* 2 MiB pieces are had in groups of so many at most */

/* The hypervisor: what it was told, and which call it refuses. */
static struct {
	unsigned int calls, refuse_at; /* the call that is refused; 0: none */
	const char *refused;
	int error; /* with what */
	char log[4096];
	uint64_t free_pages, outstanding;
	bool grants_v2, no_large, few, none, labels, scrubbed;
	const char *command_line;
	struct hyper_create create;
	uint8_t page_of[LOW_BYTES / 4096]; /* how often each frame was populated */
	uint64_t high_pages, extra_pages, claimed, params[HVM_NR_PARAMS];
	struct hyper_memory_range map[LAYOUT_MAP_MAX];
	unsigned int n_map;
	struct sched_params sched;
	struct cpu_set pinned[4];
	uint32_t sbdf, label;
	int64_t offset;
	uint32_t ports, entry, start_info;
	/* The guest. */
	uint8_t *low, pages[0x4000]; /* ACPI's, and the special ones behind */
	uint64_t from, to, granted[8];
} fake;

/* Whether this call goes through. */
static bool allowed(const char *call)
{
	size_t n = strlen(fake.log);

	snprintf(fake.log + n, sizeof(fake.log) - n, "%s ", call);
	if (++fake.calls != fake.refuse_at)
		return true;
	fake.refused = call;
	return false;
}

#define ANSWER(call)                        \
	do {                                \
		if (!allowed(call))         \
			return -fake.error; \
	} while (0)

int hyper_phys_info(struct hyper *h, struct phys_info *out)
{
	ANSWER("phys_info");
	*out = (struct phys_info) { .free_pages = fake.free_pages,
				    .outstanding_pages = fake.outstanding,
				    .cap_gnttab_v2 = fake.grants_v2 };
	return 0;
}

int hyper_version_info(struct hyper *h, struct version_info *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->command_line, sizeof(out->command_line), "%s", fake.command_line);
	return 0;
}

int hyper_claim_pages(struct hyper *h, uint16_t domid, uint64_t pages)
{
	if (pages)
		ANSWER("claim");
	fake.claimed = pages;
	return 0;
}

int hyper_flask_context_to_sid(struct hyper *h, const char *context, uint32_t *sid)
{
	ANSWER("label");
	if (!fake.labels)
		return -ENOSYS;
	if (strcmp(context, "building") && strcmp(context, "life"))
		return -EINVAL;
	*sid = *context == 'b' ? 11 : 12;
	return 0;
}

int hyper_flask_next_label(struct hyper *h, uint32_t *next, char *context, size_t size)
{
	static const char *const labels[] = { "building", "life" };

	if (*next == 2)
		return -ENOENT;
	snprintf(context, size, "%s", labels[(*next)++]);
	return 0;
}

int hyper_flask_relabel_domain(struct hyper *h, uint16_t domid, uint32_t sid)
{
	ANSWER("relabel");
	fake.label = sid;
	return 0;
}

int hyper_build_create(struct hyper *h, const struct hyper_create *create, uint16_t *domid)
{
	ANSWER("create");
	fake.create = *create;
	if (!*domid)
		*domid = DOMID;
	return 0;
}

int hyper_build_vcpus(struct hyper *h, uint16_t domid, uint32_t vcpus)
{
	ANSWER("vcpus");
	return 0;
}

int hyper_domain_set_max_memory(struct hyper *h, uint16_t domid, uint64_t kib)
{
	ANSWER("max_memory");
	return 0;
}

int hyper_build_paging_pool(struct hyper *h, uint16_t domid, uint64_t kib)
{
	ANSWER("pool");
	return 0;
}

int hyper_build_time_offset(struct hyper *h, uint16_t domid, int64_t seconds)
{
	ANSWER("time_offset");
	fake.offset = seconds;
	return 0;
}

int hyper_build_tsc(struct hyper *h, uint16_t domid, uint32_t mode)
{
	ANSWER("tsc");
	return 0;
}

int hyper_build_cpu_policy_get(struct hyper *h, uint16_t domid, struct hyper_cpu_policy *out)
{
	ANSWER("policy_get");
	*out = (struct hyper_cpu_policy) { calloc(1, sizeof(*out->leaves)), NULL, 1, 0 };
	return 0;
}

int hyper_build_cpu_policy_set(struct hyper *h, uint16_t domid, const struct hyper_cpu_policy *in,
			       uint32_t *bad_leaf, uint32_t *bad_msr)
{
	*bad_leaf = 0xd;
	*bad_msr = 0xce;
	ANSWER("policy_set");
	return 0;
}

void hyper_cpu_policy_free(struct hyper_cpu_policy *policy)
{
	free(policy->leaves);
}

int hyper_vcpu_affinity_set(struct hyper *h, uint16_t domid, uint32_t vcpu,
			    const struct cpu_set *hard, const struct cpu_set *soft, bool force)
{
	ANSWER("pin");
	assert_true(vcpu < 4);
	if (hard)
		fake.pinned[vcpu] = *hard;
	return 0;
}

int hyper_sched_get(struct hyper *h, uint16_t domid, struct sched_params *out)
{
	ANSWER("sched_get");
	*out = (struct sched_params) { 256, 0 };
	return 0;
}

int hyper_sched_set(struct hyper *h, uint16_t domid, const struct sched_params *params)
{
	ANSWER("sched_set");
	fake.sched = *params;
	return 0;
}

int hyper_build_param_set(struct hyper *h, uint16_t domid, uint32_t index, uint64_t value)
{
	ANSWER("param");
	fake.params[index] = value;
	return 0;
}

int hyper_build_assign_device(struct hyper *h, uint16_t domid, uint32_t sbdf)
{
	ANSWER("assign");
	fake.sbdf = sbdf;
	return 0;
}

int hyper_build_populate(struct hyper *h, uint16_t domid, const uint64_t *gfns, unsigned int count,
			 unsigned int order)
{
	ANSWER("populate");
	if (fake.none)
		return 0;
	if (order && fake.no_large)
		return -ENOMEM;
	if (order && count > HALF_2M)
		count = HALF_2M;
	if (fake.few && count > 1 && gfns[0] < LOW_BYTES / 4096)
		count /= 2;
	for (unsigned int i = 0; i < count; i++) {
		for (uint64_t gfn = gfns[i]; gfn < gfns[i] + (1ull << order); gfn++) {
			if (gfn < LOW_BYTES / 4096)
				fake.page_of[gfn]++;
			else if (gfn >= HOLE_END / 4096)
				fake.high_pages++;
			else
				fake.extra_pages++;
		}
	}
	return (int)count;
}

int hyper_build_evtchn(struct hyper *h, uint16_t domid, uint16_t remote)
{
	ANSWER("evtchn");
	return (int)++fake.ports;
}

int hyper_build_memory_map(struct hyper *h, uint16_t domid, const struct hyper_memory_range *map,
			   unsigned int count)
{
	ANSWER("memory_map");
	memcpy(fake.map, map, count * sizeof(*map));
	fake.n_map = count;
	return 0;
}

int hyper_build_context_get(struct hyper *h, uint16_t domid, void **records, size_t *size)
{
	struct hvm_save_descriptor d = { HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER) };

	ANSWER("context_get");
	*size = sizeof(d) + d.length;
	*records = calloc(1, *size);
	memcpy(*records, &d, sizeof(d));
	return 0;
}

int hyper_build_context_set(struct hyper *h, uint16_t domid, const void *records, size_t size)
{
	const uint8_t *at = records;
	struct hvm_save_descriptor d;
	struct hvm_hw_cpu cpu;

	ANSWER("context_set");
	memcpy(&d, at, sizeof(d));
	at += sizeof(d) + d.length;
	memcpy(&d, at, sizeof(d));
	assert_int_equal(d.typecode, HVM_SAVE_CODE(CPU));
	memcpy(&cpu, at + sizeof(d), sizeof(cpu));
	fake.entry = (uint32_t)cpu.rip;
	fake.start_info = (uint32_t)cpu.rbx;
	return 0;
}

/* ---- The guest's memory ---- */

/* Where an address lies; it must be in the range that was set, and populated. */
static uint8_t *place(uint64_t addr, uint64_t length)
{
	assert_true(addr >= fake.from && addr + length <= fake.to);
	if (addr < LOW_BYTES) {
		for (uint64_t gfn = addr / 4096; length && gfn <= (addr + length - 1) / 4096; gfn++)
			assert_int_equal(fake.page_of[gfn], 1);
		return fake.low + addr;
	}
	assert_true(fake.extra_pages);
	addr = addr >= SPECIAL_START ? addr - SPECIAL_START + 0x2000 : addr - ACPI_START;
	assert_true(addr + length <= sizeof(fake.pages) + SPECIAL_PAGES * 4096);
	return addr + length <= sizeof(fake.pages) ? fake.pages + addr : NULL;
}

int guest_memory_open(struct guest_memory *memory, uint16_t domid, struct error *err)
{
	return allowed("open") ? 0 : error_set(err, -fake.error, "open");
}

void guest_memory_close(struct guest_memory *memory)
{
}

void guest_memory_range(struct guest_memory *memory, uint64_t low, uint64_t high)
{
	fake.from = low;
	fake.to = high;
}

int guest_memory_grant(struct guest_memory *memory, uint32_t ref, uint16_t to, uint64_t gfn,
		       struct error *err)
{
	if (!allowed("grant"))
		return error_set(err, -fake.error, "grant");
	assert_int_equal(to, 0);
	fake.granted[ref] = gfn;
	return 0;
}

bool guest_memory_is_zero(struct guest_memory *memory, const uint64_t *gfns, size_t count)
{
	return fake.scrubbed;
}

int guest_memory_write(struct guest_memory *memory, uint64_t addr, const void *bytes, size_t length,
		       struct error *err)
{
	uint8_t *to = place(addr, length);

	if (!allowed("write"))
		return error_set(err, -fake.error, "write");
	if (to)
		memcpy(to, bytes, length);
	return 0;
}

int guest_memory_zero(struct guest_memory *memory, uint64_t addr, uint64_t length,
		      struct error *err)
{
	uint8_t *to = place(addr, length);

	if (!allowed("zero"))
		return error_set(err, -fake.error, "zero");
	if (to)
		memset(to, 0, length);
	return 0;
}

/* ---- What is built ---- */

static struct domain_config config;
static struct test_elf elf;
static char kernel_path[64], ramdisk_path[64];
static int kernel_fd, ramdisk_fd;

static int file_with(const void *bytes, size_t size, char path[64])
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, size), size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static int setup(void **state)
{
	static uint8_t ramdisk[3u << 20];

	memset(&fake, 0, sizeof(fake));
	fake.low = calloc(1, LOW_BYTES);
	memset(fake.low, 0xee, LOW_BYTES);
	fake.free_pages = 1 << 20;
	fake.error = EPERM;
	fake.labels = true;
	fake.command_line = "";
	for (size_t i = 0; i < sizeof(ramdisk); i++)
		ramdisk[i] = (uint8_t)(i * 5 + (i >> 12));
	elf = make_elf();
	kernel_fd = file_with(elf.bytes, elf.size, kernel_path);
	ramdisk_fd = file_with(ramdisk, sizeof(ramdisk), ramdisk_path);
	domain_config_init(&config);
	config.kernel = strdup(kernel_path);
	config.ramdisk = strdup(ramdisk_path);
	config.cmdline = strdup("console=hvc0");
	config.memory_kib = config.maxmem_kib = LOW_BYTES >> 10;
	config.vcpus = config.maxvcpus = 2;
	return 0;
}

static int teardown(void **state)
{
	domain_config_free(&config);
	close(kernel_fd);
	close(ramdisk_fd);
	free(elf.bytes);
	free(fake.low);
	return 0;
}

static uint64_t progress_calls;

static void progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	progress_calls++;
}

/* All steps; the first error. */
static int build(struct error *err)
{
	struct builder_result result;
	struct builder *b;
	uint16_t domid = UINT16_MAX;
	int rc = builder_open(&b, NULL, &config, err);

	if (rc) {
		assert_null(b);
		return rc;
	}
	rc = builder_create(b, &domid, err);
	if (!rc) {
		assert_int_equal(domid, DOMID);
		rc = builder_fill(b, progress, NULL, &result, err);
	}
	builder_close(b);
	return rc;
}

static void assert_guest(void)
{
	const struct hvm_start_info *info =
		(const struct hvm_start_info *)(fake.low + fake.start_info);

	assert_int_equal(fake.entry, TEST_ENTRY);
	assert_memory_equal(fake.low + TEST_LOAD, elf.bytes + 4096, TEST_CODE_BYTES);
	for (size_t i = 0; i < TEST_BSS_BYTES && !fake.scrubbed; i++)
		assert_int_equal(fake.low[TEST_LOAD + 0x10000 + TEST_DATA_BYTES + i], 0);
	assert_int_equal(info->magic, XEN_HVM_START_MAGIC_VALUE);
	assert_string_equal(fake.low + info->cmdline_paddr, config.cmdline ? config.cmdline : "");
	assert_int_equal(info->nr_modules, !!config.ramdisk);
	assert_memory_equal(fake.low + BIOS_RSDP, "RSD PTR ", 8);
	assert_memory_equal(fake.pages, "RSD PTR ", 8);
	for (size_t i = 0; i < LOW_BYTES / 4096; i++)
		assert_int_equal(fake.page_of[i], i < config.memory_kib / 4);
	assert_int_equal(fake.claimed, 0);
	assert_int_equal(fake.granted[0], fake.params[HVM_PARAM_CONSOLE_PFN]);
	assert_int_equal(fake.granted[1], fake.params[HVM_PARAM_STORE_PFN]);
	assert_int_equal(fake.params[HVM_PARAM_STORE_EVTCHN], 1);
	assert_int_equal(fake.params[HVM_PARAM_CONSOLE_EVTCHN], 2);
	assert_int_equal(fake.map[0].addr, 0);
	assert_int_equal(fake.map[0].size, config.memory_kib << 10);
}

static void a_guest_is_built(void **state)
{
	struct error err = { 0 };

	progress_calls = 0;
	assert_int_equal(build(&err), 0);
	assert_guest();
	assert_true(progress_calls > 3);
	assert_int_equal(fake.create.max_vcpus, 2);
	assert_int_equal(fake.create.grant_version, 1);
	assert_false(fake.create.iommu);
	assert_int_equal(fake.label, 0);
}

/* Memory comes as it can: no 2 MiB pieces, half of what was asked for. */
static void memory_comes_in_any_pieces(void **state)
{
	struct error err = { 0 };

	for (int what = 1; what < 4; what++) {
		memset(fake.page_of, 0, sizeof(fake.page_of));
		fake.ports = 0;
		fake.no_large = what & 1;
		fake.few = what & 2;
		assert_int_equal(build(&err), 0);
		assert_guest();
	}
	/* An odd size, without a claim; the least that a guest may have otherwise. */
	memset(fake.page_of, 0, sizeof(fake.page_of));
	fake.ports = 0;
	fake.no_large = fake.few = false;
	config.memory_kib -= 2048 - 4;
	config.claim = 0;
	free(config.ramdisk);
	free(config.cmdline);
	config.ramdisk = config.cmdline = NULL;
	fake.log[0] = '\0';
	assert_int_equal(build(&err), 0);
	assert_guest();
	assert_null(strstr(fake.log, "claim"));
	/* None at all. */
	fake.none = true;
	assert_int_equal(build(&err), -ENOMEM);
	assert_non_null(strstr(err.text, "gave the guest 0 of"));
}

/* Scrubbed memory is not zeroed once more, unless it may not be scrubbed after all. */
static void zeroes_are_not_written_twice(void **state)
{
	static const struct {
		const char *line;
		bool zeroed;
	} lines[] = {
		{ "", false },
		{ "bootscrub=idle", false },
		{ "bootscrub=1", false },
		{ "x bootscrub=true", false },
		{ "bootscrub=0", true },
		{ "bootscrub=off y", true },
		{ "no-bootscrub", true },
	};
	struct error err = { 0 };

	fake.scrubbed = true;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const uint8_t *bss = fake.low + TEST_LOAD + 0x10000 + TEST_DATA_BYTES;

		fake.command_line = lines[i].line;
		fake.ports = 0;
		memset(fake.page_of, 0, sizeof(fake.page_of));
		memset(fake.low, 0xee, LOW_BYTES);
		assert_int_equal(build(&err), 0);
		assert_int_equal(*bss, lines[i].zeroed ? 0 : 0xee);
	}
}

static void high_memory_goes_above_the_hole(void **state)
{
	struct error err = { 0 };
	struct builder_result result;
	struct builder *b;
	uint16_t domid = 0;

	config.memory_kib = config.maxmem_kib = 5ull << 20;
	fake.free_pages = 4 << 20;
	assert_int_equal(builder_open(&b, NULL, &config, &err), 0);
	assert_int_equal(builder_create(b, &domid, &err), 0);
	/* The fake has only the lowest part: all that is written lies there. */
	assert_int_equal(builder_fill(b, NULL, NULL, &result, &err), 0);
	builder_close(b);
	assert_int_equal(fake.high_pages, (5ull << 18) - HOLE_START / 4096);
	assert_int_equal(fake.map[fake.n_map - 1].addr, HOLE_END);
}

static void wishes_reach_the_hypervisor(void **state)
{
	struct error err = { 0 };

	config.cpu_weight = 512;
	config.cap = 50;
	config.rtc_timeoffset = 3600;
	config.timer_mode = 2;
	config.init_seclabel = strdup("building");
	config.seclabel = strdup("life");
	config.affinity = calloc(1, sizeof(*config.affinity));
	config.n_affinity = 1;
	config.affinity[0].hard_kind = AFFINITY_SET;
	cpu_set_add(&config.affinity[0].hard, 3);
	config.pci = calloc(1, sizeof(*config.pci));
	config.n_pci = 1;
	config.pci[0] = (struct pci_config) { .bus = 2, .device = 3, .function = 1 };
	config.max_grant_version = 2;
	fake.grants_v2 = true;
	assert_int_equal(build(&err), 0);
	assert_guest();
	assert_int_equal(fake.sched.weight, 512);
	assert_int_equal(fake.sched.cap, 50);
	assert_int_equal(fake.offset, 3600);
	assert_int_equal(fake.params[HVM_PARAM_TIMER_MODE], 2);
	assert_int_equal(fake.create.ssidref, 11);
	assert_int_equal(fake.label, 12);
	assert_true(cpu_set_has(&fake.pinned[0], 3) && cpu_set_has(&fake.pinned[1], 3));
	assert_int_equal(fake.sbdf, 2 << 8 | 3 << 3 | 1);
	assert_true(fake.create.iommu);
	assert_int_equal(fake.create.grant_version, 2);
}

/* Each vCPU may have CPUs of its own; those without are left alone. */
static void vcpus_are_pinned_one_by_one(void **state)
{
	struct error err = { 0 };

	config.affinity = calloc(2, sizeof(*config.affinity));
	config.n_affinity = 2;
	config.affinity[1].hard_kind = config.affinity[1].soft_kind = AFFINITY_SET;
	cpu_set_add(&config.affinity[1].hard, 1);
	config.vcpus = config.maxvcpus = 3;
	assert_int_equal(build(&err), 0);
	assert_false(cpu_set_has(&fake.pinned[0], 1));
	assert_true(cpu_set_has(&fake.pinned[1], 1));
	assert_false(cpu_set_has(&fake.pinned[2], 1));
	/* Whose time is local. */
	config.localtime = true;
	fake.ports = 0;
	memset(fake.page_of, 0, sizeof(fake.page_of));
	setenv("TZ", "UTC-2", 1);
	assert_int_equal(build(&err), 0);
	unsetenv("TZ");
	assert_int_equal(fake.offset, 7200);
}

/* Each call of the hypervisor, and each access to the guest, is refused once: told, nothing is lost. */
static void every_refusal_is_told(void **state)
{
	struct error err = { 0 };
	unsigned int all, optional = 0;

	config.init_seclabel = strdup("building");
	config.seclabel = strdup("life");
	config.cpu_weight = 1;
	config.rtc_timeoffset = 1;
	config.timer_mode = 1;
	config.affinity = calloc(1, sizeof(*config.affinity));
	config.n_affinity = 1;
	config.affinity[0].soft_kind = AFFINITY_SET;
	config.pci = calloc(1, sizeof(*config.pci));
	config.n_pci = 1;
	assert_int_equal(build(&err), 0);
	all = fake.calls;
	assert_true(all > 40);
	for (unsigned int at = 1; at <= all; at++) {
		int rc;

		fake.calls = fake.ports = 0;
		fake.refuse_at = at;
		fake.refused = NULL;
		memset(fake.page_of, 0, sizeof(fake.page_of));
		err.text[0] = '\0';
		rc = build(&err);
		if (!fake.refused)
			continue; /* an extra call for what was refused before it */
		if (!rc) {
			/* Without 2 MiB pieces, a claim or rings that nobody uses it works as well. */
			assert_true(!strcmp(fake.refused, "populate") ||
				    !strcmp(fake.refused, "claim") ||
				    !strcmp(fake.refused, "param"));
			optional++;
			continue;
		}
		assert_int_equal(rc, -EPERM);
		assert_true(err.text[0]);
	}
	assert_true(optional < 10);
	fake.refuse_at = 0;
}

static void what_can_not_be_is_refused_before(void **state)
{
	struct error err = { 0 };
	char *kernel = config.kernel;

	config.kernel = NULL;
	assert_int_equal(build(&err), -EINVAL);
	config.kernel = "/no/such/kernel";
	assert_int_equal(build(&err), -ENOENT);
	config.kernel = "/dev/null";
	assert_int_equal(build(&err), -EINVAL);
	config.kernel = kernel;
	free(config.ramdisk);
	config.ramdisk = strdup("/dev");
	assert_int_equal(build(&err), -EINVAL);
	assert_non_null(strstr(err.text, "RAM disk"));
	free(config.ramdisk);
	config.ramdisk = NULL;
	fake.free_pages = 1000;
	assert_int_equal(build(&err), -ENOMEM);
	assert_non_null(strstr(err.text, "shut down another guest"));
	fake.free_pages = 1 << 20;
	fake.outstanding = 1 << 21; /* claimed by others */
	assert_int_equal(build(&err), -ENOMEM);
	fake.outstanding = 0;
	config.max_grant_version = 2;
	assert_int_equal(build(&err), -EOPNOTSUPP);
	config.max_grant_version = -1;
	config.shadow_kib = 8192;
	assert_int_equal(builder_overhead_kib(&config), 8192);
	assert_int_equal(build(&err), 0);
	assert_string_equal(strstr(fake.log, "create ") ? "created" : "not", "created");
}

static void unknown_labels_are_explained(void **state)
{
	struct error err = { 0 };

	config.seclabel = strdup("nonsense");
	assert_int_equal(build(&err), -EINVAL);
	assert_non_null(strstr(err.text, "guests can have building, life"));
	fake.labels = false;
	assert_int_equal(build(&err), -ENOSYS);
	assert_non_null(strstr(err.text, "no policy engine is loaded"));
}

/* A claim that can't be had ends it before memory is taken piece by piece. */
static void a_claim_that_fails_ends_it(void **state)
{
	struct error err = { 0 };

	assert_int_equal(build(&err), 0);
	for (fake.refuse_at = 1; strcmp(fake.refused ? fake.refused : "", "claim");
	     fake.refuse_at++) {
		fake.calls = fake.ports = 0;
		fake.error = ENOMEM;
		memset(fake.page_of, 0, sizeof(fake.page_of));
		build(&err);
		assert_true(fake.refuse_at < 50);
	}
	assert_non_null(strstr(err.text, "not enough free memory"));
	assert_int_equal(fake.page_of[0], 0);
}

/* A RAM disk that becomes shorter meanwhile. */
static void a_ramdisk_that_shrinks_is_an_error(void **state)
{
	struct error err = { 0 };
	struct builder_result result;
	struct builder *b;
	uint16_t domid = 0;

	assert_int_equal(builder_open(&b, NULL, &config, &err), 0);
	assert_int_equal(builder_create(b, &domid, &err), 0);
	assert_int_equal(ftruncate(ramdisk_fd, 1 << 20), 0);
	assert_int_equal(builder_fill(b, NULL, NULL, &result, &err), -EIO);
	builder_close(b);
}

static void a_dry_run_reads_the_whole_kernel(void **state)
{
	struct error err = { 0 };
	struct builder *b;

	assert_int_equal(builder_open(&b, NULL, &config, &err), 0);
	assert_int_equal(builder_check(b, &err), 0);
	builder_close(b);
	assert_null(strstr(fake.log, "create"));
	/* One that is cut short. */
	assert_int_equal(ftruncate(kernel_fd, (off_t)elf.size - 1), 0);
	assert_int_equal(builder_open(&b, NULL, &config, &err), 0);
	assert_int_equal(builder_check(b, &err), -EBADMSG);
	builder_close(b);
	builder_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_built),
		TEST(memory_comes_in_any_pieces),
		TEST(zeroes_are_not_written_twice),
		TEST(high_memory_goes_above_the_hole),
		TEST(wishes_reach_the_hypervisor),
		TEST(vcpus_are_pinned_one_by_one),
		TEST(every_refusal_is_told),
		TEST(what_can_not_be_is_refused_before),
		TEST(unknown_labels_are_explained),
		TEST(a_claim_that_fails_ends_it),
		TEST(a_ramdisk_that_shrinks_is_an_error),
		TEST(a_dry_run_reads_the_whole_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
