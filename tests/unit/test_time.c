/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock against simulated hardware: HPET, ACPI PM timer, RTC, local APIC timer.
 * REQ core/guests see: "PV clock that is monotonic across vCPUs and right within 1 ms per minute".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "types.h"
#include "x86/time.c"

struct cpu *host_this_cpu;
struct acpi_info acpi_info;

static uint64_t true_ns;      /* the simulated world's time */
static uint64_t hz, apic_hz;  /* of TSC and local APIC timer */
static uint64_t skew;	      /* how far this CPU's TSC is behind */
static uint64_t step_ns = 40; /* that each access takes */
static uint64_t boot_ns;      /* and what comes between the clocks' beginning and their use */
static bool hpet_dead, pm_dead;
static uint64_t hpet_regs[512];
static uint64_t hpet_fs = 10000000; /* 100 MHz */
static uint8_t rtc_reg[128], rtc_index;
static unsigned int uip_left, rtc_tear;
static uint32_t apic_init, apic_divide;
static uint64_t apic_start;
static uint32_t apic_lvt;
static unsigned int warnings;

static uint64_t ticks(uint64_t rate, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * rate / NS_PER_S);
}

uint64_t tsc_read(void)
{
	true_ns += step_ns;
	/* The HPET's counter is memory: it goes on by itself. */
	hpet_regs[HPET_COUNTER] =
		hpet_dead ? 5 : (uint64_t)((unsigned __int128)true_ns * 1000000 / hpet_fs);
	if (!(hpet_regs[HPET_CAPS] & HPET_64BIT))
		hpet_regs[HPET_COUNTER] &= 0xffffffff;
	return 12345 + ticks(hz, true_ns) - skew;
}

void *mmio_map(maddr_t addr, size_t size)
{
	assert_int_equal(size, PAGE_SIZE);
	return addr.v == 0xbad000 ? NULL : hpet_regs;
}

uint32_t inl(uint16_t port)
{
	assert_int_equal(port, 0x608);
	true_ns += step_ns;
	/* The upper byte, which a 24-bit timer leaves undefined, is noise. */
	return pm_dead ? 7
		       : (uint32_t)(ticks(3579545, true_ns) & 0xffffff) | (uint32_t)rand() << 24;
}

void outb(uint16_t port, uint8_t value)
{
	true_ns += step_ns;
	assert_int_equal(port, 0x70);
	rtc_index = value;
}

uint8_t inb(uint16_t port)
{
	true_ns += step_ns;
	assert_int_equal(port, 0x71);
	if (rtc_index == RTC_A && uip_left) {
		uip_left--;
		return 0xa6;
	}
	/* The clock ticks in the middle of a read. */
	if (rtc_index == RTC_MIN && rtc_tear && !--rtc_tear) {
		rtc_reg[RTC_SEC] = 0;
		rtc_reg[RTC_MIN]++;
	}
	return rtc_reg[rtc_index];
}

uint32_t apic_read(unsigned int reg)
{
	uint64_t gone = ticks(apic_hz, true_ns - apic_start) / apic_divide;

	assert_int_equal(reg, APIC_TIMER_COUNT);
	return gone > apic_init ? 0 : (uint32_t)(apic_init - gone);
}

void apic_write(unsigned int reg, uint32_t value)
{
	switch (reg) {
	case APIC_TIMER_INIT:
		apic_init = value;
		apic_start = true_ns;
		break;
	case APIC_LVT_TIMER:
		apic_lvt = value;
		break;
	case APIC_TIMER_DIVIDE:
		assert_true(value == 0xb || value == 3);
		apic_divide = value == 3 ? 16 : 1;
		break;
	default:
		fail_msg("APIC register %x", reg);
	}
}

void printk(const char *fmt, ...)
{
	warnings += fmt[0] == KERN_WARNING[0];
}

void panic(const char *fmt, ...)
{
	mock_assert(0, fmt, __FILE__, __LINE__);
	abort();
}

static struct cpu cpu0;

static int setup(void **state)
{
	(void)state;
	host_this_cpu = &cpu0;
	memset(&clock, 0, sizeof(clock));
	memset(&boot_window, 0, sizeof(boot_window));
	memset(&acpi_info, 0, sizeof(acpi_info));
	memset(rtc_reg, 0, sizeof(rtc_reg));
	memset(hpet_regs, 0, sizeof(hpet_regs));
	last_time = last_tsc = 0;
	true_ns = 5 * NS_PER_S;
	boot_ns = 0;
	hz = 2894567891;
	apic_hz = 1000000000;
	skew = 0;
	hpet_dead = pm_dead = false;
	acpi_info.pm_timer = 0x608;
	hpet_fs = 10000000;
	warnings = 0;
	/* 2026-11-22 13:14:15 */
	rtc_reg[RTC_SEC] = 0x15;
	rtc_reg[RTC_MIN] = 0x14;
	rtc_reg[RTC_HOUR] = 0x13;
	rtc_reg[RTC_DAY] = 0x22;
	rtc_reg[RTC_MONTH] = 0x11;
	rtc_reg[RTC_YEAR] = 0x26;
	rtc_reg[RTC_A] = 0x26;
	return 0;
}

static void with_hpet(void)
{
	acpi_info.hpet_addr = 0xfed00000;
	hpet_regs[HPET_CAPS] = hpet_fs << 32 | HPET_64BIT;
}

static void boot_clock(void)
{
	time_boot_begin();
	assert_int_equal(system_time(), 0);
	true_ns += boot_ns;
	time_boot();
}

/* The clock must go with the world's time: within 10 parts in a million, an hour long. */
static void assert_clock_good(void)
{
	uint64_t start_world = true_ns, start = system_time(), world, told;

	true_ns += 3600 * NS_PER_S;
	told = system_time() - start;
	world = true_ns - start_world;
	assert_true(told > world - world / 100000 && told < world + world / 100000);
}

static void test_calibration(void **state)
{
	static const uint64_t rates[] = { 1000000000, 999999999, 2894567891, 4999999937,
					  800000000 };
	static const uint64_t boots[] = { 0, 20000000, 100000000, 3 * NS_PER_S, 45 * NS_PER_S };
	unsigned int i, source;

	for (i = 0; i < ARRAY_SIZE(rates) * ARRAY_SIZE(boots); i++)
		for (source = 0; source < 3; source++) {
			uint64_t start;

			setup(state);
			hz = rates[i / ARRAY_SIZE(boots)];
			boot_ns = boots[i % ARRAY_SIZE(boots)];
			if (source == 0)
				with_hpet();
			if (source == 1) { /* a slower one of 32 bits */
				hpet_fs = 69841279;
				with_hpet();
				hpet_regs[HPET_CAPS] &= ~HPET_64BIT;
				true_ns = 299 * NS_PER_S; /* about to wrap */
			}
			start = true_ns;
			boot_clock();
			assert_int_equal(warnings, 0);
			/* It waits for what is left of its 50 ms only; the PM timer's begin then. */
			assert_true(true_ns - start >= 50000000);
			assert_true(true_ns - start <= 51000000 || source == 2 ||
				    true_ns - start < boot_ns + 1000000);
			assert_true(tsc_khz() > hz / 1000 - hz / 1000 / 100000 - 2);
			assert_true(tsc_khz() < hz / 1000 + hz / 1000 / 100000 + 2);
			assert_clock_good();
		}
}

/* Clocks that are broken are passed over; with none, the machine does not start. */
static void test_broken_clocks(void **state)
{
	with_hpet();
	hpet_dead = true;
	boot_clock();
	assert_int_equal(warnings, 1);
	assert_clock_good();

	setup(state);
	with_hpet();
	hpet_dead = pm_dead = true;
	expect_assert_failure(boot_clock());
	assert_int_equal(warnings, 2);
	setup(state);
	acpi_info.pm_timer = 0;
	expect_assert_failure(boot_clock());

	/* An HPET that says nonsense of itself, or has no place in the address space. */
	setup(state);
	with_hpet();
	hpet_regs[HPET_CAPS] = 0;
	boot_clock();
	assert_clock_good();
	setup(state);
	with_hpet();
	hpet_regs[HPET_CAPS] = 100000001UL << 32;
	boot_clock();
	assert_clock_good();
	setup(state);
	acpi_info.hpet_addr = 0xbad000;
	boot_clock();
	assert_clock_good();
}

static void test_conversion(void **state)
{
	uint32_t mul;
	int8_t shift;
	uint64_t ns, tsc, base;

	(void)state;
	with_hpet();
	boot_clock();
	tsc_scale(&mul, &shift);
	tsc_stamp(&base, &ns);
	assert_int_equal(ns, 0);
	assert_true(tsc_is_stable());
	/* A guest that scales by the published numbers gets what system_time() says, to the ns. */
	for (tsc = base; tsc < base + (1UL << 60); tsc = tsc * 3 - base * 2 + 12345) {
		uint64_t delta = tsc - base, guest;

		delta = shift < 0 ? delta >> -shift : delta << shift;
		guest = (uint64_t)(((unsigned __int128)delta * mul) >> 32);
		assert_int_equal(guest, tsc_to_ns(tsc));
	}
	/* Before the beginning there is nothing. */
	assert_int_equal(tsc_to_ns(base - 1), 0);
}

static void test_scales(void **state)
{
	static const uint64_t rates[] = { 1,	      1000,	  1193182,    3579545,
					  999999999,  1000000000, 1000000001, 2147483648,
					  4294967295, 4294967296, 5000000000, 1UL << 39 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rates); i++)
		for (k = 0; k < ARRAY_SIZE(rates); k++) {
			struct scale s = scale_make(rates[i], rates[k]);
			uint64_t x = 1UL << 40, got;
			double want = (double)x * (double)rates[k] / (double)rates[i];

			if (want > 1e19 || s.shift >= 24 || s.shift < -40)
				continue;
			got = scale_apply(&s, x);
			assert_true((double)got <= want * (1 + 1e-8) + 1);
			assert_true((double)got >= want * (1 - 1e-8) - 1);
		}
}

/* A CPU whose TSC is behind: noticed, and time still never goes back. */
static void test_unstable(void **state)
{
	uint64_t last, tsc, ns;

	(void)state;
	with_hpet();
	boot_clock();
	time_cpu_init();
	assert_true(tsc_is_stable());
	last = system_time();
	skew = ticks(hz, 50000000);
	time_cpu_init();
	assert_false(tsc_is_stable());
	assert_int_equal(warnings, 1);
	last = system_time();
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t now;

		skew = i % 2 ? ticks(hz, 50000000) : 0;
		true_ns += 10000;
		now = system_time();
		assert_true(now >= last);
		last = now;
	}
	/* What guests count from is then the CPU's own present. */
	tsc_stamp(&tsc, &ns);
	assert_true(ns >= last);
	assert_int_equal(tsc, 12345 + ticks(hz, true_ns - step_ns) - skew);
	/* Once is enough for the message. */
	time_cpu_init();
	assert_int_equal(warnings, 1);
}

static void test_udelay(void **state)
{
	uint64_t start;

	(void)state;
	with_hpet();
	boot_clock();
	start = true_ns;
	udelay(200);
	assert_true(true_ns - start >= 199000 && true_ns - start < 202000);
}

static void test_rtc(void **state)
{
	static const struct {
		uint8_t year, month, day, hour, min, sec;
		uint64_t want;
	} cases[] = {
		{ 0x26, 0x11, 0x22, 0x13, 0x14, 0x15, 1795353255 },
		{ 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 946684800 },
		{ 0x24, 0x02, 0x29, 0x23, 0x59, 0x59, 1709251199 },
		{ 0x24, 0x03, 0x01, 0x00, 0x00, 0x00, 1709251200 },
		{ 0x99, 0x12, 0x31, 0x23, 0x59, 0x59, 4102444799 },
		/* No clock, or nonsense. */
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 },
		{ 0x26, 0x13, 0x22, 0x13, 0x14, 0x15, 0 },
		{ 0x26, 0x00, 0x22, 0x13, 0x14, 0x15, 0 },
		{ 0x26, 0x11, 0x00, 0x13, 0x14, 0x15, 0 },
		{ 0x26, 0x11, 0x32, 0x13, 0x14, 0x15, 0 },
		{ 0x26, 0x11, 0x22, 0x24, 0x14, 0x15, 0 },
		{ 0x26, 0x11, 0x22, 0x13, 0x60, 0x15, 0 },
		{ 0x26, 0x11, 0x22, 0x13, 0x14, 0x61, 0 },
		{ 0xa0, 0x11, 0x22, 0x13, 0x14, 0x15, 0 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		rtc_reg[RTC_SEC] = cases[i].sec;
		rtc_reg[RTC_MIN] = cases[i].min;
		rtc_reg[RTC_HOUR] = cases[i].hour;
		rtc_reg[RTC_DAY] = cases[i].day;
		rtc_reg[RTC_MONTH] = cases[i].month;
		rtc_reg[RTC_YEAR] = cases[i].year;
		uip_left = i % 3;
		assert_int_equal(rtc_get(), cases[i].want);
	}
	/* A tick between two registers: read again. */
	setup(state);
	rtc_reg[RTC_SEC] = 0x59;
	rtc_tear = 1;
	assert_int_equal(rtc_get(), 1795353255 - 15 + 60);
	/* An update that never ends does not hang the boot. */
	uip_left = 50000;
	(void)rtc_get();
	uip_left = 0;
}

static void test_wallclock(void **state)
{
	uint64_t sec;
	uint32_t nsec;

	(void)state;
	with_hpet();
	boot_clock();
	wallclock_get(&sec, &nsec);
	/* At system time 0, which was just before the RTC was read. */
	assert_true(sec == 1795353255 - 1 && nsec > 990000000);
	wallclock_set(1000, 5, 10 * NS_PER_S + 7);
	wallclock_get(&sec, &nsec);
	assert_int_equal(sec, 989);
	assert_int_equal(nsec, 999999998);
	wallclock_set(1000, 500, 10 * NS_PER_S + 7);
	wallclock_get(&sec, &nsec);
	assert_int_equal(sec, 990);
	assert_int_equal(nsec, 493);
	/* No RTC. */
	wallclock_set(0, 0, 7);
	wallclock_get(&sec, &nsec);
	assert_int_equal(sec, 0);
	assert_int_equal(nsec, 0);
}

static uint64_t apic_fires_at(void)
{
	assert_true(apic_init != 0);
	assert_int_equal(apic_divide, 1);
	return tsc_to_ns(12345 + ticks(hz, apic_start + (uint64_t)((unsigned __int128)apic_init *
								   NS_PER_S / apic_hz)));
}

static void test_apic_timer(void **state)
{
	static const uint64_t rates[] = { 1000000000, 24000000, 133333333, 62500000 };
	uint64_t now;

	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		setup(state);
		with_hpet();
		apic_hz = rates[i];
		boot_clock();
		time_cpu_init();
		assert_int_equal(apic_lvt, VECTOR_TIMER);
		assert_int_equal(apic_init, 0);
		for (uint64_t delay = 1000; delay < 60 * NS_PER_S; delay *= 10) {
			now = system_time();
			apic_timer_set(now + delay);
			/* Never far too late; too early only where the counter ends. */
			assert_true(apic_fires_at() <= now + delay + delay / 1000 + 2000);
			if (apic_init != ~0U)
				assert_true(apic_fires_at() + delay / 1000 + 2000 >= now + delay);
		}
		/* Past: at once. Far: as far as it goes. Off. */
		apic_timer_set(1);
		assert_int_equal(apic_init, 1);
		apic_timer_set(system_time() + 100000 * NS_PER_S);
		assert_int_equal(apic_init, ~0U);
		apic_timer_set(~0UL);
		assert_int_equal(apic_init, ~0U);
		apic_timer_set(0);
		assert_int_equal(apic_init, 0);
	}
	/* One that came to its end meanwhile is measured again. */
	setup(state);
	with_hpet();
	boot_ns = 100 * NS_PER_S;
	boot_clock();
	now = system_time();
	apic_timer_set(now + 1000000);
	assert_true(apic_fires_at() <= now + 1002000 && apic_fires_at() + 2000 >= now + 1000000);
	/* A timer that stands still is noticed. */
	setup(state);
	with_hpet();
	apic_hz = 0;
	expect_assert_failure(boot_clock());
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_calibration), T(test_broken_clocks), T(test_conversion),
		T(test_scales),	     T(test_unstable),	    T(test_udelay),
		T(test_rtc),	     T(test_wallclock),	    T(test_apic_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
