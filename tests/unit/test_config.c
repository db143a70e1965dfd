/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ toolstack/5: configuration files. Each file of tests/config says in its first line what is
 * expected: values of the description ("good"), or the error message's part ("bad").
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/guest.h"
#include "support/fail_alloc.h"

static char expected[512];

/* Parses one file; what its first line expects goes to `expected`. */
static int parse(const char *path, struct domain_config *config, struct error *err)
{
	struct cfg cfg;
	FILE *f = fopen(path, "r");
	int rc;

	assert_non_null(f);
	assert_non_null(fgets(expected, sizeof(expected), f));
	fclose(f);
	expected[strcspn(expected, "\n")] = '\0';
	assert_int_equal(strncmp(expected, "# expect: ", 10), 0);
	memmove(expected, expected + 10, strlen(expected + 10) + 1);
	assert_int_equal(cfg_init(&cfg, path), 0);
	rc = cfg_parse_file(&cfg, path, err);
	if (!rc)
		rc = guest_config(&cfg, config, err);
	cfg_free(&cfg);
	return rc;
}

/* NAME=VALUE, VALUE as in JSON but for strings without blanks, which need no quotes. */
static void check_value(struct json_object *all, const char *name, const char *value)
{
	struct json_object *got;
	char text[256];

	assert_true(json_object_object_get_ex(all, name, &got));
	if (!strcmp(name, "n_affinity"))
		snprintf(text, sizeof(text), "%zu", json_object_array_length(got));
	else
		snprintf(text, sizeof(text), "%s", json_object_get_string(got));
	assert_string_equal(text, value);
}

static void check_good(const char *path)
{
	struct domain_config config;
	struct error err = { 0 };
	struct json_object *all;
	char *json, *at = expected;
	int rc = parse(path, &config, &err);

	if (rc)
		fail_msg("%s: %s", path, err.text);
	assert_int_equal(domain_config_to_json(&config, &json), 0);
	all = json_tokener_parse(json);
	assert_non_null(all);
	while (*at) {
		char name[64], value[256];
		int n = 0;

		if (sscanf(at, " %63[^=]=\"%255[^\"]\"%n", name, value, &n) < 2 || !n)
			assert_int_equal(sscanf(at, " %63[^=]=%255[^ ]%n", name, value, &n), 2);
		if (!strcmp(name, "n_affinity"))
			assert_int_equal(config.n_affinity, atoi(value));
		else
			check_value(all, name, value);
		at += n;
	}
	json_object_put(all);
	free(json);
	domain_config_free(&config);
}

static void check_bad(const char *path)
{
	struct domain_config config;
	struct error err = { 0 };

	assert_int_not_equal(parse(path, &config, &err), 0);
	if (!strstr(err.text, expected))
		fail_msg("%s: '%s' is not in '%s'", path, expected, err.text);
	if (!strstr(err.text, path))
		fail_msg("%s: '%s' does not name the file", path, err.text);
}

static void each_file(const char *folder, void (*check)(const char *path))
{
	char path[512];
	struct dirent *e;
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", CONFIG_CORPUS, folder);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", CONFIG_CORPUS, folder, e->d_name);
		check(path);
		n++;
	}
	closedir(d);
	assert_true(n >= 3);
}

static void good_files(void **state)
{
	(void)state;
	each_file("good", check_good);
}

static void bad_files(void **state)
{
	(void)state;
	each_file("bad", check_bad);
}

/* Whichever allocation fails: an error, and nothing leaks (the sanitizer would tell). */
static void check_memory(const char *path)
{
	struct domain_config config;
	unsigned int n = 0;
	struct cfg cfg;
	bool reached = true;

	while (reached) {
		struct error err = { 0 };
		int rc;

		fail_alloc_at(++n);
		rc = cfg_init(&cfg, path);
		if (!rc)
			rc = cfg_parse_file(&cfg, path, &err);
		if (!rc)
			rc = guest_config(&cfg, &config, &err);
		reached = fail_alloc_count() >= n;
		fail_alloc_at(0);
		cfg_free(&cfg);
		if (!rc)
			domain_config_free(&config);
		/* Only where less memory will do it goes on. */
		else if (!reached)
			fail_msg("%s: %s", path, err.text);
	}
	assert_true(n > 10);
}

static void memory_runs_out(void **state)
{
	(void)state;
	each_file("good", check_memory);
}

static void limits_hold(void **state)
{
	static char text[CFG_TEXT_MAX + 1];
	struct error err = { 0 };
	struct cfg cfg;
	size_t n = 0;

	(void)state;
	assert_int_equal(cfg_init(&cfg, "limits"), 0);
	memset(text, ' ', sizeof(text));
	assert_int_equal(cfg_parse(&cfg, text, sizeof(text), &err), -EINVAL);
	assert_non_null(strstr(err.text, "limits:1: longer than"));
	assert_int_equal(cfg_parse(&cfg, "a = \"x\0y\"", 9, &err), -EINVAL);
	assert_non_null(strstr(err.text, "zero byte"));
	n = (size_t)sprintf(text, "a = [");
	for (int i = 0; i < 1025; i++)
		n += (size_t)sprintf(text + n, "1,");
	assert_int_equal(cfg_parse(&cfg, text, n, &err), -EINVAL);
	assert_non_null(strstr(err.text, "items"));
	assert_int_equal(cfg_parse_file(&cfg, "/nonexistent", &err), -ENOENT);
	assert_int_equal(cfg_parse_file(&cfg, "/", &err), -EIO);
	assert_int_equal(cfg_parse(&cfg, "b = [1]; b += []\n;;b += [2]", 27, &err), 0);
	assert_int_equal(cfg_get(&cfg, "b")->n_items, 2);
	cfg_free(&cfg);
}

static void disk_syntaxes(void **state)
{
	static const struct {
		const char *text, *target, *vdev;
		enum disk_format format;
		enum disk_backend backend;
		bool readwrite, cdrom;
	} good[] = {
		{ "file:/var/lib/xen/images/domu1.img,hda,w", "/var/lib/xen/images/domu1.img",
		  "hda", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN, true, false },
		{ "phy:/dev/vg/guest,xvda,r", "/dev/vg/guest", "xvda", DISK_FORMAT_RAW,
		  DISK_BACKEND_PHY, false, false },
		{ "/dev/vg/x, raw, xvda, rw", "/dev/vg/x", "xvda", DISK_FORMAT_RAW,
		  DISK_BACKEND_UNKNOWN, true, false },
		{ "/x,,xvda", "/x", "xvda", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN, true, false },
		{ "format=qcow2, vdev=xvdb, access=ro, target=/a,b=c", "/a,b=c", "xvdb",
		  DISK_FORMAT_QCOW2, DISK_BACKEND_UNKNOWN, false, false },
		{ "tap:qcow2:/x,sda1,w", "/x", "sda1", DISK_FORMAT_QCOW2, DISK_BACKEND_UNKNOWN,
		  true, false },
		{ "/x.iso,,hdc:cdrom", "/x.iso", "hdc", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN,
		  false, true },
		{ "vdev=hdc,cdrom", NULL, "hdc", DISK_FORMAT_EMPTY, DISK_BACKEND_UNKNOWN, true,
		  true },
		{ "raw:/x=y , sda , r", "/x=y", "sda", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN, false,
		  false },
		{ "vhd:/x,xvda,w,discard,direct-io-safe", "/x", "xvda", DISK_FORMAT_VHD,
		  DISK_BACKEND_UNKNOWN, true, false },
		{ "/x,qed,xvda,r,no-discard,devtype=disk", "/x", "xvda", DISK_FORMAT_QED,
		  DISK_BACKEND_UNKNOWN, false, false },
		{ "backendtype=qdisk,backend=stor,script=s,vdev=xvda,target=/x", "/x", "xvda",
		  DISK_FORMAT_RAW, DISK_BACKEND_QDISK, true, false },
	};
	static const char *const bad[] = { "",
					   "/x",
					   "/x,raw,xvda,rw,more",
					   "/x,raw,xvda,maybe",
					   "nonsense=1,vdev=xvda,target=/x",
					   "backendtype=x,vdev=a,target=/x",
					   "devtype=tape,vdev=a,target=/x",
					   "format=x,vdev=a,target=/x",
					   "vdev=xvda",
					   "target=/x" };
	struct error err;

	(void)state;
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct disk_config d;

		err = (struct error) { 0 };
		if (disk_spec_parse(good[i].text, &d, &err))
			fail_msg("%s: %s", good[i].text, err.text);
		if (good[i].target)
			assert_string_equal(d.target, good[i].target);
		else
			assert_null(d.target);
		assert_string_equal(d.vdev, good[i].vdev);
		assert_int_equal(d.format, good[i].format);
		assert_int_equal(d.backend, good[i].backend);
		assert_int_equal(d.readwrite, good[i].readwrite);
		assert_int_equal(d.cdrom, good[i].cdrom);
		free(d.target);
		free(d.vdev);
		free(d.script);
		free(d.backend_domain);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct disk_config d;

		err = (struct error) { 0 };
		assert_int_equal(disk_spec_parse(bad[i], &d, &err), -EINVAL);
		assert_true(err.text[0]);
		free(d.target);
		free(d.vdev);
	}
}

static void vif_and_pci(void **state)
{
	struct error err = { 0 };
	struct vif_config vif;
	struct pci_config pci;

	(void)state;
	assert_int_equal(
		vif_spec_parse(
			"mac=00:16:3e:01:02:03, bridge=xenbr0,type=ioemu,rate=10Mb/s@20ms,mtu=1400",
			&vif, &err),
		0);
	assert_true(vif.mac_given && vif.mac[5] == 3);
	assert_string_equal(vif.bridge, "xenbr0");
	assert_int_equal(vif.type, VIF_MODEL_IOEMU);
	assert_int_equal(vif.rate_bytes, 25000);
	assert_int_equal(vif.rate_interval_us, 20000);
	assert_int_equal(vif.mtu, 1400);
	free(vif.bridge);
	assert_int_equal(vif_spec_parse("", &vif, &err), 0);
	assert_true(vif.trusted);
	assert_int_equal(vif_spec_parse("mtu=5", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("rate=fast", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("bridge", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("colour=red", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("type=tap", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("mtu=99999", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("mac=00:16:3e:01:02", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("rate=10Mb/s@9s", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("rate=10Mx/s", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("rate=0Kb/s", &vif, &err), -EINVAL);
	assert_int_equal(vif_spec_parse("trusted=no,rate=1GB/s@1s,type=vif", &vif, &err), 0);
	assert_true(!vif.trusted && vif.rate_bytes == 1000000000);
	assert_int_equal(vif_spec_parse("rate=8Kb/s@500us", &vif, &err), 0);
	assert_int_equal(vif.rate_interval_us, 500);

	assert_int_equal(pci_spec_parse("0000:03:1f.7@5,permissive=1,seize=0", &pci, &err), 0);
	assert_true(pci.bus == 3 && pci.device == 0x1f && pci.function == 7 && pci.vslot == 5);
	assert_true(pci.permissive && !pci.seize);
	assert_int_equal(pci_spec_parse("04:00.*", &pci, &err), 0);
	assert_true(pci.all_functions && pci.vslot == -1);
	assert_int_equal(
		pci_spec_parse("bdf=04:00.0,name=n,rdm_policy=relaxed,power_mgmt=1", &pci, &err),
		0);
	assert_true(pci.rdm_relaxed && pci.power_mgmt);
	free(pci.name);
	assert_int_equal(pci_spec_parse("04:00.0,quiet", &pci, &err), -EINVAL);
	assert_int_equal(pci_spec_parse("04:20.0", &pci, &err), -EINVAL);
	assert_int_equal(pci_spec_parse("04:00.8", &pci, &err), -EINVAL);
	assert_int_equal(pci_spec_parse("04:00.0,what=1", &pci, &err), -EINVAL);
}

static void cpu_lists(void **state)
{
	struct cpu_set set;
	bool all;

	(void)state;
	assert_int_equal(cpu_list_parse("0-3,^2, 9", &set, &all), 0);
	assert_int_equal(set.bits[0], 0x20b);
	assert_false(all);
	assert_int_equal(cpu_list_parse("all", &set, &all), 0);
	assert_true(all && cpu_set_has(&set, CPU_SET_MAX - 1));
	assert_int_equal(cpu_list_parse("all,^0", &set, &all), 0);
	assert_false(all || cpu_set_has(&set, 0));
	assert_int_equal(cpu_list_parse("1024", &set, &all), -EINVAL);
	assert_int_equal(cpu_list_parse("x", &set, &all), -EINVAL);
	assert_int_equal(cpu_list_parse("1-", &set, &all), -EINVAL);
	assert_int_equal(cpu_list_parse("none,3", &set, &all), 0);
	assert_int_equal(set.bits[0], 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files),	 cmocka_unit_test(bad_files),
		cmocka_unit_test(disk_syntaxes), cmocka_unit_test(vif_and_pci),
		cmocka_unit_test(cpu_lists),	 cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
