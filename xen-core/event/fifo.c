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
#include "mm/frame.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define PENDING	       (1U << EVTCHN_FIFO_PENDING)
#define MASKED	       (1U << EVTCHN_FIFO_MASKED)
#define LINKED	       (1U << EVTCHN_FIFO_LINKED)
#define BUSY	       (1U << EVTCHN_FIFO_BUSY)
#define LINK_MASK      ((uint32_t)EVTCHN_FIFO_LINK_MASK)

struct fifo_vcpu {
	struct spinlock lock; /* LOCK_VCPU: the tails, and the links that follow from them */
	struct guest_area control;
	port_t tail[EVTCHN_FIFO_MAX_QUEUES];
};

struct evtchn_fifo {
	uint32_t nr_words; /* published after the page */
	uint32_t nr_vcpus;
	struct epoch_node epoch;
	struct guest_area page[EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE];
	struct fifo_vcpu vcpu[]; /* of all that the domain may have */
};

/* The event word of @port, whose page gets a window; NULL when the guest has not given it yet. */
static event_word_t *word_open(const struct evtchn_fifo *f, port_t port)
{
	event_word_t *page;

	if (unlikely(port >= __atomic_load_n(&f->nr_words, __ATOMIC_ACQUIRE)))
		return NULL;
	page = window_open(f->page[port / WORDS_PER_PAGE].mfn[0]);
	return page + port % WORDS_PER_PAGE;
}

static void word_close(event_word_t *word)
{
	window_close((void *)((uintptr_t)word & PAGE_MASK));
}

bool fifo_pending(const struct evtchn_fifo *f, port_t port)
{
	event_word_t *word = word_open(f, port);
	bool pending = word && READ_ONCE(*word) & PENDING;

	if (word)
		word_close(word);
	return pending;
}

void fifo_clear_pending(const struct evtchn_fifo *f, port_t port)
{
	event_word_t *word = word_open(f, port);

	if (!word)
		return;
	__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
	word_close(word);
}

uint64_t fifo_busy(const struct evtchn_fifo *f, unsigned int index)
{
	event_word_t *word = word_open(f, index * PORTS_PER_BUCKET);
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
 * Appends @port to the queue that ends at @tail. False: that queue has been emptied, @port is its
 * new head. The guest may only mask, unmask, and clear PENDING and LINKED of a linked word, and
 * BUSY, set after the first try, keeps it from unmasking: so four more tries are enough for a guest
 * that keeps to the rules. One that does not loses its own event.
 */
static bool set_link(const struct domain *d, const struct evtchn_fifo *f, port_t tail, port_t port)
{
	event_word_t *word = word_open(f, tail);
	unsigned int tries = 0;
	bool linked = false;
	uint32_t w;

	if (!word)
		return false;
	w = READ_ONCE(*word);
	while ((w & LINKED) && tries < 5 && !linked) {
		linked = __atomic_compare_exchange_n(word, &w, (w & ~(BUSY | LINK_MASK)) | port,
						     false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		if (!linked && !tries++)
			w = __atomic_or_fetch(word, BUSY, __ATOMIC_SEQ_CST);
	}
	if (!linked && tries)
		__atomic_fetch_and(word, ~BUSY, __ATOMIC_SEQ_CST);
	word_close(word);
	if (!linked && (w & LINKED))
		printk_ratelimited(KERN_WARNING "d%u: event port %u not linked\n", d->id, port);
	return w & LINKED;
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
static struct vcpu *link_event(struct evtchn_fifo *f, struct evtchn *chn, event_word_t *word)
{
	struct domain *d = chn->domain;
	struct vcpu *v = d->vcpu[chn->vcpu];
	struct fifo_vcpu *q = &f->vcpu[chn->vcpu], *old = &f->vcpu[chn->last_vcpu];
	unsigned int prio = chn->priority;
	bool linked;

	if (!READ_ONCE(q->control.size))
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
	linked = q->tail[prio] && set_link(d, f, q->tail[prio], chn->port);
	q->tail[prio] = chn->port;
	if (!linked && !set_head(v, &q->control, prio, chn->port))
		v = NULL;
	spin_unlock(&q->lock);
	return linked ? NULL : v;
}

struct vcpu *fifo_set_pending(struct evtchn_fifo *f, struct evtchn *chn, bool *newly)
{
	event_word_t *word = word_open(f, chn->port);
	struct vcpu *notify = NULL;
	uint32_t old;

	if (!word) {
		chn->saved = 1; /* raised again by fifo_expand_array() */
		return NULL;
	}
	old = __atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST);
	*newly = !(old & PENDING);
	if (!(old & (MASKED | LINKED)))
		notify = link_event(f, chn, word);
	word_close(word);
	return notify;
}

struct vcpu *fifo_unmask(struct evtchn_fifo *f, struct evtchn *chn)
{
	event_word_t *word = word_open(f, chn->port);
	struct vcpu *notify = NULL;
	uint32_t old;

	if (!word)
		return NULL;
	old = __atomic_fetch_and(word, ~MASKED, __ATOMIC_SEQ_CST);
	if ((old & (PENDING | LINKED)) == PENDING)
		notify = link_event(f, chn, word);
	word_close(word);
	return notify;
}

static void fifo_free(struct epoch_node *node)
{
	struct evtchn_fifo *f = container_of(node, struct evtchn_fifo, epoch);

	for (unsigned int i = 0; i < ARRAY_SIZE(f->page); i++)
		guest_area_unpin(&f->page[i]);
	for (unsigned int i = 0; i < f->nr_vcpus; i++)
		guest_area_unpin(&f->vcpu[i].control);
	xfree(f);
}

void fifo_destroy(struct domain *d)
{
	struct evtchn_fifo *f = d->evtchn->fifo;

	WRITE_ONCE(d->evtchn->fifo, NULL);
	if (f)
		epoch_defer(&f->epoch, fifo_free);
}

/* Pins @size bytes at @offset of the guest's page @gfn. */
static int pin(struct domain *d, struct guest_area *area, uint64_t gfn, uint32_t offset,
	       size_t size)
{
	if (gfn >> (64 - PAGE_SHIFT) ||
	    guest_area_pin(d, area, (gpa_t) { gfn << PAGE_SHIFT | offset }, size))
		return -EINVAL;
	return 0;
}

/* Pins the page of a control block. The vCPU must not have one. */
static int control_set(struct domain *d, struct evtchn_fifo *f,
		       const struct evtchn_init_control *op)
{
	struct fifo_vcpu *q = &f->vcpu[op->vcpu];
	struct guest_area area = { 0 };

	if (q->control.size ||
	    pin(d, &area, op->control_gfn, op->offset, sizeof(struct evtchn_fifo_control_block)))
		return -EINVAL;
	spin_lock(&q->lock);
	q->control = area;
	spin_unlock(&q->lock);
	return 0;
}

/* Takes over what is pending in the shared info page; it is raised when the array page comes. */
static void save_pending(const struct domain *d)
{
	const struct evtchn_table *t = d->evtchn;
	port_t port;

	for_each_port (t, port, 1, t->valid) {
		struct evtchn *chn = evtchn_lookup(t, port);

		spin_lock_nested(&chn->lock);
		/* One that was sent since the change has been saved already. */
		if (two_level_pending(d, port))
			chn->saved = 1;
		spin_unlock(&chn->lock);
	}
}

/* Makes what @d needs for the ABI. */
static struct evtchn_fifo *fifo_create(const struct domain *d)
{
	struct evtchn_fifo *f = xzalloc(sizeof(*f) + d->max_vcpus * sizeof(f->vcpu[0]));

	if (!f)
		return NULL;
	f->nr_vcpus = d->max_vcpus;
	for (unsigned int i = 0; i < f->nr_vcpus; i++)
		spin_init(&f->vcpu[i].lock, LOCK_VCPU);
	return f;
}

int fifo_init_control(struct domain *d, void *arg)
{
	struct evtchn_init_control *op = arg;
	struct evtchn_table *t = d->evtchn;
	struct evtchn_fifo *f;
	int rc;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
		return -EINVAL;
	spin_lock(&t->lock);
	f = t->fifo ? t->fifo : fifo_create(d);
	rc = f ? control_set(d, f, op) : -ENOMEM;
	if (rc && !t->fifo) {
		xfree(f);
	} else if (!t->fifo) { /* the first control block: everything switches over */
		__atomic_store_n(&t->fifo, f, __ATOMIC_SEQ_CST);
		save_pending(d);
	}
	spin_unlock(&t->lock);
	return rc;
}

/* Raises the events of the new page that were sent before it was there. The table is locked. */
static void raise_saved(const struct evtchn_table *t, port_t first)
{
	port_t end = min(t->valid, (uint32_t)(first + WORDS_PER_PAGE)), port;

	for_each_port (t, port, first, end) {
		struct evtchn *chn = evtchn_lookup(t, port);
		bool saved;

		spin_lock_nested(&chn->lock);
		saved = chn->saved;
		chn->saved = 0;
		if (saved)
			evtchn_raise(chn);
		else
			spin_unlock(&chn->lock);
	}
}

int fifo_expand_array(struct domain *d, void *arg)
{
	const struct evtchn_expand_array *op = arg;
	struct evtchn_table *t = d->evtchn;
	struct evtchn_fifo *f;
	int rc;

	spin_lock(&t->lock);
	f = t->fifo;
	if (!f)
		rc = -EOPNOTSUPP;
	else if (f->nr_words >= t->max_ports)
		rc = -ENOSPC;
	else
		rc = pin(d, &f->page[f->nr_words / WORDS_PER_PAGE], op->array_gfn, 0, PAGE_SIZE);
	if (!rc) {
		__atomic_store_n(&f->nr_words, f->nr_words + WORDS_PER_PAGE, __ATOMIC_RELEASE);
		raise_saved(t, f->nr_words - (port_t)WORDS_PER_PAGE);
	}
	spin_unlock(&t->lock);
	return rc;
}
