/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/state: two vCPUs take turns on one CPU, with different values in every register that
 * the core switches. A new vCPU sees nothing of what ran before it; afterwards each finds its own.
 *
 * CPUS: 1
 * CMDLINE: dom0_max_vcpus=2
 */
#include "guest.h"

#define ROUNDS	       200

#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define MXCSR_RESET    0x1f80
#define DR7_RESET      0x400

/* What FXSAVE writes (AMD64 volume 2, "FXSAVE area, 64-bit"). */
struct fx_image {
	uint16_t control, status;
	uint8_t tag, reserved;
	uint16_t opcode;
	uint64_t rip, data;
	uint32_t mxcsr, mxcsr_mask;
	uint64_t st[8][2];
	uint64_t xmm[16][2];
	uint64_t rest[12];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct fx_image) == 512, "FXSAVE's size");

/* STAR, LSTAR, CSTAR, SFMASK, FS.base, KernelGSbase, SYSENTER's three. */
static const uint32_t msr_number[] = { 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
				       0xc0000102, 0x174,      0x175,	   0x176 };
#define NR_MSRS	  ARRAY_SIZE(msr_number)
#define MSR_PAT	  0x277
#define PAT_RESET 0x0007040600070406UL
#define PAT_OTHER 0x0007010600070106UL

struct state {
	struct fx_image fx;
	uint64_t dr[4], dr7, cr2;
	uint64_t msr[NR_MSRS];
};

static struct state kept[2], seen[2];
static volatile unsigned int turns[2];
static volatile unsigned int done[2];
static volatile unsigned int wrong[2]; /* 0, or which register was not kept, from 1 */

static void fpu_on(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

static void state_read(struct state *s)
{
	__asm__ volatile("fxsave64 %0" : "=m"(s->fx));
	__asm__ volatile("mov %%dr0, %0" : "=r"(s->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(s->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(s->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(s->dr[3]));
	__asm__ volatile("mov %%dr7, %0" : "=r"(s->dr7));
	__asm__ volatile("mov %%cr2, %0" : "=r"(s->cr2));
	for (unsigned int i = 0; i < NR_MSRS; i++)
		probe_rdmsr(msr_number[i], &s->msr[i]);
}

static void state_write(const struct state *s)
{
	__asm__ volatile("fxrstor64 %0" : : "m"(s->fx));
	__asm__ volatile("mov %0, %%dr0" : : "r"(s->dr[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(s->dr[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(s->dr[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(s->dr[3]));
	__asm__ volatile("mov %0, %%dr7" : : "r"(s->dr7));
	__asm__ volatile("mov %0, %%cr2" : : "r"(s->cr2));
	for (unsigned int i = 0; i < NR_MSRS; i++)
		probe_wrmsr(msr_number[i], s->msr[i]);
}

/* Values that tell vCPU @cpu and round @round. */
static void state_make(struct state *s, uint64_t cpu, uint64_t round)
{
	uint64_t mark = (cpu + 1) << 32 | round << 8;

	memset(s, 0, sizeof(*s));
	s->fx.control = 0x37f - (uint16_t)(cpu << 10);
	s->fx.mxcsr = MXCSR_RESET ^ (cpu ? 0x6000 : 0x8000);
	s->fx.tag = 0xff;
	for (unsigned int i = 0; i < 8; i++) {
		s->fx.st[i][0] = 1UL << 63 | mark | i;
		s->fx.st[i][1] = 0x3fff + i;
	}
	for (unsigned int i = 0; i < 16; i++)
		s->fx.xmm[i][0] = s->fx.xmm[i][1] = ~mark - i;
	for (unsigned int i = 0; i < 4; i++)
		s->dr[i] = mark + 16 * i;
	/* Of one vCPU a breakpoint is on, at an address where nothing is. */
	s->dr7 = DR7_RESET | (cpu ? 2 : 0);
	s->cr2 = mark;
	for (unsigned int i = 0; i < NR_MSRS; i++)
		s->msr[i] = mark + i * 4096;
	s->msr[0] = mark << 16;
	s->msr[3] = (mark & 0xffff) | 0x200;
	s->msr[6] = (cpu + 1) * 8;
}

/* The first register in which @a and @b differ, from 1; 0: none. */
static unsigned int differ(const struct state *a, const struct state *b)
{
	if (a->fx.control != b->fx.control || a->fx.mxcsr != b->fx.mxcsr)
		return 1;
	if (memcmp(a->fx.st, b->fx.st, sizeof(a->fx.st)))
		return 2;
	if (memcmp(a->fx.xmm, b->fx.xmm, sizeof(a->fx.xmm)))
		return 3;
	if (memcmp(a->dr, b->dr, sizeof(a->dr)) || a->dr7 != b->dr7)
		return 4;
	if (a->cr2 != b->cr2)
		return 5;
	for (unsigned int i = 0; i < NR_MSRS; i++)
		if (a->msr[i] != b->msr[i])
			return 10 + i;
	return 0;
}

/* Lets the other vCPU run until it has had a turn. */
static void give_turn(unsigned int cpu)
{
	unsigned int before = turns[!cpu];

	turns[cpu]++;
	while (turns[!cpu] == before && !done[!cpu])
		sched_op(SCHEDOP_yield, NULL);
}

static void play(unsigned int cpu)
{
	for (unsigned int round = 0; round < ROUNDS && !wrong[cpu]; round++) {
		state_make(&kept[cpu], cpu, round);
		state_write(&kept[cpu]);
		give_turn(cpu);
		state_read(&seen[cpu]);
		wrong[cpu] = differ(&kept[cpu], &seen[cpu]);
	}
	done[cpu] = 1;
}

static struct state fresh;
static uint64_t fresh_pat;
static volatile unsigned int fresh_read;

static void second(void *data)
{
	(void)data;
	fpu_on();
	state_read(&fresh);
	probe_rdmsr(MSR_PAT, &fresh_pat);
	fresh_read = 1;
	play(1);
}

/* What the new vCPU found: the values after a reset, nothing of the other one's. */
static void check_fresh(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 16; i++)
		sum |= fresh.fx.xmm[i][0] | fresh.fx.xmm[i][1];
	CHECK("fresh-xmm", sum == 0);
	CHECK_EQ("fresh-mxcsr", fresh.fx.mxcsr, MXCSR_RESET);
	sum = 0;
	for (unsigned int i = 0; i < 8; i++)
		sum |= fresh.fx.st[i][0] | fresh.fx.st[i][1];
	CHECK("fresh-x87", sum == 0);
	CHECK("fresh-debug", (fresh.dr[0] | fresh.dr[1] | fresh.dr[2] | fresh.dr[3]) == 0);
	CHECK_EQ("fresh-dr7", fresh.dr7, DR7_RESET);
	CHECK_EQ("fresh-cr2", fresh.cr2, 0);
	sum = 0;
	for (unsigned int i = 0; i < NR_MSRS; i++)
		sum |= fresh.msr[i];
	CHECK("fresh-msrs", sum == 0);
	CHECK_EQ("fresh-pat", fresh_pat, PAT_RESET);
}

void guest_main(void)
{
	uint64_t pat = 0;

	fpu_on();
	probe_wrmsr(MSR_PAT, PAT_OTHER);
	state_make(&kept[0], 0, ROUNDS);
	state_write(&kept[0]);
	CHECK_EQ("start", cpu_start(1, second, NULL), 0);
	while (!fresh_read)
		sched_op(SCHEDOP_yield, NULL);
	state_read(&seen[0]);
	CHECK_EQ("kept-over-start", differ(&kept[0], &seen[0]), 0);
	check_fresh();
	play(0);
	while (!done[1])
		sched_op(SCHEDOP_yield, NULL);
	probe_rdmsr(MSR_PAT, &pat);
	CHECK_EQ("keeps-pat", pat, PAT_OTHER);
	CHECK_EQ("first-keeps-its-own", wrong[0], 0);
	CHECK_EQ("second-keeps-its-own", wrong[1], 0);
	CHECK("they-took-turns", turns[0] == ROUNDS && turns[1] == ROUNDS);
}
