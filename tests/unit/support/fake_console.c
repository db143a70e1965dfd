/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_console.h. */
#include "support/fake_console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "xsclient/xsclient.h"

struct fake_guest fakes[GUESTS];
struct fake_console fake_console;
int store_event[2];

struct xenevtchn_handle {
	struct fake_guest *fake;
};

int fake_console_open(void)
{
	memset(fakes, 0, sizeof(fakes));
	memset(&fake_console, 0, sizeof(fake_console));
	for (int i = 0; i < GUESTS; i++)
		if (pipe2(fakes[i].events, O_NONBLOCK))
			return -1;
	if (pipe2(store_event, O_NONBLOCK))
		return -1;
	fakes[1].introduced = fakes[2].introduced = true;
	fakes[1].by_grant = true;
	return 0;
}

void fake_console_close(void)
{
	for (int i = 0; i < GUESTS; i++) {
		close(fakes[i].events[0]);
		close(fakes[i].events[1]);
	}
	close(store_event[0]);
	close(store_event[1]);
}

static struct fake_guest *fake_of(const char *path)
{
	unsigned int domid = 0;

	return sscanf(path, "/local/domain/%u/", &domid) == 1 && domid < GUESTS ? &fakes[domid]
										: NULL;
}

int xs_client_read_u64(struct xs_client *c, xs_client_tx_t tx, const char *path, uint64_t *value)
{
	struct fake_guest *f = fake_of(path);
	const char *missing = f ? f->missing : NULL;

	if (!f || (missing && strstr(path, missing)))
		return -ENOENT;
	*value = (uint64_t)(f - fakes);
	return 0;
}

int xs_client_read(struct xs_client *c, xs_client_tx_t tx, const char *path, char **value,
		   size_t *len)
{
	*value = strdup(strstr(path, "/1/") ? "web/../x" : "");
	return strstr(path, "/3/") ? (free(*value), -ENOENT) : 0;
}

int xs_client_directory(struct xs_client *c, xs_client_tx_t tx, const char *path, char ***names,
			size_t *count)
{
	static const char *const all[GUESTS] = { "0", "1", "2", "3" };

	if (fake_console.released_during_scan) {
		fake_console.released_during_scan = false;
		fakes[1].introduced = false;
		fake_console.queued++;
	}
	if (fake_console.no_directory)
		return -EIO;
	*names = malloc(sizeof(all));
	memcpy(*names, all, sizeof(all));
	*count = GUESTS;
	return 0;
}

int xs_client_is_introduced(struct xs_client *c, uint32_t domid)
{
	return domid < GUESTS && fakes[domid].introduced;
}

int xs_client_fd(const struct xs_client *c)
{
	return store_event[0];
}

int xs_client_next_event(struct xs_client *c, int timeout, char **path, char **token)
{
	char byte;

	if (fake_console.store_gone)
		return -EIO;
	if (fake_console.queued)
		fake_console.queued--;
	else if (read(store_event[0], &byte, 1) != 1)
		return -EAGAIN;
	*path = strdup("@releaseDomain");
	return 0;
}

int xs_client_open(struct xs_client **c)
{
	return fake_console.no_store ? -ENOENT : 0;
}

int xs_client_watch(struct xs_client *c, const char *path, const char *token)
{
	return fake_console.no_watch && !strcmp(path, fake_console.no_watch) ? -ENOSPC : 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot)
{
	return fakes[domid].by_grant ? &fakes[domid].ring : NULL;
}

int xengnttab_unmap(xengnttab_handle *h, void *page, uint32_t count)
{
	for (int i = 0; i < GUESTS; i++)
		fakes[i].unmapped += page == &fakes[i].ring;
	return 0;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return fake_console.no_hypervisor ? NULL : (xengnttab_handle *)&fake_console;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return fake_console.no_hypervisor ? NULL : (xenforeignmemory_handle *)&fake_console;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t domid, int prot, size_t pages,
			   const xen_pfn_t pfns[], int errors[])
{
	errors[0] = fakes[domid].no_page ? -EINVAL : 0;
	return fakes[domid].no_memory ? NULL : &fakes[domid].ring;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *page, size_t pages)
{
	return xengnttab_unmap(NULL, page, 1);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return fake_console.no_events ? NULL : calloc(1, sizeof(xenevtchn_handle));
}

int xenevtchn_close(xenevtchn_handle *h)
{
	free(h);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	return h->fake->events[0];
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
						     evtchn_port_t port)
{
	h->fake = &fakes[domid];
	return fakes[domid].no_channel ? -1 : (int)port + 10;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	char byte;

	return read(h->fake->events[0], &byte, 1) == 1 ? 1 : -1;
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	h->fake->unmasked++;
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	h->fake->notified++;
	return 0;
}
