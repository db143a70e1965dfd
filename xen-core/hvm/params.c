/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HVM parameters: who may set and read which, and what setting one does. LOCK_DOMAIN guards the
 * values; the callback vector is read without it.
 */
#include "domain/domain.h"
#include "hvm/hvm.h"

enum {
	SELF_SETS = 1, /* the domain may set its own */
	SELF_READS = 2,
	TOOLS = 4, /* others may set and read it, as far as the policy lets them */
	ONCE = 8,  /* once it is not 0 it stays what it is */
};

#define ANY UINT64_MAX
#define OFF 0 /* what is not offered can only be switched off */

static const struct {
	uint8_t rights;
	uint64_t max; /* the highest value that can be set */
} params[HVM_NR_PARAMS] = {
	[HVM_PARAM_CALLBACK_IRQ] = { SELF_SETS | SELF_READS | TOOLS, ANY },
	[HVM_PARAM_STORE_PFN] = { SELF_READS | TOOLS, ANY },
	[HVM_PARAM_STORE_EVTCHN] = { SELF_SETS | SELF_READS | TOOLS, ANY },
	[HVM_PARAM_IOREQ_PFN] = { TOOLS | ONCE, ANY },
	[HVM_PARAM_BUFIOREQ_PFN] = { TOOLS | ONCE, ANY },
	[HVM_PARAM_VIRIDIAN] = { TOOLS | ONCE, OFF },
	[HVM_PARAM_TIMER_MODE] = { TOOLS, HVMPTM_one_missed_tick_pending },
	[HVM_PARAM_HPET_ENABLED] = { TOOLS, ANY },
	[HVM_PARAM_IDENT_PT] = { TOOLS, ANY },
	[HVM_PARAM_ACPI_S_STATE] = { TOOLS, OFF },
	[HVM_PARAM_VM86_TSS] = { SELF_SETS | SELF_READS | TOOLS, UINT32_MAX },
	[HVM_PARAM_VPT_ALIGN] = { TOOLS, ANY },
	[HVM_PARAM_CONSOLE_PFN] = { SELF_READS | TOOLS, ANY },
	[HVM_PARAM_CONSOLE_EVTCHN] = { SELF_SETS | SELF_READS | TOOLS, ANY },
	[HVM_PARAM_ACPI_IOPORTS_LOCATION] = { SELF_SETS | SELF_READS | TOOLS, 1 },
	[HVM_PARAM_PAGING_RING_PFN] = { TOOLS, ANY },
	[HVM_PARAM_MONITOR_RING_PFN] = { TOOLS, ANY },
	[HVM_PARAM_SHARING_RING_PFN] = { TOOLS, ANY },
	[HVM_PARAM_TRIPLE_FAULT_REASON] = { TOOLS, SHUTDOWN_MAX },
	[HVM_PARAM_IOREQ_SERVER_PFN] = { TOOLS | ONCE, ANY },
	[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = { TOOLS | ONCE, 64 },
	[HVM_PARAM_VM_GENERATION_ID_ADDR] = { SELF_SETS | SELF_READS | TOOLS, ANY },
	[HVM_PARAM_ALTP2M] = { SELF_READS | TOOLS | ONCE, OFF },
	[HVM_PARAM_X87_FIP_WIDTH] = { SELF_SETS | SELF_READS | TOOLS, 8 },
	[HVM_PARAM_VM86_TSS_SIZED] = { SELF_SETS | SELF_READS | TOOLS, ANY },
	[HVM_PARAM_MCA_CAP] = { TOOLS | ONCE, OFF },
};

static int allowed(const struct domain *d, uint32_t index, uint8_t self)
{
	if (index >= HVM_NR_PARAMS || !params[index].rights)
		return -EINVAL; /* out of range, deprecated, or a hole */
	if (d == current_domain() && !(params[index].rights & self))
		return -EPERM;
	return 0;
}

/* Real mode's task-state segment, which old Intel CPUs need: kept for the tools, used by nobody. */
#define VM86_TSS_MIN 104u

static bool valid(uint32_t index, uint64_t value)
{
	if (value > params[index].max)
		return false;
	switch (index) {
	case HVM_PARAM_X87_FIP_WIDTH:
		return value == 0 || value == 4 || value == 8;
	case HVM_PARAM_VM86_TSS_SIZED:
		return value >> 32 >= VM86_TSS_MIN;
	case HVM_PARAM_NR_IOREQ_SERVER_PAGES:
		return value > 0;
	default:
		return true;
	}
}

/*
 * Vectors below 16 are exceptions and can't be a callback. An unusable one, another type, and 0
 * leave the domain without callback.
 */
static void set_callback(struct domain *d, uint64_t value)
{
	uint8_t vector = 0;

	if (value >> 56 == HVM_PARAM_CALLBACK_TYPE_VECTOR && (value & 0xff) >= 16)
		vector = value & 0xff;
	WRITE_ONCE(d->callback_vector, vector);
}

int hvm_param_set(struct domain *d, uint32_t index, uint64_t value)
{
	int rc = allowed(d, index, SELF_SETS);
	struct vcpu *v;
	unsigned int i;

	if (rc)
		return rc;
	if (!valid(index, value))
		return -EINVAL;
	spin_lock(&d->lock);
	if ((params[index].rights & ONCE) && d->hvm_params[index] &&
	    d->hvm_params[index] != value) {
		rc = -EEXIST;
	} else {
		d->hvm_params[index] = value;
		if (index == HVM_PARAM_CALLBACK_IRQ)
			set_callback(d, value);
	}
	spin_unlock(&d->lock);
	if (!rc && index == HVM_PARAM_CALLBACK_IRQ) /* events may be waiting for it */
		for_each_vcpu (d, v, i)
			if (!READ_ONCE(v->upcall_vector))
				hvm_event_pending(v);
	return rc;
}

int hvm_param_get(struct domain *d, uint32_t index, uint64_t *value)
{
	int rc = allowed(d, index, SELF_READS);

	if (rc)
		return rc;
	spin_lock(&d->lock);
	*value = d->hvm_params[index];
	spin_unlock(&d->lock);
	return 0;
}
