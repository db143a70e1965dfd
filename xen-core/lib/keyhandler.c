/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/keyhandler.h"
#include "lib/printk.h"

void keyhandler_run(char key)
{
	const struct debug_key *k;

	for (k = debug_keys; k->fn; k++) {
		if (k->key == key) {
			printk("'%c' pressed -> %s\n", key, k->desc);
			k->fn();
			return;
		}
	}
	if (key != 'h')
		printk("'%c': no such debug key\n", key >= ' ' && key <= '~' ? key : '?');
	for (k = debug_keys; k->fn; k++)
		printk(" key '%c' => %s\n", k->key, k->desc);
}
