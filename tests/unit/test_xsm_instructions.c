/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/speed: a cached check costs under 60 instructions; loading the policy under 20 million, which
 * are the 20 ms of the emulator's clock; the search for a label among as many as there may be under 100,000.
 * Counts them by single-stepping a child, so the number is exact; compiled as the core is, without
 * sanitizers. Argument: a policy.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "xsm/state.h"

#define LIMIT	   60
#define LIMIT_LOAD 20000000
#define LIMIT_FIND 100000

static uint8_t data[POLICY_SIZE_MAX];
static size_t len;

/* Stops at a trap before and after each check. */
static void child(void)
{
	struct xsm_label dom0, guest;
	uint32_t sid, chan;
	int r = 0;

	if (xsm_domain_create(NULL, 0, true, 0, &dom0) ||
	    sid_of_text("system_u:system_r:domU_t", &sid) ||
	    xsm_domain_create(&dom0, 1, false, sid, &guest) ||
	    xsm_evtchn_unbound(&guest, &guest, &dom0, &chan))
		_exit(2);
	r |= xsm_domain(&dom0, &guest, XSM_DOMAIN__PAUSE);
	r |= xsm_evtchn_send(&guest, chan);
	r |= xsm_xen(&guest, XSM_VERSION__XEN_EXTRAVERSION);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	__asm__ volatile("int3" ::: "memory");
	r |= xsm_domain(&dom0, &guest, XSM_DOMAIN__PAUSE);
	__asm__ volatile("int3" ::: "memory");
	r |= xsm_evtchn_send(&guest, chan);
	__asm__ volatile("int3" ::: "memory");
	r |= xsm_xen(&guest, XSM_VERSION__XEN_EXTRAVERSION);
	__asm__ volatile("int3" ::: "memory");
	r |= xsm_load(data, len);
	__asm__ volatile("int3" ::: "memory");
	_exit(r ? 3 : 0);
}

/* The same around a search for the last of all labels that there may be, which differ in one category. */
static void child_with_labels(void)
{
	struct context c = sid_entry(xsm_state(), XSM_SID_DOM0)->context;
	uint32_t sid = 0;
	int r = 0;

	while (!r && sid < XSM_SIDS_MAX) {
		c.range.high.cat[POLICY_CAT_WORDS - 1]++;
		r = sid_of_context(xsm_state(), &c, &sid);
	}
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	__asm__ volatile("int3" ::: "memory");
	r |= sid_of_context(xsm_state(), &c, &sid);
	__asm__ volatile("int3" ::: "memory");
	_exit(r || sid != XSM_SIDS_MAX ? 3 : 0);
}

/* Steps to the next int3. Number of instructions, or -1 when the child is gone. */
static long count(pid_t pid)
{
	siginfo_t info;
	long n = 0;
	int status;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) < 0 ||
		    !WIFSTOPPED(status) || ptrace(PTRACE_GETSIGINFO, pid, NULL, &info))
			return -1;
		if (info.si_code == SI_KERNEL) /* an int3, not the end of a step */
			return n;
		n++;
	}
}

/* Counts and judges each of the @n steps of @child. 0: all is well; 77: it can't be traced. */
static int trace(void (*child)(void), const char *const *what, const long *limit, size_t n)
{
	pid_t pid = fork();
	int status, failed = 0;

	if (!pid)
		child();
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) {
		puts("the child can't be traced here");
		return 77;
	}
	for (size_t i = 0; i < n; i++) {
		long steps = count(pid);

		printf("%s: %ld instructions, at most %ld\n", what[i], steps, limit[i]);
		failed |= steps < 1 || steps >= limit[i];
	}
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
		puts("a check was denied");
		failed = 1;
	}
	return failed;
}

int main(int argc, char **argv)
{
	static const char *const what[] = { "xsm_domain", "xsm_evtchn_send", "xsm_xen", "xsm_load",
					    "sid_of_context" };
	static const long limit[] = { LIMIT, LIMIT, LIMIT, LIMIT_LOAD, LIMIT_FIND };
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	int failed;

	len = f ? fread(data, 1, sizeof(data), f) : 0;
	if (!f || xsm_boot(data, len, NULL) || xsm_cpu_init())
		return 2;
	fclose(f);
	failed = trace(child, what, limit, 4);
	return failed ? failed : trace(child_with_labels, what + 4, limit + 4, 1);
}
