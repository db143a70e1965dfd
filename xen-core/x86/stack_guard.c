/* SPDX-License-Identifier: BSD-2-Clause */
/* What the compiler's stack protector needs. */
#include "lib/printk.h"
#include "types.h"
#include "x86/stack_guard.h"

uintptr_t __stack_chk_guard = 0x595e9fbd94fda766UL;

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack overwritten in %016lx", (uint64_t)__builtin_return_address(0));
}

__attribute__((no_stack_protector)) void stack_guard_init(void)
{
	uint64_t t = __builtin_ia32_rdtsc();

	/* A zero byte at the bottom ends string overflows. */
	__stack_chk_guard = (__stack_chk_guard ^ (t << 32 | t)) * 0x9e3779b97f4a7c15UL & ~0xffUL;
}
