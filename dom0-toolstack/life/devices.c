/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual disks and network interfaces: the store entries by which a guest's front end and another
 * domain's back end find each other (xen/io/blkif.h, xen/io/netif.h).
 */
#include "life/internal.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* States of xen/io/xenbus.h. */
#define STATE_INITIALISING 1
#define STATE_INIT_WAIT	   2

#define BACKEND_WAIT_MS	   30000

/* One device's two folders. */
struct device {
	struct xs_client *client;
	xs_client_tx_t tx;
	const struct domain_config *config;
	const char *kind; /* "vbd", "vif" */
	uint32_t index;	  /* in the description's list */
	uint32_t number;  /* in the store */
	uint16_t domid, backend;
	char front[STORE_PATH_MAX], back[STORE_PATH_MAX];
	int rc;
};

static const struct {
	const char *prefix;
	unsigned int major[2], disks_per_major, minors;
} old_disks[] = {
	{ "hd", { 3, 22 }, 2, 64 },
	{ "sd", { 8, 8 }, 16, 16 },
};

int devices_disk_number(const char *vdev)
{
	unsigned int disk, part = 0;
	const char *p;
	char *end;

	if (!strncmp(vdev, "xvd", 3))
		p = vdev + 3;
	else if (!strncmp(vdev, "hd", 2) || !strncmp(vdev, "sd", 2))
		p = vdev + 2;
	else
		return -EINVAL;
	if (!islower((unsigned char)*p))
		return -EINVAL;
	disk = *p++ - 'a';
	if (islower((unsigned char)*p))
		disk = (disk + 1) * 26 + (*p++ - 'a');
	if (*p) {
		part = strtoul(p, &end, 10);
		if (!isdigit((unsigned char)*p) || *p == '0' || *end || part > 255)
			return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(old_disks) / sizeof(old_disks[0]); i++) {
		if (strncmp(vdev, old_disks[i].prefix, 2))
			continue;
		if (disk / old_disks[i].disks_per_major > (i ? 0u : 1u) ||
		    part >= old_disks[i].minors)
			return -EINVAL;
		return old_disks[i].major[disk / old_disks[i].disks_per_major] << 8 |
		       (disk % old_disks[i].disks_per_major) * old_disks[i].minors | part;
	}
	if (disk < 16 && part < 16)
		return 202 << 8 | disk << 4 | part;
	return 1 << 28 | disk << 8 | part;
}

static void put(struct device *d, const char *folder, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void put(struct device *d, const char *folder, const char *node, const char *fmt, ...)
{
	char path[STORE_PATH_MAX + 64], value[1024];
	va_list args;

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	if (!d->rc)
		d->rc = xs_client_write(d->client, d->tx, path, value, strlen(value));
}

/* Folder of `owner`, that `reader` may read. */
static void folder(struct device *d, const char *path, uint16_t owner, uint16_t reader)
{
	struct xs_client_perm perms[] = { { owner, XS_CLIENT_NONE }, { reader, XS_CLIENT_READ } };

	if (!d->rc)
		d->rc = xs_client_mkdir(d->client, d->tx, path);
	if (!d->rc)
		d->rc = xs_client_set_perms(d->client, d->tx, path, perms, 2);
}

static void put_disk(struct device *d)
{
	const struct disk_config *disk = &d->config->disks[d->index];
	const char *target = disk->target ? disk->target : "";

	put(d, d->front, "virtual-device", "%u", d->number);
	put(d, d->front, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
	put(d, d->back, "params", "%s", target);
	put(d, d->back, "script", "%s", disk->script ? disk->script : "/etc/xen/scripts/block");
	put(d, d->back, "type", "%s", disk->backend == DISK_BACKEND_QDISK ? "qdisk" : "phy");
	put(d, d->back, "dev", "%s", disk->vdev);
	put(d, d->back, "mode", "%s", disk->readwrite ? "w" : "r");
	put(d, d->back, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
	put(d, d->back, "removable", "%d", disk->removable || disk->cdrom);
	put(d, d->back, "bootable", "1");
	put(d, d->back, "discard-enable", "%d", !disk->no_discard && disk->readwrite);
	put(d, d->back, "direct-io-safe", "%d", disk->direct_io_safe);
}

/* An address of the locally administered Xen range, which stays the same for a guest. */
static void derive_mac(const struct domain_config *config, uint32_t index, uint8_t mac[6])
{
	uint32_t hash = 2166136261u;

	for (int i = 0; i < HYPER_UUID_BYTES; i++)
		hash = (hash ^ config->uuid[i]) * 16777619u;
	hash = (hash ^ index) * 16777619u;
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = hash >> 16 & 0x7f;
	mac[4] = hash >> 8 & 0xff;
	mac[5] = hash & 0xff;
}

static void put_vif(struct device *d)
{
	const struct vif_config *vif = &d->config->vifs[d->index];
	uint8_t m[6];
	char mac[18];

	memcpy(m, vif->mac, sizeof(m));
	if (!vif->mac_given)
		derive_mac(d->config, d->index, m);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	put(d, d->front, "handle", "%u", d->index);
	put(d, d->front, "mac", "%s", mac);
	put(d, d->front, "mtu", "%u", vif->mtu ? vif->mtu : 1500);
	put(d, d->front, "trusted", "%d", vif->trusted);
	put(d, d->back, "handle", "%u", d->index);
	put(d, d->back, "mac", "%s", mac);
	put(d, d->back, "script", "%s", vif->script ? vif->script : "/etc/xen/scripts/vif-bridge");
	put(d, d->back, "type", "vif");
	if (vif->bridge)
		put(d, d->back, "bridge", "%s", vif->bridge);
	if (vif->ip)
		put(d, d->back, "ip", "%s", vif->ip);
	if (vif->vifname)
		put(d, d->back, "vifname", "%s", vif->vifname);
	if (vif->gatewaydev)
		put(d, d->back, "gatewaydev", "%s", vif->gatewaydev);
	if (vif->mtu)
		put(d, d->back, "mtu", "%u", vif->mtu);
	if (vif->rate_bytes)
		put(d, d->back, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes,
		    vif->rate_interval_us);
}

static int write_device(struct xs_client *client, xs_client_tx_t tx, void *arg)
{
	struct device *d = arg;

	d->client = client;
	d->tx = tx;
	d->rc = 0;
	folder(d, d->front, d->domid, d->backend);
	folder(d, d->back, d->backend, d->domid);
	put(d, d->back, "frontend", "%s", d->front);
	put(d, d->back, "frontend-id", "%u", d->domid);
	put(d, d->back, "online", "1");
	if (!strcmp(d->kind, "vbd"))
		put_disk(d);
	else
		put_vif(d);
	put(d, d->back, "state", "%d", STATE_INITIALISING);
	put(d, d->front, "backend", "%s", d->back);
	put(d, d->front, "backend-id", "%u", d->backend);
	put(d, d->front, "state", "%d", STATE_INITIALISING);
	return d->rc;
}

/* Fills in the numbers and paths of one device. */
static int describe(struct life *life, struct device *d, const char *kind, uint32_t index,
		    struct error *err)
{
	const struct domain_config *c = d->config;
	bool disk = !strcmp(kind, "vbd");
	const char *backend = disk ? c->disks[index].backend_domain : c->vifs[index].backend_domain;
	int rc;

	d->kind = kind;
	d->index = index;
	d->number = index;
	if (!backend)
		backend = c->backend;
	if (!backend)
		return error_set(err, -EINVAL, "%s %u: no back end", kind, index);
	rc = life_lookup(life, backend, &d->backend, err);
	if (rc)
		return error_prefix(err, "%s %u: back end \"%s\"", kind, index, backend);
	if (disk) {
		rc = devices_disk_number(c->disks[index].vdev);
		if (rc < 0)
			return error_set(err, rc, "disk %s: not a device name (xvda, sda1, hda …)",
					 c->disks[index].vdev);
		d->number = rc;
	}
	store_path(d->front, d->domid, "device/%s/%u", kind, d->number);
	store_path(d->back, d->backend, "backend/%s/%u/%u", kind, d->domid, d->number);
	return 0;
}

typedef int (*device_fn)(struct life *life, struct device *d, struct error *err);

static int each(struct life *life, const struct domain_config *config, uint16_t domid,
		device_fn act, struct error *err)
{
	struct device d = { .config = config, .domid = domid };
	int rc = 0;

	for (uint32_t i = 0; i < config->n_disks && !rc; i++) {
		rc = describe(life, &d, "vbd", i, err);
		if (!rc)
			rc = act(life, &d, err);
	}
	for (uint32_t i = 0; i < config->n_vifs && !rc; i++) {
		rc = describe(life, &d, "vif", i, err);
		if (!rc)
			rc = act(life, &d, err);
	}
	return rc;
}

static int add_one(struct life *life, struct device *d, struct error *err)
{
	int rc = xs_client_tx_run(life->store, write_device, d);

	return rc < 0 ? error_errno(err, rc, "cannot write the entries of %s %u", d->kind,
				    d->number)
		      : 0;
}

int devices_add(struct life *life, const struct domain_config *config, uint16_t domid,
		struct error *err)
{
	return each(life, config, domid, add_one, err);
}

static int wait_one(struct life *life, struct device *d, struct error *err)
{
	int64_t end = life_now_ms() + BACKEND_WAIT_MS;
	char path[STORE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/state", d->back);
	while (life_now_ms() < end) {
		uint64_t state = 0;
		int rc = xs_client_read_u64(life->store, XS_CLIENT_NO_TX, path, &state);

		if (rc && rc != -ENOENT)
			return error_errno(err, rc, "cannot read the state of %s %u", d->kind,
					   d->number);
		if (!rc && state >= STATE_INIT_WAIT)
			return 0;
		poll(NULL, 0, 50);
	}
	return error_set(
		err, -ETIMEDOUT,
		"%s %u: domain %u does not take the device up: is its back end driver running?",
		d->kind, d->number, d->backend);
}

int devices_wait(struct life *life, const struct domain_config *config, uint16_t domid,
		 struct error *err)
{
	return each(life, config, domid, wait_one, err);
}

/*
 * Removes the guest's folder from every domain that may be a back end. What the guest's own entries
 * say is not used: the guest can change them.
 */
int devices_remove(struct life *life, uint16_t domid)
{
	static const char *const kinds[] = { "vbd", "vif" };
	uint8_t domains[DOMID_PATHS / 8];
	char path[STORE_PATH_MAX];
	int rc = store_domains(life, domains);

	for (uint16_t id = 0; id < DOMID_PATHS && !rc; id++) {
		if (!(domains[id / 8] >> (id % 8) & 1) || id == domid)
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !rc; i++) {
			store_path(path, id, "backend/%s/%u", kinds[i], domid);
			rc = xs_client_rm(life->store, XS_CLIENT_NO_TX, path);
			rc = rc == -ENOENT ? 0 : rc;
		}
	}
	return rc;
}
