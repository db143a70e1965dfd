/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unit tests of the store's engine begin with: a store, Dom0's client and two guests, the first
 * of which has a folder; and short words for asking them.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "support/store_harness.h"

static struct harness h;
static struct pipe_conn *dom0, *guest, *other;

static int setup(void **state)
{
	(void)state;
	harness_start(&h);
	dom0 = harness_connect(&h, 0, 0);
	guest = harness_connect(&h, 5, CONN_DOMAIN);
	other = harness_connect(&h, 6, CONN_DOMAIN);
	ask(&h, dom0, XS_INTRODUCE, 0, "5|1|1|");
	ask(&h, dom0, XS_INTRODUCE, 0, "6|1|1|");
	ask(&h, dom0, XS_MKDIR, 0, "/local/domain/5|");
	ask(&h, dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(store_check(h.store), 0);
	assert_int_equal(harness_stop(&h), 0);
	return 0;
}

#define ASK(who, type, text)		ask(&h, who, type, 0, text)
#define WANT(who, type, text, answer)	assert_string_equal(ASK(who, type, text), answer)
/* The same inside a transaction. */
#define IN(tx, who, type, text, answer) assert_string_equal(ask(&h, who, type, tx, text), answer)
/* The next event is this ("path|token"); "": there is none. */
#define EVENT(who, text)		assert_string_equal(event(&h, who), text)
