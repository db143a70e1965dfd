/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/keyhandler.h"
#include "lib/printk.h"

#define FIRST_KEY ' '
#define LAST_KEY  '~'

static struct {
	void (*fn)(void);
	const char *desc;
} keys[LAST_KEY - FIRST_KEY + 1];

void keyhandler_register(char key, void (*fn)(void), const char *desc)
{
	BUG_ON(key < FIRST_KEY || key > LAST_KEY || keys[key - FIRST_KEY].fn);
	keys[key - FIRST_KEY].fn = fn;
	keys[key - FIRST_KEY].desc = desc;
}

void keyhandler_run(char key)
{
	if (key < FIRST_KEY || key > LAST_KEY || !keys[key - FIRST_KEY].fn) {
		printk("'%c': no such debug key; 'h' lists them\n",
		       key >= FIRST_KEY && key <= LAST_KEY ? key : '?');
		return;
	}
	printk("'%c' pressed -> %s\n", key, keys[key - FIRST_KEY].desc);
	keys[key - FIRST_KEY].fn();
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
