/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked rings with the link inside the element. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_head {
	struct list_head *next, *prev;
};

static inline void list_init(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_add_tail(struct list_head *link, struct list_head *head)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Takes an element out; it is an empty ring then, so doing it twice is harmless. */
static inline void list_del(struct list_head *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#define list_for_each_entry(entry, head, member)                           \
	for (entry = list_entry((head)->next, __typeof__(*entry), member); \
	     &entry->member != (head);                                     \
	     entry = list_entry(entry->member.next, __typeof__(*entry), member))

/* The same where the body may take `entry` out. */
#define list_for_each_entry_safe(entry, tmp, head, member)                    \
	for (entry = list_entry((head)->next, __typeof__(*entry), member),    \
	    tmp = list_entry(entry->member.next, __typeof__(*entry), member); \
	     &entry->member != (head);                                        \
	     entry = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
