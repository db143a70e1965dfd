/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of guests: defaults, checks, copies, JSON. REQ toolstack/config: "honoured or
 * refused by name".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "life/config.h"
#include "life/life.h"

/* A description with something in every list. */
static void fill(struct domain_config *c)
{
	domain_config_init(c);
	c->name = strdup("domu1");
	assert_int_equal(domain_uuid_parse("01234567-89ab-cdef-0123-456789ABCDEF", c->uuid), 0);
	c->uuid_given = true;
	c->memory_kib = 1024 * 1024;
	c->vcpus = 2;
	c->maxvcpus = 4;
	c->kernel = strdup("/boot/vmlinuz");
	c->cmdline = strdup("root=/dev/xvda \"quoted\" \\ ümläut");
	c->on_crash = ACTION_PRESERVE;
	c->tsc_mode = TSC_MODE_NATIVE;
	c->rtc_timeoffset = -3600;
	c->n_affinity = 2;
	c->affinity = calloc(2, sizeof(*c->affinity));
	c->affinity[1].hard_kind = AFFINITY_SET;
	cpu_set_add(&c->affinity[1].hard, 0);
	cpu_set_add(&c->affinity[1].hard, 1023);
	c->n_disks = 1;
	c->disks = calloc(1, sizeof(*c->disks));
	c->disks[0].target = strdup("/dev/vg/one");
	c->disks[0].vdev = strdup("xvda");
	c->disks[0].backend_domain = strdup("stordom");
	c->disks[0].readwrite = true;
	c->n_vifs = 1;
	c->vifs = calloc(1, sizeof(*c->vifs));
	memcpy(c->vifs[0].mac, "\x00\x16\x3e\x01\x02\xff", 6);
	c->vifs[0].mac_given = true;
	c->vifs[0].backend_domain = strdup("netdom");
	c->vifs[0].rate_bytes = 1ull << 40;
	c->n_pci = 1;
	c->pci = calloc(1, sizeof(*c->pci));
	c->pci[0].bus = 3;
	c->pci[0].vslot = -1;
	c->n_depends = 2;
	c->depends = calloc(2, sizeof(*c->depends));
	c->depends[0] = strdup("netdom");
	c->depends[1] = strdup("stordom");
}

static void json_round_trip_is_exact(void **state)
{
	struct domain_config a, b;
	struct error err = { 0 };
	char *first, *second;

	fill(&a);
	assert_int_equal(domain_config_to_json(&a, &first), 0);
	assert_int_equal(domain_config_from_json(&b, first, &err), 0);
	assert_int_equal(domain_config_to_json(&b, &second), 0);
	assert_string_equal(first, second);
	assert_string_equal(b.cmdline, a.cmdline);
	assert_memory_equal(b.uuid, a.uuid, 16);
	assert_int_equal(b.rtc_timeoffset, -3600);
	assert_true(cpu_set_has(&b.affinity[1].hard, 1023));
	assert_memory_equal(b.vifs[0].mac, a.vifs[0].mac, 6);
	assert_int_equal(b.vifs[0].rate_bytes, 1ull << 40);
	assert_int_equal(b.pci[0].vslot, -1);
	assert_string_equal(b.depends[1], "stordom");
	assert_int_equal(b.on_crash, ACTION_PRESERVE);
	free(first);
	free(second);
	domain_config_free(&a);
	domain_config_free(&b);
}

static void copies_share_nothing(void **state)
{
	struct domain_config a, b;

	fill(&a);
	assert_int_equal(domain_config_copy(&b, &a), 0);
	assert_ptr_not_equal(a.name, b.name);
	assert_ptr_not_equal(a.disks[0].vdev, b.disks[0].vdev);
	domain_config_free(&a);
	assert_string_equal(b.name, "domu1");
	domain_config_free(&b);
	assert_null(b.disks);
	assert_int_equal(b.n_disks, 0);
}

static void bad_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"name\": 3}",
		"{\"vcpus\": -1}",
		"{\"vcpus\": 4294967296}",
		"{\"vcpus\": \"2\"}",
		"{\"memory_kib\": -5}",
		"{\"type\": \"vm\"}",
		"{\"type\": 0}",
		"{\"uuid\": \"1234\"}",
		"{\"hap\": 1}",
		"{\"disks\": {}}",
		"{\"disks\": [3]}",
		"{\"disks\": [{\"vdev\": \"a\"}, {\"readwrite\": \"yes\"}]}",
		"{\"vifs\": [{\"mac\": \"00:16:3e:00:00\"}]}",
		"{\"vifs\": [{\"mac\": \"00:16:3e:00:00:00:00\"}]}",
		"{\"nodes\": [1024]}",
		"{\"nodes\": [-1]}",
		"{\"depends\": [\"a\", 3]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct domain_config c;
		struct error err = { 0 };

		assert_int_equal(domain_config_from_json(&c, bad[i], &err), -EINVAL);
		assert_true(err.text[0]);
	}
}

static void drop_pci(struct domain_config *c)
{
	free(c->pci);
	c->pci = NULL;
	c->n_pci = 0;
}

static void good_descriptions_pass(void **state)
{
	struct domain_config c;
	struct error err = { 0 };

	fill(&c);
	drop_pci(&c);
	c.maxvcpus = 0;
	assert_int_equal(domain_config_check(&c, &err), 0);
	assert_int_equal(c.maxvcpus, 2);
	assert_int_equal(c.maxmem_kib, c.memory_kib);
	domain_config_free(&c);
}

#define REFUSED(code, word, change)                                    \
	do {                                                           \
		struct domain_config c;                                \
		struct error err = { 0 };                              \
		fill(&c);                                              \
		drop_pci(&c);                                          \
		change;                                                \
		assert_int_equal(domain_config_check(&c, &err), code); \
		assert_non_null(strstr(err.text, word));               \
		domain_config_free(&c);                                \
	} while (0)

static void bad_descriptions_are_refused_by_name(void **state)
{
	REFUSED(-EINVAL, "name=", (free(c.name), c.name = NULL));
	REFUSED(-EINVAL, "name=", strcpy(c.name, "a/b"));
	REFUSED(-EINVAL, "name=", strcpy(c.name, "1234"));
	REFUSED(-EINVAL, "kernel=", (free(c.kernel), c.kernel = NULL));
	REFUSED(-EINVAL, "memory=", c.memory_kib = 1024);
	REFUSED(-EINVAL, "memory=", c.memory_kib = DOMAIN_MEMORY_MAX + 1);
	REFUSED(-EINVAL, "maxmem=", c.maxmem_kib = c.memory_kib - 1);
	REFUSED(-EINVAL, "vcpus=", c.vcpus = 0);
	REFUSED(-EINVAL, "vcpus=", c.vcpus = 5);
	REFUSED(-EINVAL, "vcpus=", c.maxvcpus = 129);
	REFUSED(-EINVAL, "cpu_weight=", c.cpu_weight = 65536);
	REFUSED(-EINVAL, "cap=", c.cap = 401);
	REFUSED(-EINVAL, "event_channels=", c.max_event_channels = 30);
	REFUSED(-EINVAL, "max_grant_version=", c.max_grant_version = 3);
	REFUSED(-EOPNOTSUPP, "type=", c.type = DOMAIN_TYPE_HVM);
	REFUSED(-EOPNOTSUPP, "type=", c.type = DOMAIN_TYPE_PV);
	REFUSED(-EOPNOTSUPP, "bootloader=", c.bootloader = strdup("pygrub"));
	REFUSED(-EOPNOTSUPP, "nestedhvm", c.nested_hvm = true);
	REFUSED(-EOPNOTSUPP, "hap=", c.hap = false);
	REFUSED(-EOPNOTSUPP, "cpuid=", c.cpuid = strdup("host"));
	REFUSED(-EOPNOTSUPP,
		"backend=", (free(c.disks[0].backend_domain), c.disks[0].backend_domain = NULL));
	REFUSED(-EOPNOTSUPP,
		"backend=", (free(c.vifs[0].backend_domain), c.vifs[0].backend_domain = NULL));
}

static void pci_devices_are_refused(void **state)
{
	struct domain_config c;
	struct error err = { 0 };

	fill(&c);
	assert_int_equal(domain_config_check(&c, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "pci"));
	domain_config_free(&c);
}

static void names_have_rules(void **state)
{
	char longest[DOMAIN_NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[DOMAIN_NAME_MAX] = '\0';
	assert_true(life_name_valid(longest));
	longest[DOMAIN_NAME_MAX] = 'x';
	longest[DOMAIN_NAME_MAX + 1] = '\0';
	assert_false(life_name_valid(longest));
	assert_true(life_name_valid("a-b_c.d:e+1"));
	assert_false(life_name_valid(""));
	assert_false(life_name_valid("12"));
	assert_false(life_name_valid("a b"));
	assert_false(life_name_valid("a\n"));
}

static void uuids_are_parsed_and_made(void **state)
{
	uint8_t a[16], b[16];
	char text[37];

	assert_int_equal(domain_uuid_generate(a), 0);
	domain_uuid_format(a, text);
	assert_int_equal(text[14], '4'); /* version */
	assert_int_equal(domain_uuid_parse(text, b), 0);
	assert_memory_equal(a, b, 16);
	assert_int_equal(domain_uuid_parse("01234567-89ab-cdef-0123-456789abcde", b), -EINVAL);
	assert_int_equal(domain_uuid_parse("01234567x89ab-cdef-0123-456789abcdef", b), -EINVAL);
	assert_int_equal(domain_uuid_parse("g1234567-89ab-cdef-0123-456789abcdef", b), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_round_trip_is_exact),
		cmocka_unit_test(copies_share_nothing),
		cmocka_unit_test(bad_json_is_refused),
		cmocka_unit_test(good_descriptions_pass),
		cmocka_unit_test(bad_descriptions_are_refused_by_name),
		cmocka_unit_test(pci_devices_are_refused),
		cmocka_unit_test(names_have_rules),
		cmocka_unit_test(uuids_are_parsed_and_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
