/* SPDX-License-Identifier: BSD-2-Clause */
/* xenstored: the store of a host, with the domains of Xen. */
#include "daemon.h"
#include "xen.h"

int main(int argc, char **argv)
{
	return daemon_main(argc, argv, &xen_domains);
}
