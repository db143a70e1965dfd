/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's command line, with Xen's option names. */
#pragma once

#include "types.h"

#define OPTION_TEXT 64

/* dom0_mem=: bytes; ~0 where not given. */
struct dom0_mem_option {
	uint64_t size, min, max;
};

/* All options, with their defaults where the command line says nothing (lib/cmdline.c). */
struct core_options {
	struct dom0_mem_option dom0_mem;
	uint32_t dom0_max_vcpus; /* 0: as many as there are CPUs */
	bool dom0_vcpus_pin;
	bool noreboot;	   /* wait instead of rebooting after a panic */
	bool sync_console; /* wait for each byte of output */
	bool smp, smep, smap, x2apic, iommu;
	uint32_t maxcpus;     /* 0: all */
	uint8_t loglvl;	      /* messages of a higher number stay off the serial port */
	uint8_t guest_loglvl; /* the same for guests' output */
	uint8_t only_choice;  /* of dom0= and sched=: there is pvh, and credit2 */
	uint8_t sched_gran; /* threads of a core scheduled together: 1 (cpu), 2 (core), 3 (socket) */
	char com1[OPTION_TEXT], console[OPTION_TEXT], conswitch[8];
	char flask[16]; /* for xsm_boot(); empty: not given */
};

extern struct core_options options;
/* The command line as given, for XENVER_commandline. */
extern char saved_cmdline[1024];

/*
 * Parses @line into @out (over what it holds) and reports what it does not know or understand.
 * Returns the number of such words. A "--" ends the options.
 */
unsigned int cmdline_parse(const char *line, struct core_options *out);

/* Boot: keeps @line and parses it into `options`. */
void cmdline_init(const char *line);
