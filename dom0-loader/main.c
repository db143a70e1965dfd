/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor starts as Dom0: finds the kernel among the boot modules, unpacks it if it is packed, loads
 * it and writes the ACPI tables. All of that happens inside Dom0's memory, with Dom0's rights and no others.
 */
#include "loader.h"

#include <cpuid.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "builder/bzimage.h"
#include "builder/decompress.h"

#define XEN_LEAF_FIRST 0x40000000u
#define XEN_LEAF_LAST  0x40010000u
#define XEN_LEAF_STEP  0x100u
#define LOW_END	       0x100000u /* the loader is below, the kernel above */

extern uint8_t hypercall_page[];

static long hypercall3(unsigned int call, uint64_t a, uint64_t b, const void *c)
{
	register uint64_t code asm("rax") = (uint64_t)hypercall_page + call * 32;

	__asm__ volatile("call *%%rax" : "+r"(code), "+D"(a), "+S"(b), "+d"(c) : : "memory");
	return (long)code;
}

/* Xen's CPUID leaves tell which MSR to write the page's address to. */
static void hypercalls_init(void)
{
	uint32_t base, eax, name[3], msr;

	for (base = XEN_LEAF_FIRST; base < XEN_LEAF_LAST; base += XEN_LEAF_STEP) {
		__cpuid(base, eax, name[0], name[1], name[2]);
		if (!memcmp(name, "XenVMMXenVMM", sizeof(name)))
			break;
	}
	__cpuid(base + 2, eax, msr, name[0], name[1]);
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)(uint64_t)hypercall_page), "d"(0));
}

static void say(const char *text)
{
	hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), text);
}

static void say_number(uint64_t value)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	say(at);
}

void loader_die(const char *why)
{
	struct sched_shutdown shutdown = { SHUTDOWN_crash };

	say("Dom0 can't start: ");
	say(why);
	say("\n");
	for (;;)
		hypercall3(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&shutdown, NULL);
}

/* What is going to take its time: an ELF file does not. */
static void announce(const uint8_t *image, size_t size)
{
	const char *why, *format;
	size_t offset, length;

	if (bzimage_payload(image, size, &offset, &length, &why))
		return;
	format = decompress_format(image + offset, length);
	say("Unpacking Dom0's kernel: ");
	say_number(size >> 10);
	say(" KiB, ");
	say(format ? format : "of unknown format");
	say("\n");
}

/* The vCPUs that this domain has: their numbers have no gaps. */
static uint32_t count_vcpus(void)
{
	uint32_t n = 1;

	while (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, n, NULL) >= 0)
		n++;
	return n;
}

static void need(const char *why)
{
	if (why)
		loader_die(why);
}

void loader_main(uint64_t start_info)
{
	struct kernel_image image;
	const char *why;
	uint32_t entry;

	hypercalls_init();
	need(room_find(&room, start_info, LOW_END));
	need(kernel_take(&room, start_info, &image));
	announce((const uint8_t *)image.addr, image.size);
	if (kernel_load(&room, (const uint8_t *)image.addr, image.size, &entry, &why))
		loader_die(why);
	need(acpi_write(&room, start_info, count_vcpus()));
	enter_kernel(entry, start_info);
}
