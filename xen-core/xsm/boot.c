/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy at boot: the module, and the option flask=. */
#include "state.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"

bool xsm_is_policy(const void *module, size_t len)
{
	static const uint8_t start[] = { 0x8c, 0xff, 0x7c, 0xf9, 8,   0,   0,	0,
					 'X',  'e',  'n',  'F',	 'l', 'a', 's', 'k' };

	return len >= sizeof(start) && !memcmp(module, start, sizeof(start));
}

int xsm_boot(const void *policy, size_t len, const char *option)
{
	int err;

	if (!option || !*option || !strcmp(option, "enforcing")) {
		xsm_enforcing = true;
	} else if (!strcmp(option, "permissive")) {
		xsm_enforcing = false;
	} else if (!strcmp(option, "late")) {
		printk(KERN_WARNING
		       "FLASK: built-in rules until a policy is loaded (flask=late)\n");
		return 0;
	} else if (!strcmp(option, "disabled")) {
		printk(KERN_WARNING "FLASK: disabled: built-in rules only\n");
		xsm_disabled = true;
		return 0;
	} else {
		printk(KERN_ERR "FLASK: flask=%s: not enforcing, permissive, late or disabled\n",
		       option);
		return -EINVAL;
	}
	xsm_update_begin();
	err = policy ? xsm_load(policy, len) : -ENOENT;
	xsm_update_end();
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
