/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for the Xen libraries that a store daemon uses, for tests on a machine without Xen.
 * Linked into xenstored-fake (our daemon), or preloaded into a stock one.
 *
 * Everything is a file in the directory $FAKE_XEN_DIR:
 *   dom-N    domain N exists; its first byte is 'r' (runs), 's' (shut down) or 'd' (dying)
 *   ring-N   the page of domain N's ring
 *   guest-N  a datagram socket of whoever plays domain N: gets a datagram for each event
 *   evtchn   the daemon's datagram socket: a 32-bit port in a datagram is an event for it
 *   ring-0, xsd_port   stand for Dom0's /proc/xen/xsd_kva and xsd_port; made when missing
 * $FAKE_XEN_FAIL names one call that fails ("grant", "virq", ...: see fails()).
 * The daemon's port for domain N is FAKE_PORT_BASE + N; VIRQ_DOM_EXC has FAKE_PORT_VIRQ.
 */
#define __XEN_TOOLS__ 1
/* open() and open64() are two functions here. */
#undef _FILE_OFFSET_BITS

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xencall.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "fake_xen.h"

struct xenevtchn_handle {
	int fd;
};

static int handle_dummy;

static const char *place(void)
{
	const char *dir = getenv("FAKE_XEN_DIR");

	return dir ? dir : ".";
}

/* Whether the call of this name is to fail; then errno says something. */
static bool fails(const char *call)
{
	const char *which = getenv("FAKE_XEN_FAIL");

	errno = EACCES;
	return which && !strcmp(which, call);
}

static void address(struct sockaddr_un *addr, const char *name, int number)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (number < 0)
		snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s", place(), name);
	else
		snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s-%d", place(), name, number);
}

/* 'r', 's', 'd', or 0 when there is no such domain. */
static char domain_state(unsigned int domid)
{
	char path[200], state = 0;
	int fd;

	if (!domid)
		return 'r';
	snprintf(path, sizeof(path), "%s/dom-%u", place(), domid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, &state, 1) != 1)
		state = 'r';
	close(fd);
	return state;
}

/* Dom0's kernel, as far as a store sees it. */
static void make_dom0(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/ring-0", place());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096))
		abort();
	close(fd);
	snprintf(path, sizeof(path), "%s/xsd_port", place());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 0) || write(fd, fails("dom0-port") ? "?\n" : "1\n", 2) != 2)
		abort();
	close(fd);
}

/* Leads the daemon to Dom0's stand-ins; all other files are opened as they are. */
static int open_any(const char *path, int flags, mode_t mode)
{
	bool page = !strcmp(path, "/proc/xen/xsd_kva"), port = !strcmp(path, "/proc/xen/xsd_port");
	char elsewhere[200];

	if (!page && !port)
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fails(page ? "dom0-page" : "dom0-open"))
		return -1;
	snprintf(elsewhere, sizeof(elsewhere), "%s/%s", place(), page ? "ring-0" : "xsd_port");
	return (int)syscall(SYS_openat, AT_FDCWD, elsewhere, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_any(path, flags, mode);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	xenevtchn_handle *handle = calloc(1, sizeof(*handle));
	struct sockaddr_un addr;

	(void)logger;
	(void)flags;
	if (!handle || fails("evtchn")) {
		free(handle);
		return NULL;
	}
	make_dom0();
	address(&addr, "evtchn", -1);
	unlink(addr.sun_path);
	handle->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (handle->fd < 0 || bind(handle->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		free(handle);
		return NULL;
	}
	return handle;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int flags)
{
	xenevtchn_handle *handle = calloc(1, sizeof(*handle));

	(void)logger;
	(void)flags;
	if (handle)
		handle->fd = fd;
	return handle;
}

int xenevtchn_close(xenevtchn_handle *handle)
{
	close(handle->fd);
	free(handle);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *handle)
{
	return handle->fd;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
	struct sockaddr_un addr;

	address(&addr, "guest", (int)port - FAKE_PORT_BASE);
	sendto(handle->fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&addr, sizeof(addr));
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid,
						     evtchn_port_t remote_port)
{
	(void)handle;
	(void)remote_port;
	return fails("bind") ? -1 : (int)domid + FAKE_PORT_BASE;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned int virq)
{
	(void)handle;
	(void)virq;
	return fails("virq") ? -1 : FAKE_PORT_VIRQ;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle;
	(void)port;
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
	uint32_t port;

	return recv(handle->fd, &port, sizeof(port), 0) == sizeof(port) ? (int)port : -1;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle;
	(void)port;
	return 0;
}

static void *map_ring(uint32_t domid)
{
	char path[200];
	void *page;
	int fd;

	snprintf(path, sizeof(path), "%s/ring-%u", place(), domid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	return fails("gnttab") ? NULL : (xengnttab_handle *)&handle_dummy;
}

int xengnttab_close(xengnttab_handle *handle)
{
	(void)handle;
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t grants)
{
	(void)handle;
	(void)grants;
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot)
{
	(void)handle;
	(void)ref;
	(void)prot;
	return fails("grant") ? NULL : map_ring(domid);
}

int xengnttab_unmap(xengnttab_handle *handle, void *page, uint32_t count)
{
	(void)handle;
	return munmap(page, count * 4096ul);
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	return fails("foreign") ? NULL : (xenforeignmemory_handle *)&handle_dummy;
}

void *xenforeignmemory_map(xenforeignmemory_handle *handle, uint32_t domid, int prot, size_t pages,
			   const xen_pfn_t *frames, int *errors)
{
	(void)handle;
	(void)prot;
	(void)pages;
	(void)frames;
	(void)errors;
	if (fails("grant"))
		return map_ring(domid); /* a guest without the grant */
	errno = EINVAL;
	return NULL;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *handle, void *page, size_t pages)
{
	(void)handle;
	return munmap(page, pages * 4096);
}

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	return fails("call") ? NULL : (xencall_handle *)&handle_dummy;
}

void *xencall_alloc_buffer(xencall_handle *handle, size_t size)
{
	(void)handle;
	return fails("buffer") ? NULL : malloc(size);
}

void xencall_free_buffer(xencall_handle *handle, void *buffer)
{
	(void)handle;
	free(buffer);
}

int xencall_close(xencall_handle *handle)
{
	(void)handle;
	return 0;
}

int xenforeignmemory_close(xenforeignmemory_handle *handle)
{
	(void)handle;
	return 0;
}

int xencall1(xencall_handle *handle, unsigned int op, uint64_t argument)
{
	struct xen_domctl *domctl = (struct xen_domctl *)(uintptr_t)argument;
	char state;

	(void)handle;
	if (op != __HYPERVISOR_domctl || domctl->cmd != XEN_DOMCTL_getdomaininfo) {
		errno = ENOSYS;
		return -1;
	}
	state = domain_state(domctl->domain);
	if (!state) {
		errno = ESRCH;
		return -1;
	}
	domctl->u.getdomaininfo.domain = domctl->domain;
	domctl->u.getdomaininfo.flags = state == 's'   ? XEN_DOMINF_shutdown
					: state == 'd' ? XEN_DOMINF_dying
						       : XEN_DOMINF_running;
	return 0;
}

xc_interface *xc_interface_open(struct xentoollog_logger *logger,
				struct xentoollog_logger *dombuild, unsigned int flags)
{
	(void)logger;
	(void)dombuild;
	(void)flags;
	return (xc_interface *)&handle_dummy;
}

int xc_interface_close(xc_interface *handle)
{
	(void)handle;
	return 0;
}

int xc_domain_getinfo(xc_interface *handle, uint32_t domid, unsigned int max, xc_dominfo_t *info)
{
	char state = domain_state(domid);

	(void)handle;
	(void)max;
	memset(info, 0, sizeof(*info));
	if (!state)
		return 0;
	info->domid = domid;
	info->shutdown = state == 's';
	info->dying = state == 'd';
	info->running = state == 'r';
	return 1;
}
