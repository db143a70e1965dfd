/* SPDX-License-Identifier: BSD-2-Clause */
/* Further vCPUs of the test kernels, started by VCPUOP_initialise. */
#include <stdint.h>

#include <xen/xen.h>

#include <xen/hvm/hvm_vcpu.h>

#include "guest.h"

/* Entered from start.S. */
extern uint8_t ap_start64[];
extern uint8_t boot_pml4[];
void ap_main(unsigned int cpu);
void trap_load(void);

uint8_t stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

static struct {
	void (*function)(void *data);
	void *data;
} tasks[MAX_CPUS];

unsigned int this_cpu(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	return (unsigned int)((here - (uintptr_t)stacks) / STACK_SIZE);
}

void ap_main(unsigned int cpu)
{
	trap_load();
	tasks[cpu].function(tasks[cpu].data);
	for (;;)
		__asm__ volatile("cli; hlt");
}

long cpu_start(unsigned int cpu, void (*function)(void *data), void *data)
{
	static vcpu_hvm_context_t context;
	long error;

	tasks[cpu].function = function;
	tasks[cpu].data = data;
	memset(&context, 0, sizeof(context));
	context.mode = VCPU_HVM_MODE_64B;
	context.cpu_regs.x86_64.rip = (uintptr_t)ap_start64;
	context.cpu_regs.x86_64.rsp = (uintptr_t)&stacks[cpu][STACK_SIZE];
	context.cpu_regs.x86_64.rdi = cpu;
	context.cpu_regs.x86_64.rflags = 2;
	context.cpu_regs.x86_64.cr0 = BOOT_CR0;
	context.cpu_regs.x86_64.cr3 = (uintptr_t)boot_pml4;
	context.cpu_regs.x86_64.cr4 = BOOT_CR4;
	context.cpu_regs.x86_64.efer = 0xd00;
	error = vcpu_op(VCPUOP_initialise, cpu, &context);
	return error ? error : vcpu_op(VCPUOP_up, cpu, NULL);
}
