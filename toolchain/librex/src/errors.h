#ifndef REX_ERRORS_H
#define REX_ERRORS_H

/* Whether rex_set_debug() asked for a description of each step. */
int rex_debugging(void);
/* A line on stderr, only while debugging. */
void rex_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A warning through libbpf's printer, without prefix and newline. Keeps errno. */
void rex_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For `return`: set errno to a positive error and give libbpf's failure value. */
int rex_fail(int error);
void *rex_fail_pointer(int error);

#endif
