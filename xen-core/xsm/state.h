/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in force: the policy with its SIDs, and its booleans. Another policy or a commit of booleans
 * takes its place at once; what was in force is freed when no CPU can hold it any more. SIDs are only
 * added. Reading takes no lock.
 */
#pragma once

#include "policy.h"
#include "x86/cpu.h"
#include "x86/epoch.h"
#include "xsm.h"

#define XSM_SIDS_MAX  4096
#define CONTEXT_MAX   4096 /* bytes of a context's text from a guest, with its terminator */
#define XSM_LOCAL_MAX 256  /* labels of hardware given at run time */

struct sid_entry {
	struct context context; /* that of unlabeled when the policy does not know the text */
	uint32_t hash;		/* of the context */
	char text[];
};

/* The booleans in force, and what follows from them. */
struct xsm_booleans {
	struct epoch_node epoch;
	uint8_t *cond;	 /* value of each conditional */
	uint8_t value[]; /* [1 … ], then those of cond */
};

struct xsm_state {
	struct epoch_node epoch;
	struct policy *policy; /* with the booleans to be committed; by who has xsm_changing */
	struct xsm_booleans *booleans;
	/* SIDs are given out once, and have the same text in every state that follows. */
	uint32_t sids; /* the highest one; grows under the lock, read without */
	struct sid_entry *entry[XSM_SIDS_MAX + 1];
};

/* A label of hardware that was given at run time. */
struct local_ocon {
	uint32_t kind, sid; /* enum ocon_kind */
	uint64_t low, high;
};

extern struct xsm_state *xsm_state_ptr;
extern uint32_t xsm_seq;  /* grows after each change of what is in force */
extern bool xsm_changing; /* by an operation: one at a time */
extern bool xsm_enforcing, xsm_disabled;
extern bool xsm_log_uses; /* each permission that a rule gives is logged when it is first used */

/* NULL: no policy is loaded, the built-in rules hold. */
static inline struct xsm_state *xsm_state(void)
{
	return __atomic_load_n(&xsm_state_ptr, __ATOMIC_ACQUIRE);
}

static inline const struct xsm_booleans *xsm_booleans(const struct xsm_state *s)
{
	return __atomic_load_n(&s->booleans, __ATOMIC_ACQUIRE);
}

/* Replaces policy, or booleans, when xsm_changing has been taken. 0 or -errno. */
int xsm_load(const void *data, size_t len);
int xsm_commit_booleans(void);
/* Labels of hardware, which must not overlap: 0, -EEXIST or -ENOSPC; 0 or -ENOENT. */
int xsm_add_local(const struct local_ocon *o);
int xsm_del_local(const struct local_ocon *o);

/* Entry of @sid, that of unlabeled when there is none. */
const struct sid_entry *sid_entry(const struct xsm_state *s, uint32_t sid);
bool sid_exists(uint32_t sid);
/*
 * SID of a context valid under @s, which may be new. 0, -ENOMEM or -ENOSPC; -EINVAL when another
 * policy has come meanwhile that does not have it.
 */
int sid_of_context(const struct xsm_state *s, const struct context *c, uint32_t *sid);
/* 0, -EINVAL (not a context), -ENOMEM or -ENOSPC. Without policy: names of initial SIDs. */
int sid_of_text(const char *text, uint32_t *sid);
const char *sid_text(uint32_t sid);
/* New label by a type rule (RULE_TRANSITION …) of our class @tclass. 0, -EPERM, -EINVAL … */
int sid_new(uint32_t source, uint32_t target, uint32_t tclass, uint32_t kind, uint32_t *sid);
/*
 * Beside the SID of a domain that is asked about: the subject is that domain itself, or its device
 * model. The policy then sees the domain under the label that a transition rule of class domain gives,
 * where there is one. It is found at each decision, so that nobody has to be told of a new policy.
 */
#define SID_OWN (1U << 31)
/* The SID that @target, with SID_OWN or without, stands for when @source is the subject. */
uint32_t sid_seen(uint32_t source, uint32_t target);
/* Label of hardware: @kind, @number; *@end is how far it goes. 0 or -errno. Without policy: the kind's. */
int sid_of_hardware(enum ocon_kind kind, uint64_t number, uint64_t *end, uint32_t *sid);

/* avc.c: what a message about a denial says beside the labels. */
struct xsm_audit {
	const struct xsm_label *subj, *obj; /* each may be NULL */
	uint8_t kind;			    /* 0: none; else 1 + enum xsm_resource */
	uint64_t first, last;
};

/*
 * A decision straight from the policy, for class @tclass of the core and in the core's bits. Here and
 * below @target may have SID_OWN.
 */
struct av xsm_decide(const struct xsm_state *s, uint32_t source, uint32_t target, uint32_t tclass);
/* The question itself, with cache and message (once per interval). 0 or -EPERM; 0 too when not enforcing. */
int avc_check(uint32_t source, uint32_t target, enum xsm_perm perm, const struct xsm_audit *a);
/* The same without a message and whether enforcing or not. */
bool avc_allows(uint32_t source, uint32_t target, enum xsm_perm perm);

#define AVC_ENTRIES 1024 /* power of two */

struct avc_entry {
	uint64_t pair;	/* source, target */
	uint64_t when;	/* class, xsm_seq before it was computed */
	uint32_t quiet; /* allowed, and no message wanted */
	struct av av;
};

struct avc {
	uint32_t lookups, misses;
	struct avc_entry entry[AVC_ENTRIES];
};

static inline uint64_t avc_pair(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

static inline struct avc_entry *avc_slot(struct avc *avc, uint32_t source, uint32_t target,
					 uint32_t tclass)
{
	return &avc->entry[(source ^ target << 3 ^ tclass << 6) % AVC_ENTRIES];
}

static inline bool avc_hit(const struct avc_entry *e, uint32_t source, uint32_t target,
			   uint32_t tclass)
{
	return e->pair == avc_pair(source, target) &&
	       e->when == avc_pair(tclass, READ_ONCE(xsm_seq));
}

/*
 * The short way for what is asked often: whether the cache says that this is allowed and nobody
 * wants to hear of it. Otherwise avc_check() must be asked.
 */
static inline bool avc_quick(uint32_t source, uint32_t target, enum xsm_perm perm)
{
	struct avc *avc = this_cpu()->avc;
	const struct avc_entry *e = avc_slot(avc, source, target, perm >> 5);

	if (unlikely(!avc_hit(e, source, target, perm >> 5) || !(e->quiet >> (perm & 31) & 1)))
		return false;
	avc->lookups++;
	return true;
}
