/* Small text files of sysfs and tracefs. */
#ifndef REX_TRACEFS_H
#define REX_TRACEFS_H

/* The folder of tracefs on this system. */
const char *rex_tracefs(void);
/* The decimal number in a file, 0 or more; or -errno. */
long rex_read_number(const char *path);
/* Appends `text` in one write. 0 or -errno. */
int rex_append_text(const char *path, const char *text);
/* The id of a tracepoint; or -errno. */
long rex_tracepoint_id(const char *category, const char *name);

#endif
