/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin of the emulator: counts how often each instruction runs, for tests/bench/profile.py.
 * Arguments: mark=ADDRESS (each run of it starts a new period), out=FILE. Writes one line for each
 * instruction and period: `period address count`. The interface is that of qemu/qemu-plugin.h.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIODS 24
#define EXPORT	__attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data), int flags,
					    void *data);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

EXPORT int qemu_plugin_version = 1;

/* One instruction of a translated block; the same address may have several. */
struct site {
	struct site *next;
	uint64_t address, count[PERIODS];
};

static struct site *sites;
static unsigned int period;
static uint64_t mark;
static const char *out = "profile.txt";

static void executed(unsigned int vcpu, void *data)
{
	struct site *site = data;

	(void)vcpu;
	if (site->address == mark && period < PERIODS - 1)
		period++;
	site->count[period]++;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct site *site = calloc(1, sizeof(*site));

		if (!site)
			abort();
		site->address = qemu_plugin_insn_vaddr(insn);
		site->next = sites;
		sites = site;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, 0, site);
	}
}

static void finish(plugin_id id, void *data)
{
	FILE *file = fopen(out, "w");

	(void)id;
	(void)data;
	if (!file)
		return;
	for (const struct site *site = sites; site; site = site->next)
		for (unsigned int i = 0; i < PERIODS; i++)
			if (site->count[i])
				fprintf(file, "%u %" PRIx64 " %" PRIu64 "\n", i, site->address,
					site->count[i]);
	fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "mark=", 5))
			mark = strtoull(argv[i] + 5, NULL, 16);
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
