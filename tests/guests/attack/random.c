/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls with random arguments, from all vCPUs at once; some in multicalls, some in those again. */
#include "attack.h"

#define CALLS	   10000
#define MULTICALLS 4 /* in one */

struct caller {
	uint64_t state;
	uint64_t buffer[64]; /* arguments point here, and the core may write here */
	multicall_entry_t list[MULTICALLS], inner[MULTICALLS];
	volatile bool done;
};

static struct caller callers[CREW_MAX] PAGE_ALIGNED;
static uint8_t map_at[PAGE_SIZE] PAGE_ALIGNED;

/* Words that find the edges of checks. Small numbers and frames stay below this kernel. */
static uint64_t random_word(struct caller *c)
{
	uint64_t n = next_random(&c->state);

	switch (n >> 8 & 7) {
	case 0:
		return n >> 16 & 0xff;
	case 1:
		return (uintptr_t)c->buffer;
	case 2:
		return ~0UL - (n >> 16 & 15);
	case 3:
		return BAD_ADDRESS;
	case 4:
		return DOMID_SELF;
	case 5:
		return n | 1UL << 63;
	case 6:
		return (uintptr_t)map_at / PAGE_SIZE;
	default:
		return 1UL << (28 + (n >> 16) % 36);
	}
}

/* What would change the host in Dom0's place when it succeeds. */
static bool spared_in_dom0(unsigned int nr)
{
	switch (nr) {
	case __HYPERVISOR_sched_op_compat:
	case __HYPERVISOR_platform_op:
	case __HYPERVISOR_sysctl:
	case __HYPERVISOR_domctl:
	case __HYPERVISOR_xsm_op:
	case __HYPERVISOR_kexec_op:
	case __HYPERVISOR_physdev_op:
		return true;
	default:
		return false;
	}
}

/* What would end or stop this domain, or print. */
static bool spared(unsigned int nr, unsigned int cmd)
{
	switch (nr) {
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
		return cmd != SCHEDOP_yield && (cmd != SCHEDOP_remote_shutdown || !is_guest());
	case __HYPERVISOR_iret:	     /* an undefined instruction in Xen's page */
	case __HYPERVISOR_multicall: /* made of calls that are chosen here */
		return true;
	case __HYPERVISOR_console_io:
		return cmd == 0;
	case __HYPERVISOR_vcpu_op:
		return cmd == VCPUOP_down;
	case __HYPERVISOR_hvm_op:
		return cmd == HVMOP_set_param;
	default:
		return !is_guest() && spared_in_dom0(nr);
	}
}

/* Fills @e with a call that is not spared. */
static void random_call(struct caller *c, multicall_entry_t *e)
{
	do {
		e->op = next_random(&c->state) >> 20 & 63;
		e->args[0] = next_random(&c->state) >> 20 & 31;
	} while (spared((unsigned int)e->op, (unsigned int)e->args[0]));
	if (e->op == __HYPERVISOR_set_timer_op)
		e->args[0] = 0;
	/* Those whose first argument is a pointer. */
	else if (e->op == __HYPERVISOR_domctl || e->op == __HYPERVISOR_sysctl ||
		 e->op == __HYPERVISOR_platform_op || e->op == __HYPERVISOR_xsm_op)
		e->args[0] = (uintptr_t)c->buffer;
	for (unsigned int i = 1; i < ARRAY_SIZE(e->args); i++)
		e->args[i] = random_word(c);
	if (next_random(&c->state) & 1)
		e->args[1] = (uintptr_t)c->buffer;
	if (e->op == __HYPERVISOR_grant_table_op || next_random(&c->state) & 1)
		e->args[2] = next_random(&c->state) & 7;
}

/* A list that contains a list: nesting is refused, the rest is done. */
static void multicalls(struct caller *c)
{
	for (unsigned int i = 0; i < MULTICALLS; i++) {
		random_call(c, &c->inner[i]);
		random_call(c, &c->list[i]);
	}
	c->list[1].op = __HYPERVISOR_multicall;
	c->list[1].args[0] = (uintptr_t)(next_random(&c->state) & 1 ? c->inner : c->list);
	c->list[1].args[1] = MULTICALLS;
	HYPERCALL2(multicall, c->list, MULTICALLS);
}

static void calls(struct caller *c)
{
	multicall_entry_t e;

	for (unsigned int i = 0; i < CALLS; i++) {
		for (unsigned int w = 0; w < 16; w++)
			c->buffer[w] = random_word(c);
		c->buffer[1] &= 31; /* counts: what is behind the buffer is this kernel */
		if (i % 16 == 0) {
			multicalls(c);
			continue;
		}
		random_call(c, &e);
		hypercall((unsigned int)e.op, e.args[0], e.args[1], e.args[2], e.args[3],
			  e.args[4]);
	}
}

static void helper_calls(void)
{
	struct caller *c = &callers[this_cpu()];

	if (c->done)
		return;
	calls(c);
	c->done = true;
}

void attack_random(void)
{
	for (unsigned int i = 0; i < CREW_MAX; i++)
		callers[i].state = 0x9e3779b97f4a7c15UL * (i + 1);
	crew_set(helper_calls);
	calls(&callers[0]);
	for (unsigned int i = 1; i < crew_size(); i++)
		while (!callers[i].done)
			sched_op(SCHEDOP_yield, NULL);
	crew_stop();
	/* It was moved about: without it there is no clock. */
	CHECK_EQ("random-calls-survived", map_xen_page(XENMAPSPACE_shared_info, 0, &shared_info),
		 0);
}
