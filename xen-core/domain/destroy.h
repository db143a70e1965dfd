/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a domain, for domain.c. */
#ifndef CORE_DESTROY_H
#define CORE_DESTROY_H

#include "domain/domain.h"

/* Frees a vCPU that no one can reach. */
void vcpu_free(struct vcpu *v);

/* Frees a domain of which creation failed half-way and that no one has seen. */
void domain_discard(struct domain *d);

/* The last reference is gone and so is the grace period: frees the record and what hangs on it. */
void domain_free_epoch(struct epoch_node *node);

#endif
