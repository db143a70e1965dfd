/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items of disk=, vif= and pci=: comma-separated words, as xl-disk-configuration(5),
 * xl-network-configuration(5) and xl-pci-configuration(5) describe them.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/guest.h"

/* Calls @fn for each comma-separated word with the blanks around it removed, until it fails. */
static int each_word(const char *text, int (*fn)(void *arg, char *word, struct error *err),
		     void *arg, struct error *err)
{
	char *copy = strdup(text), *word, *rest = copy;
	int rc = copy ? 0 : -ENOMEM;

	while (!rc && (word = strsep(&rest, ",")) != NULL) {
		char *end = word + strlen(word);

		while (isspace((unsigned char)*word))
			word++;
		while (end > word && isspace((unsigned char)end[-1]))
			*--end = '\0';
		rc = fn(arg, word, err);
	}
	free(copy);
	return rc;
}

/* Splits "name=value"; NULL when there is no '='. */
static char *split(char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return NULL;
	*value++ = '\0';
	for (char *end = word + strlen(word); end > word && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	while (isspace((unsigned char)*value))
		value++;
	return value;
}

static int set_text(char **where, const char *value)
{
	free(*where);
	*where = strdup(value);
	return *where ? 0 : -ENOMEM;
}

/* ---- disks ---- */

struct disk_parse {
	struct disk_config *disk;
	unsigned int position; /* of the next word without a name: target, format, vdev, access */
	bool old_prefix;
};

static const struct {
	const char *word;
	enum disk_format format;
} formats[] = {
	{ "raw", DISK_FORMAT_RAW }, { "qcow", DISK_FORMAT_QCOW }, { "qcow2", DISK_FORMAT_QCOW2 },
	{ "vhd", DISK_FORMAT_VHD }, { "qed", DISK_FORMAT_QED },	  { "empty", DISK_FORMAT_EMPTY },
};

static int disk_format_word(struct disk_config *disk, const char *word, struct error *err)
{
	if (*word == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(word, formats[i].word) == 0) {
			disk->format = formats[i].format;
			return 0;
		}
	}
	return error_set(err, -EINVAL, "format '%s' is none of raw, qcow, qcow2, vhd, qed, empty",
			 word);
}

static int disk_access_word(struct disk_config *disk, const char *word, struct error *err)
{
	if (!strcmp(word, "rw") || !strcmp(word, "w"))
		disk->readwrite = true;
	else if (!strcmp(word, "ro") || !strcmp(word, "r"))
		disk->readwrite = false;
	else if (*word)
		return error_set(err, -EINVAL, "access '%s' is none of rw, w, ro, r", word);
	return 0;
}

static int disk_vdev_word(struct disk_config *disk, const char *word)
{
	size_t len = strlen(word);

	if (len > 6 && strcmp(word + len - 6, ":cdrom") == 0) {
		disk->cdrom = disk->removable = true;
		disk->readwrite = false;
		len -= 6;
	}
	free(disk->vdev);
	disk->vdev = strndup(word, len);
	return disk->vdev ? 0 : -ENOMEM;
}

static int disk_backend_word(struct disk_config *disk, const char *word, struct error *err)
{
	static const char *const words[] = { "phy", "tap", "qdisk", "standalone" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			disk->backend = (enum disk_backend)(DISK_BACKEND_PHY + i);
			return 0;
		}
	}
	return error_set(err, -EINVAL, "backendtype '%s' is none of phy, tap, qdisk, standalone",
			 word);
}

static int disk_named(struct disk_config *disk, const char *name, const char *value,
		      struct error *err)
{
	if (!strcmp(name, "target"))
		return set_text(&disk->target, value);
	if (!strcmp(name, "format"))
		return disk_format_word(disk, value, err);
	if (!strcmp(name, "vdev"))
		return disk_vdev_word(disk, value);
	if (!strcmp(name, "access"))
		return disk_access_word(disk, value, err);
	if (!strcmp(name, "backend"))
		return set_text(&disk->backend_domain, value);
	if (!strcmp(name, "backendtype"))
		return disk_backend_word(disk, value, err);
	if (!strcmp(name, "script"))
		return set_text(&disk->script, value);
	if (!strcmp(name, "devtype")) {
		disk->cdrom = disk->removable = strcmp(value, "cdrom") == 0;
		if (!disk->cdrom && strcmp(value, "disk"))
			return error_set(err, -EINVAL, "devtype is disk or cdrom");
		return 0;
	}
	return error_set(err, -EINVAL,
			 "'%s' is none of target, format, vdev, access, devtype, backend, "
			 "backendtype, script",
			 name);
}

/* A word that stands alone: a flag, or the next of target, format, vdev, access. */
static int disk_positional(struct disk_parse *p, const char *word, struct error *err)
{
	struct disk_config *disk = p->disk;
	int rc;

	if (!strcmp(word, "cdrom"))
		return disk_named(disk, "devtype", "cdrom", err);
	if (!strcmp(word, "discard") || !strcmp(word, "no-discard")) {
		disk->discard = *word == 'd';
		disk->no_discard = *word == 'n';
		return 0;
	}
	if (!strcmp(word, "direct-io-safe")) {
		disk->direct_io_safe = true;
		return 0;
	}
	switch (p->position++) {
	case 0:
		return *word ? set_text(&disk->target, word) : 0;
	case 1:
		/* After an old prefix there is no format. */
		if (!p->old_prefix)
			return disk_format_word(disk, word, err);
		p->position++;
		/* fall through */
	case 2:
		rc = disk_vdev_word(disk, word);
		return rc;
	case 3:
		return disk_access_word(disk, word, err);
	default:
		return error_set(err, -EINVAL, "'%s' is one word too many", word);
	}
}

/* "phy:", "file:" and the like before the target: the older syntax. */
static char *disk_prefix(struct disk_parse *p, char *word)
{
	static const struct {
		const char *prefix;
		enum disk_format format;
		enum disk_backend backend;
	} old[] = {
		{ "phy:", DISK_FORMAT_RAW, DISK_BACKEND_PHY },
		{ "file:", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN },
		{ "raw:", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN },
		{ "qcow:", DISK_FORMAT_QCOW, DISK_BACKEND_UNKNOWN },
		{ "qcow2:", DISK_FORMAT_QCOW2, DISK_BACKEND_UNKNOWN },
		{ "vhd:", DISK_FORMAT_VHD, DISK_BACKEND_UNKNOWN },
		{ "tap:", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN },
		{ "tap2:", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN },
		{ "aio:", DISK_FORMAT_RAW, DISK_BACKEND_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]);) {
		size_t len = strlen(old[i].prefix);

		if (strncmp(word, old[i].prefix, len)) {
			i++;
			continue;
		}
		p->old_prefix = true;
		p->disk->format = old[i].format;
		p->disk->backend = old[i].backend;
		word += len;
		i = 0; /* tap:qcow2:… has two */
	}
	return word;
}

static int disk_word(void *arg, char *word, struct error *err)
{
	struct disk_parse *p = arg;
	char *value;

	/* A path may have '=' in it, behind a slash or a prefix. */
	if (p->position == 0) {
		char *target = disk_prefix(p, word);

		if (target != word || *target == '/')
			return disk_positional(p, target, err);
	}
	value = split(word);
	return value ? disk_named(p->disk, word, value, err) : disk_positional(p, word, err);
}

int disk_spec_parse(const char *text, struct disk_config *disk, struct error *err)
{
	struct disk_parse p = { .disk = disk };
	const char *target = strstr(text, "target=");
	char *head;
	int rc;

	memset(disk, 0, sizeof(*disk));
	disk->readwrite = true;
	/* target= comes last and takes the rest, commas and all. */
	if (target && (target == text || target[-1] == ',' || isspace((unsigned char)target[-1]))) {
		head = strndup(text, (size_t)(target - text));
		if (!head)
			return -ENOMEM;
		p.position = 1;
		for (char *end = head + strlen(head);
		     end > head && (end[-1] == ',' || isspace((unsigned char)end[-1]));)
			*--end = '\0';
		rc = *head ? each_word(head, disk_word, &p, err) : 0;
		free(head);
		if (!rc)
			rc = set_text(&disk->target, target + strlen("target="));
	} else {
		rc = each_word(text, disk_word, &p, err);
	}
	if (!rc && !disk->vdev)
		rc = error_set(err, -EINVAL, "vdev (xvda, hda, ...) is missing");
	if (!rc && !disk->target && !disk->cdrom)
		rc = error_set(err, -EINVAL, "target is missing");
	if (!rc && !disk->target)
		disk->format = DISK_FORMAT_EMPTY;
	return rc;
}

/* ---- network interfaces ---- */

static int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int b[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &rest) != 6)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return mac[0] & 1 ? -EINVAL : 0;
}

/* RATE[@INTERVAL]: 10Mb/s, 250KB/s, 1MB/s@20ms. */
static int parse_rate(const char *text, struct vif_config *vif)
{
	char unit[4] = "", interval[3] = "ms";
	unsigned long amount, every = 50;
	uint64_t scale;
	int n = sscanf(text, "%lu%3[KMGBb]/s@%lu%2s", &amount, unit, &every, interval);

	if (n < 2 || amount == 0 || amount > 1000000000 || every == 0 || every > 1000000)
		return -EINVAL;
	scale = *unit == 'K' ? 1000 : *unit == 'M' ? 1000000 : *unit == 'G' ? 1000000000 : 1;
	if (unit[strlen(unit) - 1] != 'b' && unit[strlen(unit) - 1] != 'B')
		return -EINVAL;
	vif->rate_interval_us = (uint32_t)(every * (strcmp(interval, "us") == 0 ? 1
						    : *interval == 's'		? 1000000
										: 1000));
	if (vif->rate_interval_us > 4000000 || amount > UINT64_MAX / 4000000 / scale)
		return -EINVAL;
	vif->rate_bytes = amount * scale / (unit[strlen(unit) - 1] == 'b' ? 8 : 1) *
			  vif->rate_interval_us / 1000000;
	return 0;
}

static int vif_word(void *arg, char *word, struct error *err)
{
	struct vif_config *vif = arg;
	const struct {
		const char *name;
		char **where;
	} texts[] = {
		{ "bridge", &vif->bridge },
		{ "script", &vif->script },
		{ "ip", &vif->ip },
		{ "model", &vif->model },
		{ "vifname", &vif->vifname },
		{ "gatewaydev", &vif->gatewaydev },
		{ "netdev", &vif->gatewaydev },
		{ "backend", &vif->backend_domain },
	};
	char *value, *end;

	if (*word == '\0')
		return 0;
	value = split(word);
	if (!value)
		return error_set(err, -EINVAL, "'%s' is not name=value", word);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(word, texts[i].name))
			return set_text(texts[i].where, value);
	if (!strcmp(word, "mac")) {
		if (parse_mac(value, vif->mac))
			return error_set(err, -EINVAL,
					 "mac '%s' is not a unicast address xx:xx:xx:xx:xx:xx",
					 value);
		vif->mac_given = true;
	} else if (!strcmp(word, "type")) {
		if (strcmp(value, "vif") && strcmp(value, "ioemu"))
			return error_set(err, -EINVAL, "type is vif or ioemu");
		vif->type = *value == 'i' ? VIF_MODEL_IOEMU : VIF_MODEL_VIF;
	} else if (!strcmp(word, "rate")) {
		if (parse_rate(value, vif))
			return error_set(err, -EINVAL, "rate '%s' is not like 10Mb/s or 1MB/s@20ms",
					 value);
	} else if (!strcmp(word, "mtu")) {
		unsigned long mtu = strtoul(value, &end, 10);

		if (*end || mtu < 68 || mtu > 65535)
			return error_set(err, -EINVAL, "mtu is a number from 68 to 65535");
		vif->mtu = (uint32_t)mtu;
	} else if (!strcmp(word, "trusted")) {
		vif->trusted = strcmp(value, "0") && strcmp(value, "false") && strcmp(value, "no");
	} else {
		return error_set(err, -EINVAL,
				 "'%s' is none of mac, bridge, gatewaydev, type, model, vifname, "
				 "script, ip, "
				 "backend, rate, mtu, trusted",
				 word);
	}
	return 0;
}

int vif_spec_parse(const char *text, struct vif_config *vif, struct error *err)
{
	memset(vif, 0, sizeof(*vif));
	vif->trusted = true;
	return each_word(text, vif_word, vif, err);
}

/* ---- PCI devices ---- */

struct pci_parse {
	struct pci_config *pci;
	bool have_address;
};

static int pci_address(struct pci_config *pci, const char *text)
{
	unsigned int domain = 0, bus, device, slot;
	char function, rest;
	int n = sscanf(text, "%4x:%2x:%2x.%c@%x%c", &domain, &bus, &device, &function, &slot,
		       &rest);

	if (n < 4) {
		domain = 0;
		n = sscanf(text, "%2x:%2x.%c@%x%c", &bus, &device, &function, &slot, &rest);
		n = n < 3 ? n : n + 1;
	}
	if (n < 4 || n > 5 || device > 31 ||
	    (function != '*' && (function < '0' || function > '7')))
		return -EINVAL;
	pci->domain = (uint16_t)domain;
	pci->bus = (uint8_t)bus;
	pci->device = (uint8_t)device;
	pci->all_functions = function == '*';
	pci->function = (uint8_t)(pci->all_functions ? 0 : function - '0');
	pci->vslot = n == 5 ? (int)slot : -1;
	return 0;
}

static int pci_word(void *arg, char *word, struct error *err)
{
	struct pci_parse *p = arg;
	const struct {
		const char *name;
		bool *where;
	} flags[] = {
		{ "permissive", &p->pci->permissive },
		{ "msitranslate", &p->pci->msitranslate },
		{ "power_mgmt", &p->pci->power_mgmt },
		{ "seize", &p->pci->seize },
	};
	char *value;

	if (!p->have_address) {
		p->have_address = true;
		if (pci_address(p->pci, strncmp(word, "bdf=", 4) ? word : word + 4))
			return error_set(err, -EINVAL,
					 "'%s' is not an address [DDDD:]BB:DD.F[@SLOT]", word);
		return 0;
	}
	value = split(word);
	for (size_t i = 0; value && i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!strcmp(word, flags[i].name)) {
			*flags[i].where = strcmp(value, "0") != 0;
			return 0;
		}
	}
	if (value && !strcmp(word, "name"))
		return set_text(&p->pci->name, value);
	if (value && !strcmp(word, "rdm_policy")) {
		p->pci->rdm_relaxed = !strcmp(value, "relaxed");
		return 0;
	}
	return error_set(err, -EINVAL,
			 "'%s' is none of permissive=, msitranslate=, power_mgmt=, seize=, "
			 "rdm_policy=, name=",
			 word);
}

int pci_spec_parse(const char *text, struct pci_config *pci, struct error *err)
{
	struct pci_parse p = { .pci = pci };

	memset(pci, 0, sizeof(*pci));
	pci->vslot = pci->vfunc = -1;
	return each_word(text, pci_word, &p, err);
}
