/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's own string functions (built under other names), symbols, bit operations, lock ranks. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitops.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "support/said.h"
#include "x86/cpu.h"

void *core_memcpy(void *dst, const void *src, size_t n);
void *core_memmove(void *dst, const void *src, size_t n);
void *core_memset(void *dst, int c, size_t n);
int core_memcmp(const void *a, const void *b, size_t n);
size_t core_strlen(const char *s);
size_t core_strnlen(const char *s, size_t max);
int core_strcmp(const char *a, const char *b);
int core_strncmp(const char *a, const char *b, size_t n);
char *core_strchr(const char *s, int c);
size_t core_str_copy(char *dst, const char *src, size_t size);

static struct cpu cpu0, cpu1 = { .id = 1 };
struct cpu *host_this_cpu = &cpu0;
bool percpu_ready = true;
static jmp_buf panicked;

void panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(panicked, 1);
}

static void test_memory(void **state)
{
	uint8_t a[64], b[64], c[64];
	unsigned int from, to, n;

	(void)state;
	for (n = 0; n <= 20; n++) {
		for (from = 0; from < 20; from += 3) {
			for (to = 0; to < 20; to += 2) {
				for (unsigned int i = 0; i < 64; i++)
					a[i] = b[i] = c[i] = (uint8_t)(i * 7 + n);
				core_memmove(a + to, a + from, n);
				memmove(b + to, b + from, n);
				assert_memory_equal(a, b, 64);
				core_memcpy(a + 40, c + from, n);
				memcpy(b + 40, c + from, n);
				core_memset(a + to, 0xa5, n);
				memset(b + to, 0xa5, n);
				assert_memory_equal(a, b, 64);
			}
		}
	}
	assert_int_equal(core_memcmp("abc", "abd", 2), 0);
	assert_true(core_memcmp("abc", "abd", 3) < 0);
	assert_true(core_memcmp("\xff", "a", 1) > 0);
	assert_int_equal(core_memcmp("a", "b", 0), 0);
}

static void test_text(void **state)
{
	char buf[4] = "xyz";

	(void)state;
	assert_int_equal(core_strlen(""), 0);
	assert_int_equal(core_strlen("four"), 4);
	assert_int_equal(core_strnlen("four", 3), 3);
	assert_int_equal(core_strnlen("four", 9), 4);
	assert_int_equal(core_strcmp("a", "a"), 0);
	assert_true(core_strcmp("a", "ab") < 0);
	assert_true(core_strcmp("\xff", "a") > 0);
	assert_int_equal(core_strncmp("abc", "abd", 2), 0);
	assert_true(core_strncmp("abc", "abd", 3) < 0);
	assert_string_equal(core_strchr("abc", 'b'), "bc");
	assert_null(core_strchr("abc", 'x'));
	assert_string_equal(core_strchr("abc", 0), "");
	assert_int_equal(core_str_copy(buf, "long text", sizeof(buf)), 9);
	assert_string_equal(buf, "lon");
	assert_int_equal(core_str_copy(buf, "ab", sizeof(buf)), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(core_str_copy(buf, "zz", 0), 2);
	assert_string_equal(buf, "ab");
}

static void test_bits(void **state)
{
	unsigned long map[3] = { 0 };

	(void)state;
	assert_false(test_and_set_bit(70, map));
	assert_true(test_and_set_bit(70, map));
	set_bit(3, map);
	assert_true(test_bit(3, map) && !test_bit(4, map));
	assert_int_equal(find_next_bit(map, 192, 0), 3);
	assert_int_equal(find_next_bit(map, 192, 4), 70);
	assert_int_equal(find_next_bit(map, 192, 71), 192);
	assert_int_equal(find_next_bit(map, 70, 4), 70);
	assert_true(test_and_clear_bit(3, map));
	assert_false(test_and_clear_bit(3, map));
}

/* ---- symbols: as lib/gensyms.py lays them out ---- */
const struct symbol {
	uint64_t address;
	const char *name;
} symbols[] = {
	{ 0xffff800000001000, "start" },
	{ 0xffff800000001100, "mid" },
	{ 0xffff800000001180, "last" },
	{ 0, NULL },
};

static void test_symbols(void **state)
{
	uint64_t offset, address;

	(void)state;
	assert_null(symbol_lookup(0xffff800000000fff, &offset));
	assert_string_equal(symbol_lookup(0xffff800000001000, &offset), "start");
	assert_int_equal(offset, 0);
	assert_string_equal(symbol_lookup(0xffff8000000010ff, &offset), "start");
	assert_int_equal(offset, 0xff);
	assert_string_equal(symbol_lookup(0xffff800000001100, &offset), "mid");
	assert_string_equal(symbol_lookup(0xffff800000002000, &offset), "last");
	assert_string_equal(symbol_entry(1, &address), "mid");
	assert_int_equal(address, 0xffff800000001100);
	assert_null(symbol_entry(3, &address));
	assert_null(symbol_entry(~0U, &address));
}

static void test_backtrace(void **state)
{
	uint64_t stack[8] = { 0 };
	uint64_t base = (uintptr_t)stack;

	(void)state;
	stack[0] = base + 16;
	stack[1] = 0xffff800000001010;
	stack[2] = base + 32;
	stack[3] = 0xffff800000001105;
	stack[4] = base; /* goes back: the end */
	stack[5] = 0x1234;
	backtrace_print(base, base, base + sizeof(stack));
	assert_non_null(strstr(said, "start+0x10"));
	assert_non_null(strstr(said, "mid+0x5"));
	assert_non_null(strstr(said, "[<0000000000001234>]\n"));
	said[0] = '\0';
	backtrace_print(base + 4, base, base + sizeof(stack));
	backtrace_print(base + 64, base, base + sizeof(stack));
	backtrace_print(base - 16, base, base + sizeof(stack));
	assert_null(strstr(said, "[<"));
}

/* ---- lock ranks (debug builds) ---- */
static bool panics(void (*fn)(void))
{
	if (setjmp(panicked))
		return true;
	fn();
	return false;
}

static struct spinlock outer = SPINLOCK_INIT(LOCK_DOMAIN), inner = SPINLOCK_INIT(LOCK_HEAP),
		       same = SPINLOCK_INIT(LOCK_DOMAIN);

static void take_outer(void)
{
	spin_lock(&outer);
}

static void take_same(void)
{
	spin_lock(&same);
}

static void release_inner(void)
{
	spin_debug_release(&inner);
}

static void test_ranks(void **state)
{
	(void)state;
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&outer);
	assert_true(panics(take_outer));
	host_this_cpu = &cpu1; /* each CPU for itself */
	spin_lock(&outer);
	assert_true(panics(take_same));
	spin_lock_nested(&same);
	spin_unlock(&outer);
	spin_unlock(&same);
	assert_true(panics(release_inner));
	host_this_cpu = &cpu0;
	assert_false(spin_trylock(&inner));
	spin_unlock(&inner);
	assert_true(spin_trylock(&inner));
	spin_unlock(&inner);
	percpu_ready = false; /* before there are CPU records, nothing is looked at */
	spin_lock(&inner);
	spin_unlock(&inner);
	percpu_ready = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),	  cmocka_unit_test(test_text),
		cmocka_unit_test(test_bits),	  cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_backtrace), cmocka_unit_test(test_ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
