/* Loading of Rex extensions: the API of rex-rs/librex, over the calls of <bpf/libbpf.h>. */
#ifndef LIBREX_H
#define LIBREX_H

#ifdef __cplusplus
extern "C" {
#endif

struct rex_obj;
struct bpf_object;

/* Non-zero: describe each step of a load (symbols, maps, relocations, fds) on stderr. */
void rex_set_debug(int val);

/*
 * Loads the Rex program at `path` into the kernel: its maps, its image, and one program per entry function.
 * Returns NULL with errno set, and a message on stderr, when the file or the kernel refuses.
 * The object lives until bpf_object__close() or the end of the process.
 */
struct rex_obj *rex_obj_load(const char *path);

/* The libbpf view of a loaded object; NULL with errno EINVAL for NULL. */
struct bpf_object *rex_obj_get_bpf(struct rex_obj *obj);

#ifdef __cplusplus
}
#endif
#endif
