/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FIFO ABI (xen/event_channel.h; "Event Channels with FIFO-based ABI", draft H): an array of
 * event words in guest pages, linked into 16 queues for each vCPU whose heads are in the vCPU's
 * control block. The core keeps only each queue's tail. Nothing that the guest writes into words
 * or control block is followed: links are written, never read, and every retry is bounded.
 *
 * The pages are pinned; pages and records go after a grace period, so that deliveries need no
 * reference. Locks: the channel's own, then the FIFO lock of one vCPU.
 */
#include "event/table.h"
#include "lib/printk.h"
#include "mm/heap.h"
#include "mm/window.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define PENDING	       (1U << EVTCHN_FIFO_PENDING)
#define MASKED	       (1U << EVTCHN_FIFO_MASKED)
#define LINKED	       (1U << EVTCHN_FIFO_LINKED)
#define BUSY	       (1U << EVTCHN_FIFO_BUSY)
#define LINK_MASK      ((uint32_t)EVTCHN_FIFO_LINK_MASK)

struct evtchn_fifo {
	uint32_t nr_words;  /* published after the page */
	uint32_t max_pages; /* as many as the domain's limit of ports needs */
	struct epoch_node epoch;
	struct guest_area page[];
};

struct fifo_vcpu {
	struct spinlock lock; /* LOCK_VCPU: the tails, and the links that follow from them */
	struct guest_area control;
	port_t tail[EVTCHN_FIFO_MAX_QUEUES];
	struct epoch_node epoch;
};

/* The event word of @port, whose page gets a window; NULL when the guest has not given it yet. */
static event_word_t *word_open(const struct domain *d, port_t port)
{
	const struct evtchn_fifo *f = d->evtchn->fifo;
	event_word_t *page;

	if (unlikely(!f || port >= __atomic_load_n(&f->nr_words, __ATOMIC_ACQUIRE)))
		return NULL;
	page = window_open(f->page[port / WORDS_PER_PAGE].mfn[0]);
	return page + port % WORDS_PER_PAGE;
}

static void word_close(event_word_t *word)
{
	window_close((void *)((uintptr_t)word & PAGE_MASK));
}

static uint32_t word_read(const struct domain *d, port_t port, uint32_t missing)
{
	event_word_t *word = word_open(d, port);
	uint32_t value;

	if (!word)
		return missing;
	value = READ_ONCE(*word);
	word_close(word);
	return value;
}

bool fifo_is_pending(const struct domain *d, port_t port)
{
	return word_read(d, port, 0) & PENDING;
}

bool fifo_is_masked(const struct domain *d, port_t port)
{
	return word_read(d, port, MASKED) & MASKED;
}

void fifo_clear_pending(struct domain *d, port_t port)
{
	event_word_t *word = word_open(d, port);

	if (!word)
		return;
	__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
	word_close(word);
}

uint64_t fifo_busy(const struct domain *d, unsigned int index)
{
	event_word_t *word = word_open(d, index * PORTS_PER_BUCKET);
	uint64_t busy = 0;

	if (!word)
		return 0;
	for (unsigned int i = 0; i < PORTS_PER_BUCKET; i++)
		if (READ_ONCE(word[i]) & LINKED)
			busy |= 1UL << i;
	word_close(word);
	return busy;
}

/*
 * Sets the link of *@word to @port while it is LINKED, trying @tries times; *@w is its last value.
 * 1: linked; 0: not LINKED any more; -1: the guest kept changing it.
 */
static int try_set_link(event_word_t *word, uint32_t *w, port_t port, unsigned int tries)
{
	while (tries--) {
		uint32_t new = (*w & ~(BUSY | LINK_MASK)) | port;

		if (!(*w & LINKED))
			return 0;
		if (__atomic_compare_exchange_n(word, w, new, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return 1;
	}
	return -1;
}

/*
 * Appends @port to the queue that ends at @tail. False: that queue has been emptied, @port is its
 * new head. The guest may only mask, unmask, and clear PENDING and LINKED of a linked word, and
 * BUSY keeps it from unmasking: so four tries are enough for a guest that keeps to the rules. One
 * that does not loses its own event.
 */
static bool set_link(const struct domain *d, port_t tail, port_t port)
{
	event_word_t *word = word_open(d, tail);
	uint32_t w;
	int rc;

	if (!word)
		return false;
	w = READ_ONCE(*word);
	rc = try_set_link(word, &w, port, 1);
	if (rc < 0) {
		w = __atomic_or_fetch(word, BUSY, __ATOMIC_SEQ_CST);
		rc = try_set_link(word, &w, port, 4);
		if (rc <= 0)
			__atomic_fetch_and(word, ~BUSY, __ATOMIC_SEQ_CST);
	}
	word_close(word);
	if (rc < 0)
		printk_ratelimited(KERN_WARNING "d%u: event port %u not linked\n", d->id, port);
	return rc != 0;
}

/* Tells the guest that the queue begins at @port. True when its vCPU must be notified. */
static bool set_head(const struct vcpu *v, const struct guest_area *control, unsigned int prio,
		     port_t port)
{
	uint8_t *page = window_open(control->mfn[0]);
	struct evtchn_fifo_control_block *block = (void *)(page + control->offset);
	struct vcpu_info *info;
	bool notify = false;

	WRITE_ONCE(block->head[prio], port);
	if (!(__atomic_fetch_or(&block->ready, 1U << prio, __ATOMIC_SEQ_CST) & (1U << prio))) {
		info = vcpu_info_open(v);
		notify = vcpu_info_mark(info);
		vcpu_info_close(v, info);
	}
	window_close(page);
	return notify;
}

/*
 * Links @chn into its queue; it is pending, unmasked, and was not linked. When the port was the
 * tail of another queue, that queue is empty now and must forget it under its own lock, or an
 * event added there would be linked into this queue.
 */
static struct vcpu *link_event(struct evtchn *chn, event_word_t *word)
{
	struct domain *d = chn->domain;
	struct vcpu *v = d->vcpu[chn->vcpu], *last = d->vcpu[chn->last_vcpu];
	struct fifo_vcpu *q = v ? v->evtchn_fifo : NULL;
	struct fifo_vcpu *old = last ? last->evtchn_fifo : NULL;
	unsigned int prio = chn->priority;
	bool linked;

	if (!q || !old || !q->control.size)
		return NULL; /* the guest must not unmask before it has given the control block */
	spin_lock(&old->lock);
	if (__atomic_fetch_or(word, LINKED, __ATOMIC_SEQ_CST) & LINKED) {
		spin_unlock(&old->lock);
		return NULL;
	}
	if (old->tail[chn->last_priority] == chn->port)
		old->tail[chn->last_priority] = 0;
	if (old != q) {
		spin_unlock(&old->lock);
		spin_lock(&q->lock);
	}
	chn->last_vcpu = chn->vcpu;
	chn->last_priority = prio & 0xf;
	linked = q->tail[prio] && set_link(d, q->tail[prio], chn->port);
	q->tail[prio] = chn->port;
	if (!linked && !set_head(v, &q->control, prio, chn->port))
		v = NULL;
	spin_unlock(&q->lock);
	return linked ? NULL : v;
}

struct vcpu *fifo_set_pending(struct evtchn *chn, bool *newly)
{
	event_word_t *word = word_open(chn->domain, chn->port);
	struct vcpu *notify = NULL;
	uint32_t old;

	if (!word) {
		chn->saved = 1; /* raised again by fifo_expand_array() */
		return NULL;
	}
	old = __atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST);
	*newly = !(old & PENDING);
	if (!(old & (MASKED | LINKED)))
		notify = link_event(chn, word);
	word_close(word);
	return notify;
}

struct vcpu *fifo_unmask(struct evtchn *chn)
{
	event_word_t *word = word_open(chn->domain, chn->port);
	struct vcpu *notify = NULL;
	uint32_t old;

	if (!word)
		return NULL;
	old = __atomic_fetch_and(word, ~MASKED, __ATOMIC_SEQ_CST);
	if ((old & (PENDING | LINKED)) == PENDING)
		notify = link_event(chn, word);
	word_close(word);
	return notify;
}

static void fifo_vcpu_free(struct epoch_node *node)
{
	struct fifo_vcpu *q = container_of(node, struct fifo_vcpu, epoch);

	if (q->control.size)
		guest_area_unpin(&q->control);
	xfree(q);
}

static void fifo_free(struct epoch_node *node)
{
	struct evtchn_fifo *f = container_of(node, struct evtchn_fifo, epoch);

	for (unsigned int i = 0; i * WORDS_PER_PAGE < f->nr_words; i++)
		guest_area_unpin(&f->page[i]);
	xfree(f);
}

void fifo_destroy(struct domain *d)
{
	struct evtchn_fifo *f = d->evtchn->fifo;
	struct vcpu *v;
	unsigned int i;

	WRITE_ONCE(d->evtchn->fifo, NULL);
	if (f)
		epoch_defer(&f->epoch, fifo_free);
	for_each_vcpu (d, v, i) {
		struct fifo_vcpu *q = v->evtchn_fifo;

		if (!q)
			continue;
		WRITE_ONCE(v->evtchn_fifo, NULL);
		epoch_defer(&q->epoch, fifo_vcpu_free);
	}
}

static int fifo_vcpu_add(struct domain *d, struct vcpu *v)
{
	struct fifo_vcpu *q;

	if (v->evtchn_fifo)
		return 0;
	q = xzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	spin_init(&q->lock, LOCK_VCPU);
	__atomic_store_n(&v->evtchn_fifo, q, __ATOMIC_RELEASE);
	return 0;
}

/* Pins the page of a control block. The vCPU must not have one. */
static int control_set(struct domain *d, struct fifo_vcpu *q, uint64_t gfn, uint32_t offset)
{
	struct guest_area area = { 0 };
	gpa_t gpa;

	if (q->control.size || gfn >> (64 - PAGE_SHIFT))
		return -EINVAL;
	gpa = (gpa_t) { gfn << PAGE_SHIFT | offset };
	if (guest_area_pin(d, &area, gpa, sizeof(struct evtchn_fifo_control_block)))
		return -EINVAL;
	/* The size tells others that it is there. */
	q->control.mfn[0] = area.mfn[0];
	q->control.mfn[1] = area.mfn[1];
	q->control.offset = area.offset;
	__atomic_store_n(&q->control.size, area.size, __ATOMIC_RELEASE);
	return 0;
}

/* Takes over what is pending in the shared info page; it is raised when the array page comes. */
static void save_pending(struct domain *d)
{
	const struct evtchn_table *t = d->evtchn;

	for (port_t port = 1; port < min(t->valid, (uint32_t)EVTCHN_2L_NR_CHANNELS); port++) {
		struct evtchn *chn = evtchn_lookup(t, port);

		evtchn_lock(chn);
		if (two_level_is_pending(d, port))
			chn->saved = 1;
		chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
		evtchn_unlock(chn);
	}
}

/* The first control block of @d: makes everything and switches over. The table is locked. */
static int fifo_start(struct domain *d, struct vcpu *first, uint64_t gfn, uint32_t offset)
{
	unsigned int pages = DIV_ROUND_UP(d->evtchn->max_ports, WORDS_PER_PAGE), i;
	struct evtchn_fifo *f;
	struct vcpu *v;
	int rc = 0;

	f = xzalloc(sizeof(*f) + pages * sizeof(f->page[0]));
	if (!f)
		return -ENOMEM;
	f->max_pages = pages;
	for_each_vcpu (d, v, i)
		if (!rc)
			rc = fifo_vcpu_add(d, v);
	if (!rc)
		rc = control_set(d, first->evtchn_fifo, gfn, offset);
	if (rc) {
		xfree(f);
		fifo_destroy(d);
		return rc;
	}
	__atomic_store_n(&d->evtchn->fifo, f, __ATOMIC_SEQ_CST);
	save_pending(d);
	return 0;
}

int fifo_init_control(void *arg)
{
	struct evtchn_init_control *op = arg;
	struct domain *d = current_domain();
	struct vcpu *v = domain_vcpu(d, op->vcpu);
	int rc;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (!v)
		return -ENOENT;
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
		return -EINVAL;
	spin_lock(&d->evtchn->lock);
	if (!d->evtchn->fifo) {
		rc = fifo_start(d, v, op->control_gfn, op->offset);
	} else {
		rc = fifo_vcpu_add(d, v);
		if (!rc)
			rc = control_set(d, v->evtchn_fifo, op->control_gfn, op->offset);
	}
	spin_unlock(&d->evtchn->lock);
	return rc;
}

/* Raises the events of the new page that were sent before it was there. The table is locked. */
static void raise_saved(struct domain *d, port_t first)
{
	const struct evtchn_table *t = d->evtchn;
	port_t end = min(t->valid, (uint32_t)(first + WORDS_PER_PAGE));

	for (port_t port = first; port < end; port++) {
		struct evtchn *chn = evtchn_lookup(t, port);
		bool saved;

		evtchn_lock(chn);
		saved = chn->saved && evtchn_state(chn->binding) > EVTCHN_RESERVED;
		chn->saved = 0;
		evtchn_unlock(chn);
		if (saved)
			evtchn_deliver(chn, chn->binding);
	}
}

int fifo_expand_array(void *arg)
{
	const struct evtchn_expand_array *op = arg;
	struct domain *d = current_domain();
	struct guest_area area = { 0 };
	struct evtchn_fifo *f;
	unsigned int slot;
	int rc = 0;

	spin_lock(&d->evtchn->lock);
	f = d->evtchn->fifo;
	slot = f ? f->nr_words / WORDS_PER_PAGE : 0;
	if (!f)
		rc = -EOPNOTSUPP;
	else if (slot >= EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE || slot >= f->max_pages)
		rc = -ENOSPC;
	else if (op->array_gfn >> (64 - PAGE_SHIFT) ||
		 guest_area_pin(d, &area, gfn_to_gpa((gfn_t) { op->array_gfn }), PAGE_SIZE))
		rc = -EINVAL;
	if (!rc) {
		f->page[slot] = area;
		__atomic_store_n(&f->nr_words, f->nr_words + WORDS_PER_PAGE, __ATOMIC_RELEASE);
		raise_saved(d, slot * (port_t)WORDS_PER_PAGE);
	}
	spin_unlock(&d->evtchn->lock);
	return rc;
}
