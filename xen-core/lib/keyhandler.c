/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/keyhandler.h"
#include "lib/printk.h"

#define FIRST_KEY ' '
#define LAST_KEY  '~'

static struct debug_key {
	void (*fn)(void);
	const char *desc;
} keys[LAST_KEY - FIRST_KEY + 1];

/* The place of @key, or NULL: it can't be printed. */
static struct debug_key *key_entry(char key)
{
	return key < FIRST_KEY || key > LAST_KEY ? NULL : &keys[key - FIRST_KEY];
}

void keyhandler_register(char key, void (*fn)(void), const char *desc)
{
	struct debug_key *k = key_entry(key);

	BUG_ON(!k || k->fn);
	*k = (struct debug_key) { fn, desc };
}

void keyhandler_run(char key)
{
	const struct debug_key *k = key_entry(key);

	if (!k || !k->fn) {
		printk("'%c': no such debug key; 'h' lists them\n", k ? key : '?');
		return;
	}
	printk("'%c' pressed -> %s\n", key, k->desc);
	k->fn();
}

static void show_help(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].fn)
			printk(" key '%c' => %s\n", (char)(FIRST_KEY + i), keys[i].desc);
}

void keyhandler_init(void)
{
	keyhandler_register('h', show_help, "show this message");
}
