/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes single allocations of the program's own code fail. The test is linked with --wrap for the
 * functions below (fail_alloc_args in tests/unit/meson.build); libraries are not concerned.
 */
#pragma once

/* The `n`th allocation from now on fails; 0: none. */
void fail_alloc_at(unsigned int n);
/* How many there were since. */
unsigned int fail_alloc_count(void);
