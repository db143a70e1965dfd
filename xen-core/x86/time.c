/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock is the TSC, scaled by one multiplication and a shift that every CPU and every guest
 * (through vcpu_time_info) uses alike, so that all see the same time to the nanosecond.
 */
#include "x86/time.h"
#include "lib/printk.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/paging.h"
#include "x86/trap.h"

#define NS_PER_S 1000000000UL

/* y = ((x << shift) * mul) >> 32; a negative shift goes to the right. */
struct scale {
	uint32_t mul;
	int8_t shift;
};

static struct {
	uint64_t base; /* TSC at system time 0 */
	uint64_t hz;
	struct scale to_ns, to_tsc, to_timer;
	bool unstable; /* the CPUs' TSCs differ: system_time() holds it back */
} clock = {
	/* 4 GHz until it is measured: a panic waits long enough for its message to be read. */
	.to_tsc = { 1U << 31, 3 },
};

static uint64_t last_time; /* the latest that system_time() has told, while the TSCs are unstable */
static uint64_t last_tsc;  /* the latest that any CPU has seen while the CPUs come up */

static uint64_t wallclock; /* ns since 1970, at system time 0 */

/* To the left by @n bits, or to the right. */
static uint64_t shift_by(uint64_t x, int n)
{
	return n >= 0 ? x << n : x >> -n;
}

static uint64_t scale_apply(const struct scale *s, uint64_t x)
{
	return (uint64_t)(((unsigned __int128)shift_by(x, s->shift) * s->mul) >> 32);
}

/* The scale that turns ticks of @from Hz into ticks of @to Hz, both above 0. */
static struct scale scale_make(uint64_t from, uint64_t to)
{
	/* @to made 32 bits long and @from 33, the quotient is below 1, to about one in 2^30. */
	int to_up = __builtin_clzl(to) - 32, from_up = __builtin_clzl(from) - 31;
	uint64_t quotient = (shift_by(to, to_up) << 32) / shift_by(from, from_up);

	return (struct scale) { (uint32_t)quotient, (int8_t)(from_up - to_up) };
}

uint64_t tsc_to_ns(uint64_t tsc)
{
	return (int64_t)(tsc - clock.base) < 0 ? 0 : scale_apply(&clock.to_ns, tsc - clock.base);
}

uint64_t tsc_khz(void)
{
	return clock.hz / 1000;
}

void tsc_scale(uint32_t *mul, int8_t *shift)
{
	*mul = clock.to_ns.mul;
	*shift = clock.to_ns.shift;
}

bool tsc_is_stable(void)
{
	return !clock.unstable;
}

void tsc_stamp(uint64_t *tsc, uint64_t *ns)
{
	*tsc = clock.base;
	*ns = 0;
	if (clock.unstable) {
		*tsc = tsc_read();
		*ns = system_time();
	}
}

/* Raises *@last to @now; returns the larger of the two. */
static uint64_t raise_to(uint64_t *last, uint64_t now)
{
	uint64_t seen = __atomic_load_n(last, __ATOMIC_RELAXED);

	while (seen < now)
		if (__atomic_compare_exchange_n(last, &seen, now, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return now;
	return seen;
}

uint64_t system_time(void)
{
	uint64_t now = tsc_to_ns(tsc_read());

	return likely(!clock.unstable) ? now : raise_to(&last_time, now);
}

/* Reads the TSC beside the other CPUs that do the same: it must not be behind theirs. */
static uint64_t tsc_read_checked(void)
{
	uint64_t seen = __atomic_load_n(&last_tsc, __ATOMIC_ACQUIRE), tsc = tsc_read();

	if (tsc < seen && !clock.unstable) {
		printk(KERN_WARNING
		       "TSC of CPU %u is %lu ticks behind: TSCs are not synchronised\n",
		       smp_id(), seen - tsc);
		clock.unstable = true;
	}
	raise_to(&last_tsc, tsc);
	return tsc;
}

void udelay(unsigned int us)
{
	uint64_t ticks = scale_apply(&clock.to_tsc, us * 1000UL), start = tsc_read();

	while (tsc_read_checked() - start < ticks)
		__builtin_ia32_pause();
}

/* A clock of a known rate to calibrate against. */
struct reference {
	const char *name;
	uint64_t hz, mask;
	uint64_t (*read)(void);
};

static volatile uint64_t *hpet;

#define HPET_CAPS    0 /* indices of 8-byte registers */
#define HPET_CONFIG  2
#define HPET_COUNTER 30
#define HPET_64BIT   (1UL << 13)

static uint64_t hpet_read(void)
{
	return hpet[HPET_COUNTER];
}

/* False when there is none. */
static bool hpet_open(struct reference *ref)
{
	uint64_t femtoseconds;

	if (!acpi_info.hpet_addr)
		return false;
	hpet = mmio_map((maddr_t) { acpi_info.hpet_addr }, PAGE_SIZE);
	if (!hpet)
		return false;
	femtoseconds = hpet[HPET_CAPS] >> 32;
	/* IA-PC HPET specification 2.3.4: above 0 and at most 100 ns. Nor is one faster than 1 GHz. */
	if (femtoseconds < 1000000 || femtoseconds > 100000000)
		return false;
	hpet[HPET_CONFIG] |= 1;
	*ref = (struct reference) { "HPET", 1000000000000000UL / femtoseconds,
				    hpet[HPET_CAPS] & HPET_64BIT ? ~0UL : 0xffffffff, hpet_read };
	return true;
}

static uint64_t pm_timer_read(void)
{
	return inl((uint16_t)acpi_info.pm_timer);
}

/* Bits 24 to 31 may be absent; 24 bits last for 4.7 s. */
static const struct reference pm_timer = { "ACPI PM timer", 3579545, 0xffffff, pm_timer_read };

struct sample {
	uint64_t tsc, count;
};

/* A count and the TSC at that time: the tightest of a few tries. */
static struct sample sample_read(const struct reference *ref)
{
	struct sample best = { 0, 0 };
	uint64_t width = ~0UL;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		uint64_t before = tsc_read(), count = ref->read(), after = tsc_read();

		if (after - before >= width)
			continue;
		width = after - before;
		best = (struct sample) { before + width / 2, count };
	}
	return best;
}

/* What a 64-bit CPU's TSC is between. */
#define TSC_HZ_MIN 50000000UL
#define TSC_HZ_MAX 10000000000UL

/* The TSC's rate by what @ref has counted since @start, 50 ms or more. False: @ref does not count. */
static bool tsc_calibrate(const struct reference *ref, struct sample start)
{
	uint64_t ticks, counted, least = ref->hz / 20;
	struct scale rate;

	do {
		struct sample now = sample_read(ref);

		ticks = now.tsc - start.tsc;
		counted = (now.count - start.count) & ref->mask;
	} while (counted < least && ticks < TSC_HZ_MAX / 20);
	rate = scale_make(max(counted, 1UL), max(ticks, 1UL));
	clock.hz = counted >= least ? scale_apply(&rate, ref->hz) : 0;
	/* By a clock that goes backwards, which seems to have counted for ever, it is far too low. */
	if (clock.hz < TSC_HZ_MIN || clock.hz > TSC_HZ_MAX) {
		printk(KERN_WARNING "The %s does not count\n", ref->name);
		return false;
	}
	printk("TSC: %lu kHz by the %s\n", tsc_khz(), ref->name);
	return true;
}

#define TDCR_DIVIDE_1  0xb
#define TDCR_DIVIDE_16 0x3

/* The local APIC's timer counts down from its maximum, a minute at least; returns the TSC at its start. */
static uint64_t apic_timer_count(void)
{
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_DIVIDE, TDCR_DIVIDE_16);
	apic_write(APIC_TIMER_INIT, ~0U);
	return tsc_read();
}

/* The timer's rate by what it has counted since @start. */
static void apic_timer_calibrate(uint64_t start)
{
	uint64_t counted, ns;

	if (!apic_read(APIC_TIMER_COUNT)) {
		/* It is at its end: measured anew. */
		start = apic_timer_count();
		udelay(50000);
	}
	counted = 16UL * (~0U - apic_read(APIC_TIMER_COUNT));
	ns = scale_apply(&clock.to_ns, tsc_read() - start);
	if (counted < 5000)
		panic("The local APIC's timer does not count");
	clock.to_timer = scale_make(ns, counted);
	printk("Local APIC timer: %lu kHz\n", counted * 1000000 / ns);
}

/* What is measured from time_boot_begin() to time_boot(). */
static struct {
	struct reference hpet; /* hz 0: none */
	struct sample start;
	uint64_t timer_start;
} boot_window;

void time_boot_begin(void)
{
	if (hpet_open(&boot_window.hpet))
		boot_window.start = sample_read(&boot_window.hpet);
	boot_window.timer_start = apic_timer_count();
}

#define RTC_INDEX 0x70
#define RTC_DATA  0x71

static uint8_t rtc_read(uint8_t reg)
{
	outb(RTC_INDEX, reg);
	return inb(RTC_DATA);
}

enum {
	RTC_SEC = 0,
	RTC_MIN = 2,
	RTC_HOUR = 4,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 10,
};
#define RTC_A_UIP 0x80

static unsigned int rtc_number(uint8_t reg)
{
	uint8_t bcd = rtc_read(reg);

	return (bcd >> 4) * 10U + (bcd & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, year 2000 to 2099. */
static uint64_t days_since_epoch(unsigned int year, unsigned int month, unsigned int day)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	bool leap = year % 4 == 0 && month > 2;

	return 365UL * (year - 1970) + (year - 1969) / 4 + before[month - 1] + day - 1 + leap;
}

/*
 * Seconds since 1970, or 0 when the machine has no clock that makes sense. Like Xen and Linux, the core
 * knows an RTC in BCD and of 24 hours only, which is how all firmware leaves it.
 */
static uint64_t rtc_get(void)
{
	unsigned int sec, min, hour, day, month, year, tries = 0;

	do {
		if (tries++ == 10)
			return 0;
		/* An update takes about 2 ms at most; without an RTC all ones are read for ever. */
		for (unsigned int i = 0; i < 10000 && (rtc_read(RTC_A) & RTC_A_UIP); i++)
			__builtin_ia32_pause();
		sec = rtc_number(RTC_SEC);
		min = rtc_number(RTC_MIN);
		hour = rtc_number(RTC_HOUR);
		day = rtc_number(RTC_DAY);
		month = rtc_number(RTC_MONTH);
		year = rtc_number(RTC_YEAR);
	} while (sec != rtc_number(RTC_SEC)); /* it has ticked meanwhile */
	if (sec > 60 || min > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 ||
	    year > 99)
		return 0;
	return ((days_since_epoch(2000 + year, month, day) * 24 + hour) * 60 + min) * 60 + sec;
}

void wallclock_get(uint64_t *sec, uint32_t *nsec)
{
	uint64_t ns = READ_ONCE(wallclock);

	*sec = ns / NS_PER_S;
	*nsec = (uint32_t)(ns % NS_PER_S);
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t at_system_time)
{
	uint64_t ns = sec * NS_PER_S + nsec;

	/* Without an RTC it begins in 1970, and not just before. */
	WRITE_ONCE(wallclock, ns > at_system_time ? ns - at_system_time : 0);
}

void time_boot(void)
{
	/* The PM timer may wrap during the boot: it is started anew. */
	if (!(boot_window.hpet.hz && tsc_calibrate(&boot_window.hpet, boot_window.start)) &&
	    !(acpi_info.pm_timer && tsc_calibrate(&pm_timer, sample_read(&pm_timer))))
		panic("No clock to calibrate the TSC against");
	clock.to_ns = scale_make(clock.hz, NS_PER_S);
	clock.to_tsc = scale_make(NS_PER_S, clock.hz);
	apic_timer_calibrate(boot_window.timer_start);
	time_cpu_init();
	clock.base = tsc_read();
	wallclock_set(rtc_get(), 0, system_time());
}

void time_cpu_init(void)
{
	(void)tsc_read_checked();
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_TIMER_DIVIDE, TDCR_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER); /* one-shot */
}

#define TIMER_MAX_NS (1UL << 59) /* eighteen years, in ticks of any clock below 2^64 */

void apic_timer_set(uint64_t ns)
{
	uint64_t ticks = 0, now;

	if (ns) {
		now = system_time();
		ticks = scale_apply(&clock.to_timer, ns > now ? min(ns - now, TIMER_MAX_NS) : 0) +
			1;
	}
	/* Too far away for the counter: fires early, and is set again. */
	apic_write(APIC_TIMER_INIT, (uint32_t)min(ticks, 0xffffffffUL));
}
