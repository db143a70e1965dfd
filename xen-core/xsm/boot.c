/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy at boot: the module, and the option flask=. */
#include "state.h"
#include "lib/printk.h"
#include "lib/string.h"

/* Whether @word is the first one of @option, which moves behind it and its comma. */
static bool take_word(const char **option, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*option, word, n) || ((*option)[n] && (*option)[n] != ','))
		return false;
	*option += n + ((*option)[n] == ',');
	return true;
}

int xsm_boot(const void *policy, size_t len, const char *option)
{
	const char *rest = option ? option : "";
	bool late = false;
	int err;

	xsm_enforcing = true;
	while (*rest) {
		if (take_word(&rest, "permissive")) {
			xsm_enforcing = false;
		} else if (take_word(&rest, "late")) {
			late = true;
		} else if (take_word(&rest, "disabled")) {
			xsm_disabled = true;
		} else if (take_word(&rest, "uses")) {
			xsm_log_uses = true;
		} else if (!take_word(&rest, "enforcing")) {
			printk(KERN_ERR "FLASK: flask=%s: not enforcing, permissive, late, disabled"
					" or uses\n",
			       option);
			return -EINVAL;
		}
	}
	if (late || xsm_disabled) {
		printk(KERN_WARNING "FLASK: built-in rules %s\n",
		       xsm_disabled ? "only (flask=disabled)"
				    : "until a policy is loaded (flask=late)");
		return 0;
	}
	err = policy ? xsm_load(policy, len) : -ENOENT;
	if (err == -ENOENT)
		printk(KERN_ERR "FLASK: there is no policy among the boot modules\n");
	if (err && xsm_enforcing) {
		printk(KERN_ERR
		       "FLASK: enforcing without a policy: nothing may run. Give a policy as "
		       "boot module, or flask=permissive, late or disabled\n");
		return err;
	}
	if (err)
		printk(KERN_WARNING "FLASK: built-in rules until a policy is loaded\n");
	return 0;
}
