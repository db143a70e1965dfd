/* SPDX-License-Identifier: BSD-2-Clause */
/* Acts of memory_op that change where in a guest's physical map something is. */
#ifndef CORE_PHYSMAP_H
#define CORE_PHYSMAP_H

#include "hypercall/control.h"

long physmap_add(struct op_call *call);
long physmap_add_batch(struct op_call *call);
long physmap_remove(struct op_call *call);
long physmap_acquire_resource(struct op_call *call);

#endif
