/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of a test kernel: finds the Xen interface, installs the hypercall page, runs, powers off. */
#include "guest.h"

#ifndef GUEST_NAME
#define GUEST_NAME "guest"
#endif

uint8_t hypercall_page[PAGE_SIZE] PAGE_ALIGNED;
uint8_t shared_info_page[PAGE_SIZE] PAGE_ALIGNED;
uint32_t xen_cpuid_base;
uint32_t xen_hypercall_msr;

/* Called by start.S on the first vCPU. */
void guest_start(void);
void trap_init(void);

/* The leaves are at 0x40000000, or at a multiple of 0x100 above when others come first. */
static void find_xen(void)
{
	uint32_t regs[4];

	for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, 0, regs);
		if (regs[1] == 0x566e6558 && regs[2] == 0x65584d4d && regs[3] == 0x4d4d566e) {
			xen_cpuid_base = base;
			cpuid(base + 2, 0, regs);
			xen_hypercall_msr = regs[1];
			return;
		}
	}
}

static void install_hypercall_page(void)
{
	uint64_t address = (uintptr_t)hypercall_page;

	__asm__ volatile("wrmsr"
			 :
			 : "c"(xen_hypercall_msr), "a"((uint32_t)address),
			   "d"((uint32_t)(address >> 32))
			 : "memory");
}

long map_xen_page(unsigned int space, unsigned long index, void *address)
{
	struct xen_add_to_physmap map = {
		.domid = DOMID_SELF,
		.space = space,
		.idx = index,
		.gpfn = (uintptr_t)address / PAGE_SIZE,
	};

	return memory_op(XENMEM_add_to_physmap, &map);
}

void shutdown(unsigned int reason)
{
	struct sched_shutdown arg = { .reason = reason };

	for (;;)
		sched_op(SCHEDOP_shutdown, &arg);
}

domid_t own_domid(void)
{
	uint32_t regs[4];

	cpuid(xen_cpuid_base + 4, 0, regs);
	return (domid_t)regs[2];
}

void guest_start(void)
{
	trap_init();
	find_xen();
	if (!xen_cpuid_base)
		for (;;)
			__asm__ volatile("cli; hlt");
	install_hypercall_page();
	guest_main();
	print("DONE " GUEST_NAME "\n");
	/* In Dom0's place Xen only halts the machine on "poweroff"; the emulator ends on a reset. */
	shutdown(own_domid() == 0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

void *memset(void *target, int value, size_t count)
{
	void *start = target;

	__asm__ volatile("rep stosb" : "+D"(target), "+c"(count) : "a"(value) : "memory");
	return start;
}

void *memcpy(void *target, const void *source, size_t count)
{
	void *start = target;

	__asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t count)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < count; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

char *strstr(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; strlen(text) >= length; text++)
		if (memcmp(text, word, length) == 0)
			return (char *)(uintptr_t)text;
	return NULL;
}
