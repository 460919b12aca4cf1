/* Kprobes through tracefs, for kernels without the kprobe perf unit. */
#ifndef REX_KPROBE_EVENTS_H
#define REX_KPROBE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Defines an event on `function`+`offset` and writes its name, for removal, into `name`.
 * Returns the event's tracepoint id, or -errno.
 */
long rex_add_kprobe_event(const char *function, size_t offset, bool retprobe, char *name, size_t size);
int rex_remove_kprobe_event(const char *name);

#endif
