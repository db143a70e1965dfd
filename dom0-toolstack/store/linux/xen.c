/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domains of a real host: their rings (mapped through the grant that is reserved for the
 * store, or by frame number where there is none), their event channels, and news of their end.
 */
#define __XEN_TOOLS__ 1

#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "list.h"
#include "ring.h"
#include "xen.h"

#define PAGE_BYTES	4096
#define PORTS_PER_ROUND 256
#define DOM0_PAGE	"/proc/xen/xsd_kva"
#define DOM0_PORT	"/proc/xen/xsd_port"

/* How a ring's page was mapped, which says how to unmap it. */
enum mapping {
	MAPPED_GRANT = 1,
	MAPPED_FOREIGN,
	MAPPED_DOM0
};

struct domain_ring {
	struct list_head link; /* in xen_state->rings */
	struct store_daemon *daemon;
	struct conn *conn;
	struct xenstore_domain_interface *page;
	enum mapping mapping;
	uint32_t domid, remote_port;
	uint64_t gfn;
	evtchn_port_t port;
};

/* What is kept of one over a live update. */
struct saved_ring {
	char kind;
	uint32_t remote_port, port;
	uint64_t gfn;
};

struct xen_state {
	struct source source; /* the event channel device */
	xenevtchn_handle *evtchn;
	xengnttab_handle *gnttab;
	xenforeignmemory_handle *foreign;
	xencall_handle *call;
	struct xen_domctl *domctl; /* a buffer that the hypervisor can read */
	evtchn_port_t virq;
	struct list_head rings;
};

static struct xen_state *state_of(struct store_daemon *daemon)
{
	return daemon->domains_state;
}

/* Asks about one domain; the answer is in state->domctl. -ESRCH when there is none. */
static int domain_info(struct xen_state *state, uint32_t domid)
{
	struct xen_domctl *domctl = state->domctl;

	memset(domctl, 0, sizeof(*domctl));
	domctl->cmd = XEN_DOMCTL_getdomaininfo;
	domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl->domain = (domid_t)domid;
	if (xencall1(state->call, __HYPERVISOR_domctl, (uint64_t)(uintptr_t)domctl))
		return errno == ESRCH ? -ESRCH : -errno;
	/* The hypervisor answers for the next domain when this one is not there. */
	return domctl->u.getdomaininfo.domain == domid ? 0 : -ESRCH;
}

static bool xen_exists(struct store_daemon *daemon, uint32_t domid)
{
	struct xen_state *state = state_of(daemon);

	return !domain_info(state, domid) &&
	       !(state->domctl->u.getdomaininfo.flags & XEN_DOMINF_dying);
}

static void ring_notify(struct domain_ring *ring)
{
	if (ring->port)
		xenevtchn_notify(state_of(ring->daemon)->evtchn, ring->port);
}

static ssize_t domain_recv(void *transport, void *to, size_t len)
{
	struct domain_ring *ring = transport;
	ssize_t got = ring_recv(ring->page, to, len);

	if (got)
		ring_notify(ring);
	return got;
}

static ssize_t domain_send(void *transport, const void *from, size_t len)
{
	struct domain_ring *ring = transport;
	ssize_t sent = ring_send(ring->page, from, len);

	if (sent)
		ring_notify(ring);
	return sent;
}

static void ring_unmap(struct xen_state *state, struct domain_ring *ring)
{
	switch (ring->mapping) {
	case MAPPED_GRANT:
		xengnttab_unmap(state->gnttab, ring->page, 1);
		break;
	case MAPPED_FOREIGN:
		xenforeignmemory_unmap(state->foreign, ring->page, 1);
		break;
	case MAPPED_DOM0:
		munmap(ring->page, PAGE_BYTES);
		break;
	}
}

static void domain_close(void *transport)
{
	struct domain_ring *ring = transport;
	struct xen_state *state = state_of(ring->daemon);

	if (ring->port)
		xenevtchn_unbind(state->evtchn, ring->port);
	if (ring->page)
		ring_unmap(state, ring);
	list_del(&ring->link);
	free(ring);
}

static ssize_t domain_save(void *transport, void *to, size_t room)
{
	struct domain_ring *ring = transport;
	struct saved_ring saved;

	if (room < sizeof(saved))
		return -ENOSPC;
	memset(&saved, 0, sizeof(saved));
	saved.kind = SAVED_DOMAIN;
	saved.remote_port = ring->remote_port;
	saved.port = ring->port;
	saved.gfn = ring->gfn;
	memcpy(to, &saved, sizeof(saved));
	return sizeof(saved);
}

static const struct conn_ops ring_ops = {
	.recv = domain_recv,
	.send = domain_send,
	.close = domain_close,
	.save = domain_save,
};

/* Dom0's page comes from its own kernel. */
static int map_dom0(struct domain_ring *ring)
{
	void *page;
	int fd = open(DOM0_PAGE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return -errno;
	ring->page = page;
	ring->mapping = MAPPED_DOM0;
	return 0;
}

static int map_domain(struct xen_state *state, struct domain_ring *ring)
{
	xen_pfn_t gfn = ring->gfn;

	if (!ring->domid)
		return map_dom0(ring);
	ring->page = xengnttab_map_grant_ref(state->gnttab, ring->domid, GNTTAB_RESERVED_XENSTORE,
					     PROT_READ | PROT_WRITE);
	ring->mapping = MAPPED_GRANT;
	if (!ring->page) {
		ring->page = xenforeignmemory_map(state->foreign, ring->domid,
						  PROT_READ | PROT_WRITE, 1, &gfn, NULL);
		ring->mapping = MAPPED_FOREIGN;
	}
	return ring->page ? 0 : -EINVAL;
}

static int bind_port(struct xen_state *state, struct domain_ring *ring)
{
	int port = xenevtchn_bind_interdomain(state->evtchn, ring->domid, ring->remote_port);

	if (port < 0)
		return -errno;
	ring->port = (evtchn_port_t)port;
	return 0;
}

static struct domain_ring *ring_new(struct store_daemon *daemon, uint32_t domid, uint64_t gfn,
				    uint32_t remote_port)
{
	struct domain_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return NULL;
	ring->daemon = daemon;
	ring->domid = domid;
	ring->gfn = gfn;
	ring->remote_port = remote_port;
	list_add_tail(&ring->link, &state_of(daemon)->rings);
	return ring;
}

static struct domain_ring *ring_find(struct xen_state *state, uint32_t domid)
{
	struct domain_ring *ring;

	list_for_each_entry (ring, &state->rings, link)
		if (ring->domid == domid)
			return ring;
	return NULL;
}

/* Binds the new event channel of a domain that is connected already. */
static int ring_rebind(struct xen_state *state, struct domain_ring *ring, uint32_t port)
{
	if (ring->port)
		xenevtchn_unbind(state->evtchn, ring->port);
	ring->port = 0;
	ring->remote_port = port;
	return bind_port(state, ring);
}

static int xen_introduce(struct store_daemon *daemon, uint32_t domid, uint64_t gfn, uint32_t port)
{
	struct xen_state *state = state_of(daemon);
	struct domain_ring *ring = ring_find(state, domid);
	int err;

	if (ring) {
		err = ring_rebind(state, ring, port);
		ring_reconnect(ring->page);
		return err;
	}
	ring = ring_new(daemon, domid, gfn, port);
	if (!ring)
		return -ENOMEM;
	err = map_domain(state, ring);
	if (!err)
		err = bind_port(state, ring);
	if (!err)
		err = store_connect(daemon->store, domid, CONN_DOMAIN, &ring_ops, ring,
				    &ring->conn);
	if (err) {
		domain_close(ring);
		return err;
	}
	ring_announce(ring->page);
	ring_reconnect(ring->page);
	ring_notify(ring);
	return 0;
}

/* Looks whether one domain has ended. */
static void check_domain(void *arg, uint32_t domid, bool introduced)
{
	struct store_daemon *daemon = arg;
	struct xen_state *state = state_of(daemon);
	uint32_t flags;
	int err = domain_info(state, domid);

	if (err == -ESRCH) {
		store_domain_gone(daemon->store, domid);
		return;
	}
	if (err || !introduced)
		return;
	flags = state->domctl->u.getdomaininfo.flags;
	if (flags & XEN_DOMINF_shutdown)
		store_domain_shutdown(daemon->store, domid);
	if (flags & XEN_DOMINF_dying)
		store_domain_dying(daemon->store, domid);
}

static void handle_port(struct store_daemon *daemon, evtchn_port_t port)
{
	struct xen_state *state = state_of(daemon);
	struct domain_ring *ring;

	if (port == state->virq) {
		store_for_each_domain(daemon->store, check_domain, daemon);
		return;
	}
	list_for_each_entry (ring, &state->rings, link) {
		if (ring->port != port || !ring->conn)
			continue;
		if (ring_reconnect(ring->page)) {
			store_conn_reset(ring->conn);
			ring_notify(ring);
		}
		store_conn_kick(ring->conn);
		return;
	}
}

static void evtchn_ready(struct store_daemon *daemon, struct source *source)
{
	struct xen_state *state = state_of(daemon);
	int port;

	(void)source;
	/* All that is there now: one that is left waits for all turns of this round. */
	for (int i = 0; i < PORTS_PER_ROUND; i++) {
		port = xenevtchn_pending(state->evtchn);
		if (port < 0)
			return;
		xenevtchn_unmask(state->evtchn, (evtchn_port_t)port);
		handle_port(daemon, (evtchn_port_t)port);
	}
}

/* Connects Dom0's own kernel. */
static int connect_dom0(struct store_daemon *daemon)
{
	int fd = open(DOM0_PORT, O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t len;
	unsigned int port;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EINVAL;
	text[len] = '\0';
	if (sscanf(text, "%u", &port) != 1)
		return -EINVAL;
	return xen_introduce(daemon, 0, 0, port);
}

static int open_handles(struct xen_state *state, const struct inherited *inherited)
{
	state->call = xencall_open(NULL, 0);
	state->gnttab = xengnttab_open(NULL, 0);
	state->foreign = xenforeignmemory_open(NULL, 0);
	state->evtchn = inherited ? xenevtchn_fdopen(NULL, inherited->domains_fd, 0)
				  : xenevtchn_open(NULL, 0);
	if (!state->call || !state->gnttab || !state->foreign || !state->evtchn)
		return errno ? -errno : -ENODEV;
	state->domctl = xencall_alloc_buffer(state->call, sizeof(*state->domctl));
	return state->domctl ? 0 : -ENOMEM;
}

static int xen_start(struct store_daemon *daemon, const struct inherited *inherited)
{
	struct xen_state *state = calloc(1, sizeof(*state));
	int err, port;

	if (!state)
		return -ENOMEM;
	daemon->domains_state = state;
	list_init(&state->rings);
	err = open_handles(state, inherited);
	if (err)
		return err;
	state->source.fd = xenevtchn_fd(state->evtchn);
	state->source.ready = evtchn_ready;
	fd_keep(state->source.fd, false);
	if (fcntl(state->source.fd, F_SETFL, O_NONBLOCK))
		return -errno;
	err = source_watch(daemon, &state->source);
	if (err)
		return err;
	if (inherited) {
		state->virq = inherited->domains_port;
		return 0;
	}
	port = xenevtchn_bind_virq(state->evtchn, VIRQ_DOM_EXC);
	if (port < 0)
		return -errno;
	state->virq = (evtchn_port_t)port;
	return connect_dom0(daemon);
}

static int xen_adopt(struct store_daemon *daemon, uint32_t domid, const void *bytes, size_t len,
		     const struct conn_ops **ops, void **transport)
{
	struct saved_ring saved;
	struct domain_ring *ring;
	int err;

	if (len != sizeof(saved))
		return -EBADMSG;
	memcpy(&saved, bytes, sizeof(saved));
	ring = ring_new(daemon, domid, saved.gfn, saved.remote_port);
	if (!ring)
		return -ENOMEM;
	ring->port = saved.port;
	err = map_domain(state_of(daemon), ring);
	if (err) {
		domain_close(ring);
		return err;
	}
	*ops = &ring_ops;
	*transport = ring;
	return 0;
}

static void xen_adopted(struct store_daemon *daemon, void *transport, struct conn *conn)
{
	struct domain_ring *ring = transport;

	(void)daemon;
	ring->conn = conn;
}

static void xen_hand_over(struct store_daemon *daemon, struct inherited *inherited)
{
	struct xen_state *state = state_of(daemon);

	inherited->domains_fd = state->source.fd;
	inherited->domains_port = state->virq;
	fd_keep(state->source.fd, true);
}

static void xen_stop(struct store_daemon *daemon)
{
	struct xen_state *state = state_of(daemon);

	xencall_free_buffer(state->call, state->domctl);
	xencall_close(state->call);
	xengnttab_close(state->gnttab);
	xenforeignmemory_close(state->foreign);
	xenevtchn_close(state->evtchn);
	free(state);
}

const struct domains_backend xen_domains = {
	.start = xen_start,
	.exists = xen_exists,
	.introduce = xen_introduce,
	.adopt = xen_adopt,
	.adopted = xen_adopted,
	.hand_over = xen_hand_over,
	.stop = xen_stop,
};
