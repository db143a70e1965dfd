/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/4: whatever is given as a policy is refused, or harmless: it answers every question.
 * Seeds: real policies (corpus/policy).
 */
#include <stdlib.h>

#include "host.h"
#include "x86/cpu.h"
#include "xsm/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(const struct policy *p, const struct context *s, const struct context *t,
		uint32_t tclass)
{
	static uint8_t cond[1 << 20];
	struct context out;
	char text[8192];
	struct av av;
	uint32_t c;

	if (p->conditionals > sizeof(cond))
		return;
	policy_cond_eval(p, cond);
	policy_access(p, cond, s, t, tclass, &av);
	(void)policy_may_change(p, s, t, s, tclass);
	policy_new_context(p, cond, s, t, tclass, RULE_TRANSITION, &out);
	if (!context_valid(p, &out))
		return;
	if (context_print(p, &out, text, sizeof(text)) < sizeof(text) &&
	    !context_parse(p, text, &out) && !context_valid(p, &out))
		abort();
	for (c = 0; c < 64; c++)
		(void)ebitmap_get(&p->type[out.type].attrs, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy_error err = { 0 };
	struct policy *p;
	uint32_t i, j, c;

	if (policy_read(data, len, &p, &err)) {
		if (!err.text || !*err.text || err.at > len)
			abort(); /* it must say what is wrong, and where */
		return 0;
	}
	policy_lacks_names(p);
	host_log_clear();
	for (i = 0; i < p->ocontexts[OCON_ISID]; i++)
		for (j = 0; j < p->ocontexts[OCON_ISID] && j < 4; j++)
			for (c = 1; c <= p->sym[SYM_CLASSES].nprim && c < 16; c++)
				ask(p, &p->ocontext[OCON_ISID][i].context,
				    &p->ocontext[OCON_ISID][j].context, c);
	policy_free(p);
	return 0;
}
