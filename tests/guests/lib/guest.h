/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a small PVH test kernel stands on. A kernel is one file with guest_main(); it checks one
 * behaviour, printing `PASS name`, `FAIL name: why` or `OUT name: value` lines, and ends by
 * returning, which prints `DONE kernel` and powers its domain off. The same binary runs on our core
 * and on Xen 4.17, in Dom0's place or as a guest, and must print the same lines on both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "layout.h"

#define PAGE_SIZE     4096UL
#define PAGE_ALIGNED  __attribute__((aligned(4096)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The kernel itself: each tests/guests/NAME/NAME.c defines it. */
void guest_main(void);

/* ---- output (print.c) ---- */

/* Prints to the core's console. Knows %d %u %x %s %c %p, with l for 64 bits; a line is one write. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check_report(const char *name, bool good, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reports PASS name, or FAIL name with the condition that does not hold. */
#define CHECK(name, condition) check_report(name, condition, "not true: %s", #condition)

/* The same for numbers: a failure tells both. */
#define CHECK_EQ(name, got, want)                                                    \
	do {                                                                         \
		long got_ = (long)(got), want_ = (long)(want);                       \
		check_report(name, got_ == want_, "got %ld, want %ld", got_, want_); \
	} while (0)

/* Ends the domain: SHUTDOWN_poweroff, SHUTDOWN_crash, ... */
void shutdown(unsigned int reason) __attribute__((noreturn));

/* ---- hypercalls (hypercall.c) ---- */

extern uint8_t hypercall_page[PAGE_SIZE];

/* Any hypercall by number: its result as it is in RAX. */
static inline long hypercall(unsigned int number, unsigned long a, unsigned long b, unsigned long c,
			     unsigned long d, unsigned long e)
{
	register unsigned long r10 __asm__("r10") = d;
	register unsigned long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("call *%[entry]"
			 : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
			 : [entry] "r"(&hypercall_page[number * 32])
			 : "memory", "rcx", "r9", "r11");
	return result;
}

#define HYPERCALL1(op, a) hypercall(__HYPERVISOR_##op, (unsigned long)(a), 0, 0, 0, 0)
#define HYPERCALL2(op, a, b) \
	hypercall(__HYPERVISOR_##op, (unsigned long)(a), (unsigned long)(b), 0, 0, 0)
#define HYPERCALL3(op, a, b, c)                                                                  \
	hypercall(__HYPERVISOR_##op, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), \
		  0, 0)

static inline long evtchn_op(int op, void *arg)
{
	return HYPERCALL2(event_channel_op, op, arg);
}

static inline long sched_op(int op, void *arg)
{
	return HYPERCALL2(sched_op, op, arg);
}

static inline long memory_op(unsigned int op, void *arg)
{
	return HYPERCALL2(memory_op, op, arg);
}

static inline long grant_op(unsigned int op, void *arg, unsigned int count)
{
	return HYPERCALL3(grant_table_op, op, arg, count);
}

static inline long vcpu_op(int op, unsigned int vcpu, void *arg)
{
	return HYPERCALL3(vcpu_op, op, vcpu, arg);
}

/* First of the CPUID leaves of the Xen interface (0x40000000, or later behind others). */
extern uint32_t xen_cpuid_base;
/* The MSR that installs a hypercall page. */
extern uint32_t xen_hypercall_msr;

/* This domain's number, from CPUID. */
domid_t own_domid(void);

/* Puts the shared page or a grant frame at ADDRESS, a page of this kernel that is given up. */
long map_xen_page(unsigned int space, unsigned long index, void *address);

/* Alone in its page, for the page is replaced. */
extern uint8_t shared_info_page[PAGE_SIZE];
#define shared_info (*(shared_info_t *)shared_info_page)

/* ---- processor ---- */

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
			 : "a"(leaf), "c"(subleaf));
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return ((uint64_t)high << 32) | low;
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Halts until one interrupt has come in; with no window in which it could be missed. */
void irq_wait(void);

static inline void relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* Fills a loop that is to spin for ever: an emulator runs NOPs many times faster than jumps. */
#define SPIN_BODY ".fill 500, 1, 0x90"

static inline void barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

/* An address that no table of these kernels maps. */
#define BAD_ADDRESS	     0x700000000000UL

#define READ_ONCE(x)	     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* ---- exceptions (trap.c) ---- */

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* What a probe returns when nothing went wrong; else the number of the exception. */
#define NO_EXCEPTION (-1)

/* Called with interrupts off, on the vCPU that was interrupted. */
typedef void (*vector_handler_t)(struct trap_frame *frame);
void vector_set_handler(unsigned int vector, vector_handler_t handler);

/* Probes: do one thing that may raise an exception, and say which came. */
int probe_read(const void *address, uint32_t *value);
int probe_write(void *address, uint32_t value);
int probe_rdmsr(uint32_t msr, uint64_t *value);
int probe_wrmsr(uint32_t msr, uint64_t value);
int probe_in(uint16_t port, uint8_t *value);
int probe_out(uint16_t port, uint8_t value);

/* ---- events (event.c) ---- */

typedef void (*event_handler_t)(unsigned int port, void *data);

/* Takes the shared info page and the callback vector; interrupts stay off. */
void events_init(void);
void event_set_handler(unsigned int port, event_handler_t handler, void *data);
void event_mask(unsigned int port);
void event_unmask(unsigned int port);
bool event_pending(unsigned int port);
void event_clear(unsigned int port);

/* Short forms; all return the new port, or a negative error. */
int event_alloc_unbound(domid_t dom, domid_t remote);
int event_bind_interdomain(domid_t remote, unsigned int port);
int event_bind_virq(unsigned int virq, unsigned int vcpu);
int event_bind_ipi(unsigned int vcpu);
long event_send(unsigned int port);
long event_close(unsigned int port);

/* Halts until *FLAG is not zero, at most LIMIT interrupts long; says whether it came. */
bool wait_flag(volatile unsigned int *flag, unsigned int limit);

/* ---- further vCPUs (smp.c) ---- */

/* This vCPU's number. */
unsigned int this_cpu(void);
/* Starts vCPU CPU, which calls FUNCTION(data) and then halts for ever. */
long cpu_start(unsigned int cpu, void (*function)(void *data), void *data);

/* ---- time (time.c) ---- */

/* Nanoseconds since the domain's start, from the shared page's clock. */
uint64_t system_time(void);

/* ---- memory ---- */

void *memset(void *target, int value, size_t count);
void *memcpy(void *target, const void *source, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
char *strstr(const char *text, const char *word);

/* The boot protocol's record (struct hvm_start_info), below 4 GiB. */
extern uint32_t start_info_address;
/* The first byte behind this kernel: memory from here up to the domain's end is free. */
extern uint8_t image_end[];
