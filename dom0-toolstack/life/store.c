/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain's entries in the store. Names and permissions are those that guests and stock tools
 * expect.
 */
#include "life/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONSOLE_LIMIT 1048576 /* bytes that the console daemon buffers */

void store_path(char path[STORE_PATH_MAX], uint16_t domid, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(path, STORE_PATH_MAX, "/local/domain/%u/", domid);

	va_start(args, fmt);
	vsnprintf(path + n, STORE_PATH_MAX - n, fmt, args);
	va_end(args);
	/* Without a node: the folder itself, and no path ends with a slash. */
	if (!path[n])
		path[n - 1] = '\0';
}

char *store_read(struct life *life, uint16_t domid, const char *node)
{
	char path[STORE_PATH_MAX], *value;

	store_path(path, domid, "%s", node);
	if (!life->store || xs_client_read(life->store, XS_CLIENT_NO_TX, path, &value, NULL))
		return NULL;
	return value;
}

int store_write(struct life *life, uint16_t domid, const char *node, const char *fmt, ...)
{
	char path[STORE_PATH_MAX], value[STORE_PATH_MAX];
	va_list args;

	if (!life->store)
		return -ENODEV;
	store_path(path, domid, "%s", node);
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return xs_client_write(life->store, XS_CLIENT_NO_TX, path, value, strlen(value));
}

/* One transaction's work: collects the first error, so that the body reads as a list. */
struct batch {
	struct xs_client *client;
	xs_client_tx_t tx;
	const struct domain_config *config;
	const struct store_rings *rings;
	uint16_t domid;
	int rc;
};

static void put(struct batch *b, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put_at(struct batch *b, const char *path, const char *value)
{
	if (!b->rc)
		b->rc = xs_client_write(b->client, b->tx, path, value, strlen(value));
}

static void put(struct batch *b, const char *node, const char *fmt, ...)
{
	char path[STORE_PATH_MAX], value[STORE_PATH_MAX];
	va_list args;

	store_path(path, b->domid, "%s", node);
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	put_at(b, path, value);
}

/* A folder or node that is Dom0's and that the guest may read, */
static void readable(struct batch *b, const char *path)
{
	struct xs_client_perm perms[] = { { 0, XS_CLIENT_NONE }, { b->domid, XS_CLIENT_READ } };

	if (!b->rc)
		b->rc = xs_client_mkdir(b->client, b->tx, path);
	if (!b->rc)
		b->rc = xs_client_set_perms(b->client, b->tx, path, perms, 2);
}

/* or that is the guest's own. */
static void own(struct batch *b, const char *node)
{
	struct xs_client_perm perm = { b->domid, XS_CLIENT_NONE };
	char path[STORE_PATH_MAX];

	store_path(path, b->domid, "%s", node);
	if (!b->rc)
		b->rc = xs_client_mkdir(b->client, b->tx, path);
	if (!b->rc)
		b->rc = xs_client_set_perms(b->client, b->tx, path, &perm, 1);
}

static void put_vm(struct batch *b)
{
	const struct domain_config *c = b->config;
	char uuid[37], path[STORE_PATH_MAX], node[STORE_PATH_MAX + 16], now[32];

	domain_uuid_format(c->uuid, uuid);
	snprintf(path, sizeof(path), "/vm/%s", uuid);
	readable(b, path);
	put(b, "vm", "%s", path);
	snprintf(node, sizeof(node), "%s/name", path);
	put_at(b, node, c->name);
	snprintf(node, sizeof(node), "%s/uuid", path);
	put_at(b, node, uuid);
	snprintf(node, sizeof(node), "%s/start_time", path);
	snprintf(now, sizeof(now), "%lld.00", (long long)time(NULL));
	put_at(b, node, now);
	/* Where the stock tools look for a domain's type. */
	snprintf(node, sizeof(node), "/libxl/%u/type", b->domid);
	put_at(b, node, domain_type_name(c->type));
}

static int add_domain(struct xs_client *client, xs_client_tx_t tx, void *arg)
{
	static const char *const guest_owned[] = {
		"data",
		"drivers",
		"feature",
		"attr",
		"error",
		"control/shutdown",
		"control/feature-poweroff",
		"control/feature-reboot",
		"control/feature-suspend",
		"control/sysrq",
		"device/suspend/event-channel",
	};
	struct batch *b = arg;
	const struct domain_config *c = b->config;
	char path[STORE_PATH_MAX];

	b->client = client;
	b->tx = tx;
	b->rc = 0;
	store_path(path, b->domid, "%s", "");
	readable(b, path);
	put_vm(b);
	put(b, "name", "%s", c->name);
	put(b, "domid", "%u", b->domid);
	for (uint32_t i = 0; i < c->maxvcpus; i++) {
		char node[64];

		snprintf(node, sizeof(node), "cpu/%u/availability", i);
		put(b, node, "%s", i < c->vcpus ? "online" : "offline");
	}
	/*
	 * The guest reckons its balloon from what it was built with, not from what it might grow
	 * to.
	 */
	put(b, "memory/static-max", "%llu", (unsigned long long)c->memory_kib);
	put(b, "memory/target", "%llu", (unsigned long long)c->memory_kib);
	put(b, "memory/videoram", "-1");
	put(b, "control/platform-feature-multiprocessor-suspend", "1");
	put(b, "control/platform-feature-xs_reset_watches", "1");
	store_path(path, b->domid, "device");
	readable(b, path);
	for (size_t i = 0; i < sizeof(guest_owned) / sizeof(guest_owned[0]); i++)
		own(b, guest_owned[i]);
	return b->rc;
}

int store_add_domain(struct life *life, const struct domain_config *config, uint16_t domid,
		     struct error *err)
{
	struct batch b = { .config = config, .domid = domid };
	char *left = store_read(life, domid, "domid");
	int rc;

	/* What a former domain of this id may have left. */
	rc = left ? store_remove_domain(life, domid, NULL) : 0;
	free(left);
	if (rc)
		return error_errno(err, rc, "cannot remove what a former domain %u left", domid);
	rc = xs_client_tx_run(life->store, add_domain, &b);
	return rc < 0 ? error_errno(err, rc, "cannot write the domain's store entries") : 0;
}

static int add_rings(struct xs_client *client, xs_client_tx_t tx, void *arg)
{
	struct batch *b = arg;
	char path[STORE_PATH_MAX];

	b->client = client;
	b->tx = tx;
	b->rc = 0;
	put(b, "store/port", "%u", b->rings->store_port);
	put(b, "store/ring-ref", "%llu", (unsigned long long)b->rings->store_gfn);
	store_path(path, b->domid, "console");
	readable(b, path);
	put(b, "console/backend", "/local/domain/0/backend/console/%u/0", b->domid);
	put(b, "console/backend-id", "0");
	put(b, "console/limit", "%d", CONSOLE_LIMIT);
	put(b, "console/type", "xenconsoled");
	put(b, "console/output", "pty");
	put(b, "console/tty", "%s", "");
	put(b, "console/port", "%u", b->rings->console_port);
	put(b, "console/ring-ref", "%llu", (unsigned long long)b->rings->console_gfn);
	return b->rc;
}

int store_add_rings(struct life *life, uint16_t domid, const struct store_rings *rings,
		    struct error *err)
{
	struct batch b = { .rings = rings, .domid = domid };
	int rc = xs_client_tx_run(life->store, add_rings, &b);

	if (rc < 0)
		return error_errno(err, rc, "cannot write the domain's store entries");
	rc = xs_client_introduce(life->store, domid, rings->store_gfn, rings->store_port);
	return rc < 0 ? error_errno(err, rc, "the store does not take the domain") : 0;
}

/* Removes a folder; one that is not there is removed already. */
static int remove_path(struct life *life, const char *path)
{
	int rc = xs_client_rm(life->store, XS_CLIENT_NO_TX, path);

	return rc == -ENOENT ? 0 : rc;
}

int store_remove_domain(struct life *life, uint16_t domid, const uint8_t *uuid)
{
	char path[STORE_PATH_MAX], text[37];
	int rc;

	if (!life->store || !domid)
		return 0;
	rc = devices_remove(life, domid);
	/* What is known of the UUID goes before the folder that leads to it. */
	if (!rc && uuid) {
		domain_uuid_format(uuid, text);
		snprintf(path, sizeof(path), "/vm/%s", text);
		rc = remove_path(life, path);
	}
	if (!rc) {
		snprintf(path, sizeof(path), "/libxl/%u", domid);
		rc = remove_path(life, path);
	}
	if (!rc) {
		store_path(path, domid, "%s", "");
		rc = remove_path(life, path);
	}
	return rc;
}

int store_domains(struct life *life, uint8_t *set)
{
	char **names;
	size_t count;
	int rc;

	memset(set, 0, DOMID_PATHS / 8);
	rc = xs_client_directory(life->store, XS_CLIENT_NO_TX, "/local/domain", &names, &count);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	for (size_t i = 0; i < count; i++) {
		char *end;
		unsigned long id = strtoul(names[i], &end, 10);

		if (!*end && id < DOMID_PATHS)
			set[id / 8] |= 1u << (id % 8);
	}
	free(names);
	return 0;
}
