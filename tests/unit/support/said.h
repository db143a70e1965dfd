/* SPDX-License-Identifier: BSD-2-Clause */
/* What a unit says with printk(). */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printk.h"

static char said[2048];

void printk(const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
}
