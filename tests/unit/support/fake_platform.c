/* SPDX-License-Identifier: BSD-2-Clause */
/* A platform in shared memory, for tests of the life cycle. */
#include "support/fake_platform.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/builder.h"
#include "xsclient/xsclient.h"

struct fake_platform *fake;

void fake_reset(void)
{
	if (!fake)
		fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	memset(fake, 0, sizeof(*fake));
	fake->domains[0].exists = true;
	fake->domains[0].info.total_pages = 65536;
	fake->domains[0].info.shutdown_reason = SHUTDOWN_REASON_NONE;
	fake->next_domid = 1;
}

/* In coverage builds: a process that ends in another way leaves no counts. */
void __gcov_dump(void) __attribute__((weak));

void life_test_exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

/* Counts; 0 or -EIO. */
static int step(void)
{
	fake->steps++;
	if (fake->steps == fake->hook_at)
		fake->hook();
	if (fake->steps == fake->kill_at) {
		fake->killed = true;
		if (__gcov_dump)
			__gcov_dump();
		syscall(SYS_exit_group, 9);
	}
	return fake->steps == fake->fail_at ? -EIO : 0;
}

static struct fake_domain *find(uint16_t domid)
{
	return domid < FAKE_DOMAINS_MAX && fake->domains[domid].exists ? &fake->domains[domid]
								       : NULL;
}

unsigned int fake_domains_left(void)
{
	unsigned int n = 0;

	for (int i = 1; i < FAKE_DOMAINS_MAX; i++)
		n += fake->domains[i].exists;
	return n;
}

void fake_guest_stops(uint16_t domid, enum shutdown_reason reason)
{
	fake->domains[domid].info.shutdown = true;
	fake->domains[domid].info.shutdown_reason = reason;
}

/* ---- Hypervisor ---- */

struct hyper {
	int unused;
};

int hyper_open(struct hyper **out)
{
	int rc = step();

	*out = NULL;
	if (rc)
		return rc;
	fake->session = getsid(0);
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void hyper_close(struct hyper *h)
{
	free(h);
}

int hyper_domain_info(struct hyper *h, uint16_t domid, struct domain_info *out)
{
	struct fake_domain *d = find(domid);
	int rc = step();

	if (rc)
		return rc;
	if (!d)
		return -ESRCH;
	*out = d->info;
	return 0;
}

int hyper_domain_list_all(struct hyper *h, struct domain_info **out)
{
	int n = 0, rc = step();

	*out = NULL;
	if (rc)
		return rc;
	*out = calloc(FAKE_DOMAINS_MAX, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (int i = 0; i < FAKE_DOMAINS_MAX; i++)
		if (fake->domains[i].exists)
			(*out)[n++] = fake->domains[i].info;
	return n;
}

int hyper_domain_pause(struct hyper *h, uint16_t domid)
{
	return step() ? -EIO : find(domid) ? 0 : -ESRCH;
}

int hyper_domain_unpause(struct hyper *h, uint16_t domid)
{
	int rc = step();

	if (rc)
		return rc;
	if (!find(domid))
		return -ESRCH;
	find(domid)->info.paused = false;
	return 0;
}

int hyper_domain_destroy(struct hyper *h, uint16_t domid)
{
	int rc = step();

	if (rc)
		return rc;
	if (!find(domid))
		return -ESRCH;
	memset(find(domid), 0, sizeof(struct fake_domain));
	return 0;
}

int hyper_domain_set_max_memory(struct hyper *h, uint16_t domid, uint64_t kib)
{
	int rc = step();

	if (!rc && find(domid))
		find(domid)->info.max_pages = kib / 4;
	return rc;
}

/* ---- Domain builder ---- */

struct builder {
	const struct domain_config *config;
	uint16_t domid;
};

int builder_open(struct builder **out, struct hyper *hyper, const struct domain_config *config,
		 struct error *err)
{
	int rc = step();

	*out = NULL;
	if (rc)
		return error_set(err, rc, "builder_open");
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return error_set(err, -ENOMEM, "builder_open");
	(*out)->config = config;
	return 0;
}

int builder_create(struct builder *b, uint16_t *domid, struct error *err)
{
	struct fake_domain *d;
	int rc = step();

	if (rc)
		return error_set(err, rc, "builder_create");
	*domid = fake->next_domid++;
	b->domid = *domid;
	d = &fake->domains[*domid];
	memset(d, 0, sizeof(*d));
	d->exists = true;
	d->info.domid = *domid;
	d->info.paused = true;
	d->info.shutdown_reason = SHUTDOWN_REASON_NONE;
	d->info.max_vcpu_id = b->config->maxvcpus - 1;
	d->info.total_pages = b->config->memory_kib / 4;
	memcpy(d->info.uuid, b->config->uuid, sizeof(d->info.uuid));
	/* The domain exists although the step after it fails. */
	rc = step();
	return rc ? error_set(err, rc, "builder_create, later") : 0;
}

int builder_fill(struct builder *b, builder_progress_fn progress, void *arg,
		 struct builder_result *result, struct error *err)
{
	int rc = step();

	if (rc)
		return error_set(err, rc, "builder_fill");
	if (progress)
		for (uint64_t done = 0; done <= 1; done++)
			progress(arg, "memory", done << 30, 1 << 30);
	find(b->domid)->filled = true;
	fake->builds++;
	*result = (struct builder_result) { 1, 2, 3, 4, 5, 6 };
	return 0;
}

int builder_check(struct builder *b, struct error *err)
{
	return 0;
}

void builder_close(struct builder *b)
{
	free(b);
}

/* ---- Store ---- */

struct xs_client {
	int unused;
};

static struct fake_node *node(const char *path)
{
	for (int i = 0; i < FAKE_NODES_MAX; i++)
		if (!strcmp(fake->nodes[i].path, path))
			return &fake->nodes[i];
	return NULL;
}

const char *fake_read(const char *path)
{
	struct fake_node *n = node(path);

	return n ? n->value : NULL;
}

unsigned int fake_nodes_left(void)
{
	unsigned int n = 0;

	for (int i = 0; i < FAKE_NODES_MAX; i++)
		n += fake->nodes[i].path[0] &&
		     strncmp(fake->nodes[i].path, "/local/domain/0/", 16) != 0 &&
		     strncmp(fake->nodes[i].path, "/local/pool/", 12) != 0;
	return n;
}

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

int xs_client_open(struct xs_client **client)
{
	int rc = step();

	*client = NULL;
	if (rc)
		return rc;
	*client = calloc(1, sizeof(**client));
	return *client ? 0 : -ENOMEM;
}

void xs_client_close(struct xs_client *client)
{
	free(client);
}

int xs_client_fd(const struct xs_client *client)
{
	return -1;
}

int xs_client_read(struct xs_client *client, xs_client_tx_t tx, const char *path, char **value,
		   size_t *len)
{
	struct fake_node *n = node(path);
	int rc = step();

	if (rc)
		return rc;
	if (!n)
		return -ENOENT;
	*value = strdup(n->value);
	if (len)
		*len = strlen(n->value);
	return *value ? 0 : -ENOMEM;
}

int xs_client_read_u64(struct xs_client *client, xs_client_tx_t tx, const char *path,
		       uint64_t *value)
{
	char *text;
	int rc = xs_client_read(client, tx, path, &text, NULL);

	if (rc)
		return rc;
	*value = strtoull(text, NULL, 10);
	free(text);
	return 0;
}

void fake_write(const char *path, const char *value)
{
	struct fake_node *n = node(path);

	if (!n)
		n = node("");
	snprintf(n->path, sizeof(n->path), "%s", path);
	snprintf(n->value, sizeof(n->value), "%s", value);
}

/* What domains do when their entries change. */
static void react(const char *path, const char *value)
{
	unsigned int domid;
	char entry[64];
	size_t len = strlen(path);

	/* A back end that is there takes devices up. */
	if (fake->obedient && strstr(path, "/backend/") && len > 6 &&
	    !strcmp(path + len - 6, "/state") && !strcmp(value, "1"))
		fake_write(path, "2");
	if (sscanf(path, "/local/domain/%u/%63s", &domid, entry) != 2 || domid >= FAKE_DOMAINS_MAX)
		return;
	if (fake->balloon && !domid && !strcmp(entry, "memory/target"))
		fake->domains[0].info.total_pages = strtoull(value, NULL, 10) / 4;
	if (fake->obedient && !fake->domains[domid].deaf && !strcmp(entry, "control/shutdown") &&
	    *value)
		fake_guest_stops((uint16_t)domid,
				 *value == 'r' ? SHUTDOWN_REASON_REBOOT : SHUTDOWN_REASON_POWEROFF);
}

int xs_client_write(struct xs_client *client, xs_client_tx_t tx, const char *path,
		    const void *value, size_t len)
{
	char text[sizeof(fake->nodes[0].value)];
	int rc = step();

	if (rc)
		return rc;
	if (path[0] != '/' || !path[1] || path[strlen(path) - 1] == '/')
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)value);
	fake_write(path, text);
	react(path, text);
	return 0;
}

int xs_client_mkdir(struct xs_client *client, xs_client_tx_t tx, const char *path)
{
	return node(path) ? 0 : xs_client_write(client, tx, path, "", 0);
}

int xs_client_rm(struct xs_client *client, xs_client_tx_t tx, const char *path)
{
	bool found = false;
	int rc = step();

	if (rc)
		return rc;
	for (int i = 0; i < FAKE_NODES_MAX; i++) {
		if (fake->nodes[i].path[0] && below(fake->nodes[i].path, path)) {
			fake->nodes[i].path[0] = '\0';
			found = true;
		}
	}
	return found ? 0 : -ENOENT;
}

int xs_client_directory(struct xs_client *client, xs_client_tx_t tx, const char *path,
			char ***names, size_t *count)
{
	size_t n = strlen(path);
	char *text;
	int rc = step();

	if (rc)
		return rc;
	*names = calloc(1, 64 * sizeof(char *) + 64 * 16);
	if (!*names)
		return -ENOMEM;
	text = (char *)(*names + 64);
	*count = 0;
	for (int i = 0; i < FAKE_NODES_MAX; i++) {
		const char *p = fake->nodes[i].path;
		char name[16];
		size_t j;

		if (!p[0] || !below(p, path) || !p[n])
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + n + 1, "/"), p + n + 1);
		for (j = 0; j < *count && strcmp((*names)[j], name); j++)
			;
		if (j == *count)
			(*names)[(*count)++] = strcpy(text + j * 16, name);
	}
	/* A folder without anything is none. */
	return *count || node(path) ? 0 : (free(*names), -ENOENT);
}

int xs_client_set_perms(struct xs_client *client, xs_client_tx_t tx, const char *path,
			const struct xs_client_perm *perms, size_t count)
{
	return step() ? -EIO : node(path) ? 0 : -ENOENT;
}

int xs_client_tx_run(struct xs_client *client,
		     int (*body)(struct xs_client *client, xs_client_tx_t tx, void *arg), void *arg)
{
	/*
	 * Changes are visible at once: a process killed on the way leaves more behind than on a
	 * real store.
	 */
	return body(client, 1, arg);
}

int xs_client_watch(struct xs_client *client, const char *path, const char *token)
{
	return step();
}

int xs_client_unwatch(struct xs_client *client, const char *path, const char *token)
{
	return 0;
}

int xs_client_next_event(struct xs_client *client, int timeout_ms, char **path, char **token)
{
	if (fake->store_broken)
		return -EIO;
	if (fake->store_gone) {
		fake->store_gone = false;
		return -EIO;
	}
	if (!fake->events)
		return -EAGAIN;
	fake->events--;
	*path = strdup("@releaseDomain");
	*token = NULL;
	return *path ? 0 : -ENOMEM;
}

int xs_client_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port)
{
	static const char *const says[] = { "poweroff", "reboot" };
	char path[64];
	int rc = step();

	if (rc)
		return rc;
	find(domid)->introduced = true;
	for (int i = 0; i < 2 && fake->obedient; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/control/feature-%s", domid, says[i]);
		fake_write(path, "1");
	}
	return 0;
}

int xs_client_release(struct xs_client *client, uint32_t domid)
{
	return step();
}

int xs_client_is_introduced(struct xs_client *client, uint32_t domid)
{
	return 0;
}
