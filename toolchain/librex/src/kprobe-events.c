#include "kprobe-events.h"

#include "tracefs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int edit(const char *command) {
  char path[64];
  snprintf(path, sizeof path, "%s/kprobe_events", rex_tracefs());
  return rex_append_text(path, command);
}

int rex_remove_kprobe_event(const char *name) {
  char command[192];
  snprintf(command, sizeof command, "-:%s", name);
  return edit(command);
}

long rex_add_kprobe_event(const char *function, size_t offset, bool retprobe, char *name, size_t size) {
  static unsigned int serial;
  char command[512];
  const char *group = retprobe ? "kretprobes" : "kprobes";
  long id;
  int status, length;
  length = snprintf(name, size, "%s/libbpf_%ld_%s_0x%zx_%u", group, (long)getpid(), function, offset, serial++);
  if (length < 0 || (size_t)length >= size) return -ENAMETOOLONG;
  /* event names are words; function names may hold dots */
  for (char *c = name + strlen(group) + 1; *c != '\0'; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  length = snprintf(command, sizeof command, "%c:%s %s+0x%zx", retprobe ? 'r' : 'p', name, function, offset);
  if (length < 0 || (size_t)length >= sizeof command) return -ENAMETOOLONG;
  status = edit(command);
  if (status < 0) return status;
  id = rex_tracepoint_id(group, name + strlen(group) + 1);
  if (id < 0) rex_remove_kprobe_event(name);
  return id;
}
