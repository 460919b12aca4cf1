/*
 * bpf-errors [GROUP…]: what bpf(2) and perf_event_open(2) answer to bad pointers, descriptors and fields.
 * All groups without arguments; `rex-base` and `rex-prog` need the Rex commands, the others hold on Linux too.
 */
#define _GNU_SOURCE
#include "check.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_POINTER 0xffffffff81000000UL
#define CLOSED_FD 999
#define PAGE 4096

static long bpf(int command, const void *attr, unsigned int size) { return syscall(SYS_bpf, command, attr, size); }

static uint64_t address(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }

static int null_fd(void) {
  static int fd = -1;
  if (fd < 0) fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  return fd;
}

/* ------------------------------------------------------------ the call itself */

static void check_attr(void) {
  static char attr[8192];
  CHECK_ERRNO(bpf(9999, attr, 64), EINVAL);
  CHECK_ERRNO(bpf(-1, attr, 64), EINVAL);
  CHECK_ERRNO(bpf(BPF_MAP_CREATE, NULL, 64), EFAULT);
  CHECK_ERRNO(bpf(BPF_MAP_CREATE, (void *)KERNEL_POINTER, 64), EFAULT);
  CHECK_ERRNO(bpf(BPF_MAP_CREATE, NULL, 0), EINVAL);
  CHECK_ERRNO(bpf(BPF_MAP_CREATE, attr, PAGE + 1), E2BIG);
  /* past every attribute this kernel knows, then past this command's */
  attr[900] = 1;
  CHECK_ERRNO(bpf(BPF_MAP_CREATE, attr, 1000), E2BIG);
  attr[900] = 0;
  attr[40] = 1;
  CHECK_ERRNO(bpf(BPF_MAP_LOOKUP_ELEM, attr, 64), EINVAL);
}

/* ------------------------------------------------------------ BPF_MAP_CREATE */

static struct bpf_attr_map_create map_attr(int type, int key, int value, int entries) {
  struct bpf_attr_map_create attr = {
      .map_type = (uint32_t)type,
      .key_size = (uint32_t)key,
      .value_size = (uint32_t)value,
      .max_entries = (uint32_t)entries,
      .map_name = "a_map.1",
  };
  return attr;
}

static long create_map(struct bpf_attr_map_create attr) { return bpf(BPF_MAP_CREATE, &attr, sizeof attr); }

static long create(int type, int key, int value, int entries) {
  return create_map(map_attr(type, key, value, entries));
}

static void check_create(void) {
  long fd = create(BPF_MAP_TYPE_HASH, 4, 8, 1);
  CHECK(fd >= 0);
  CHECK_EQUAL(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQUAL(close((int)fd), 0);
  /* the first 16 bytes are enough */
  struct bpf_attr_map_create attr = map_attr(BPF_MAP_TYPE_HASH, 4, 8, 1);
  fd = bpf(BPF_MAP_CREATE, &attr, 16);
  CHECK(fd >= 0);
  close((int)fd);

  CHECK_ERRNO(create(0, 4, 8, 1), EINVAL);
  CHECK_ERRNO(create(9999, 4, 8, 1), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_HASH, 0, 8, 1), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_HASH, 4, 0, 1), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_HASH, 4, 8, 0), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_HASH, 4, 1 << 30, 1), E2BIG);
  CHECK_ERRNO(create(BPF_MAP_TYPE_ARRAY, 8, 8, 1), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_ARRAY, 4, 0, 1), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_ARRAY, 4, 8, 0), EINVAL);
  CHECK_ERRNO(create(BPF_MAP_TYPE_ARRAY, 4, 8, -1), ENOMEM);
  attr.map_flags = 1u << 31;
  CHECK_ERRNO(create_map(attr), EINVAL);
  attr.map_flags = 0x8 | 0x10; /* read-only and write-only */
  CHECK_ERRNO(create_map(attr), EINVAL);
  attr.map_flags = 0;
  memcpy(attr.map_name, "has space", 10);
  CHECK_ERRNO(create_map(attr), EINVAL);
  memset(attr.map_name, 'x', sizeof attr.map_name);
  CHECK_ERRNO(create_map(attr), EINVAL);
}

/* ------------------------------------------------------------ elements */

static long element(int command, long fd, const void *key, const void *value, uint64_t flags) {
  struct bpf_attr_map_elem attr = {
      .map_fd = (uint32_t)fd, .key = address(key), .value = address(value), .flags = flags};
  return bpf(command, &attr, sizeof attr);
}

static long lookup(long fd, const void *key, void *value) { return element(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0); }

static long update(long fd, const void *key, const void *value, uint64_t flags) {
  return element(BPF_MAP_UPDATE_ELEM, fd, key, value, flags);
}

static long drop(long fd, const void *key) { return element(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0); }

static long next_key(long fd, const void *key, void *next) {
  return element(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0);
}

static void check_bad_map(int command) {
  uint64_t buffer = 0;
  const void *key = &buffer, *value = command == BPF_MAP_DELETE_ELEM ? NULL : &buffer;
  long map = create(BPF_MAP_TYPE_HASH, 4, 8, 4);
  CHECK_ERRNO(element(command, CLOSED_FD, key, value, 0), EBADF);
  CHECK_ERRNO(element(command, -1, key, value, 0), EBADF);
  CHECK_ERRNO(element(command, null_fd(), key, value, 0), EINVAL);
  if (command != BPF_MAP_GET_NEXT_KEY) CHECK_ERRNO(element(command, map, NULL, value, 0), EFAULT);
  CHECK_ERRNO(element(command, map, (void *)KERNEL_POINTER, value, 0), EFAULT);
  CHECK_ERRNO(element(command, map, (void *)8, value, 0), EFAULT);
  close((int)map);
}

static void check_hash(void) {
  uint32_t one = 1, two = 2, three = 3, key;
  uint64_t value = 42;
  long map = create(BPF_MAP_TYPE_HASH, 4, 8, 2);
  CHECK_ERRNO(lookup(map, &one, &value), ENOENT);
  CHECK_ERRNO(drop(map, &one), ENOENT);
  CHECK_ERRNO(next_key(map, NULL, &key), ENOENT);
  CHECK_ERRNO(update(map, &one, &value, BPF_EXIST), ENOENT);
  CHECK_ERRNO(update(map, &one, NULL, BPF_ANY), EFAULT);
  CHECK_ERRNO(update(map, &one, (void *)KERNEL_POINTER, BPF_ANY), EFAULT);
  CHECK_ERRNO(update(map, &one, &value, 3), EINVAL);
  CHECK_ERRNO(update(map, &one, &value, 1UL << 40), EINVAL);
  CHECK_EQUAL(update(map, &one, &value, BPF_NOEXIST), 0);
  CHECK_ERRNO(update(map, &one, &value, BPF_NOEXIST), EEXIST);
  CHECK_EQUAL(update(map, &two, &value, BPF_ANY), 0);
  CHECK_ERRNO(update(map, &three, &value, BPF_ANY), E2BIG);
  CHECK_EQUAL(update(map, &two, &value, BPF_EXIST), 0);
  CHECK_ERRNO(lookup(map, &one, NULL), EFAULT);
  CHECK_ERRNO(lookup(map, &one, (void *)KERNEL_POINTER), EFAULT);
  CHECK_ERRNO(element(BPF_MAP_LOOKUP_ELEM, map, &one, &value, 1), EINVAL);
  CHECK_ERRNO(element(BPF_MAP_DELETE_ELEM, map, &one, NULL, 1), EINVAL);
  value = 0;
  CHECK_EQUAL(lookup(map, &one, &value), 0);
  CHECK_EQUAL(value, 42);

  int steps = 0;
  uint32_t *previous = NULL, seen = 0;
  while (steps < 5 && next_key(map, previous, &key) == 0) {
    seen |= 1u << key;
    previous = &key;
    steps++;
  }
  CHECK_EQUAL(steps, 2);
  CHECK_EQUAL(seen, 6);
  CHECK_ERRNO(next_key(map, NULL, NULL), EFAULT);
  CHECK_EQUAL(drop(map, &one), 0);
  CHECK_ERRNO(lookup(map, &one, &value), ENOENT);
  CHECK_EQUAL(update(map, &three, &value, BPF_ANY), 0);
  close((int)map);
}

static void check_array(void) {
  uint32_t zero = 0, last = 2, outside = 3, key = 99;
  uint64_t value = 42;
  long map = create(BPF_MAP_TYPE_ARRAY, 4, 8, 3);
  CHECK_EQUAL(lookup(map, &last, &value), 0);
  CHECK_EQUAL(value, 0);
  CHECK_ERRNO(lookup(map, &outside, &value), ENOENT);
  CHECK_ERRNO(update(map, &outside, &value, BPF_ANY), E2BIG);
  CHECK_ERRNO(update(map, &zero, &value, BPF_NOEXIST), EEXIST);
  CHECK_ERRNO(update(map, &zero, &value, 3), EINVAL);
  CHECK_EQUAL(update(map, &zero, &value, BPF_EXIST), 0);
  CHECK_ERRNO(drop(map, &zero), EINVAL);
  CHECK_EQUAL(next_key(map, NULL, &key), 0);
  CHECK_EQUAL(key, 0);
  CHECK_EQUAL(next_key(map, &outside, &key), 0);
  CHECK_EQUAL(key, 0);
  CHECK_EQUAL(next_key(map, &zero, &key), 0);
  CHECK_EQUAL(key, 1);
  CHECK_ERRNO(next_key(map, &last, &key), ENOENT);
  close((int)map);
}

static void check_elements(void) {
  check_bad_map(BPF_MAP_LOOKUP_ELEM);
  check_bad_map(BPF_MAP_UPDATE_ELEM);
  check_bad_map(BPF_MAP_DELETE_ELEM);
  check_bad_map(BPF_MAP_GET_NEXT_KEY);
  check_hash();
  check_array();
}

/* ------------------------------------------------------------ BPF_PROG_LOAD */

/* the attributes up to prog_name stand at the same places in every kernel */
#define PROG_LOAD_SIZE 64

/* r0 = 0; exit */
static const uint64_t instructions[] = {0xb7, 0x95};

static struct bpf_attr_rex_load bytecode_attr(void) {
  struct bpf_attr_rex_load attr = {
      .prog_type = BPF_PROG_TYPE_KPROBE,
      .insn_cnt = 2,
      .insns = address(instructions),
      .license = address("GPL"),
      .prog_name = "bytecode",
  };
  return attr;
}

static long load_bytecode(struct bpf_attr_rex_load attr) { return bpf(BPF_PROG_LOAD, &attr, PROG_LOAD_SIZE); }

static void check_load(void) {
  struct bpf_attr_rex_load attr = bytecode_attr();
  long fd = load_bytecode(attr);
  CHECK(fd >= 0);
  close((int)fd);
#define WITH(field, wrong, error)                                                                                     \
  attr = bytecode_attr();                                                                                             \
  attr.field = (wrong);                                                                                               \
  CHECK_ERRNO(load_bytecode(attr), error)
  WITH(prog_type, 9999, EINVAL);
  WITH(insn_cnt, 0, E2BIG);
  WITH(insn_cnt, 1000001, E2BIG);
  WITH(insns, 0, EFAULT);
  WITH(insns, KERNEL_POINTER, EFAULT);
  WITH(license, 0, EFAULT);
  WITH(license, KERNEL_POINTER, EFAULT);
  WITH(prog_flags, 1u << 31, EINVAL);
  WITH(log_level, 16, EINVAL);
  /* a size without a buffer */
  WITH(log_size, 100, EINVAL);
  WITH(prog_name[0], ' ', EINVAL);
  /* the last instruction falls off the end */
  WITH(insn_cnt, 1, EINVAL);
#undef WITH
}

/* ------------------------------------------------------------ BPF_PROG_LOAD_REX_BASE */

/* xor %eax, %eax; ret */
static const unsigned char code[] = {0x31, 0xc0, 0xc3};
#define CODE_OFFSET 0x200
/* the data segment: a map handle at its start, then slots for relocations */
#define DATA_OFFSET PAGE
#define SLOT_OFFSET (DATA_OFFSET + 0x100)

struct image {
  Elf64_Ehdr header;
  Elf64_Phdr segments[2];
  unsigned char rest[2 * PAGE - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
};

static struct image good_image(void) {
  struct image image = {
      .header =
          {
              .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_DYN,
              .e_machine = EM_X86_64,
              .e_version = EV_CURRENT,
              .e_phoff = sizeof(Elf64_Ehdr),
              .e_ehsize = sizeof(Elf64_Ehdr),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 2,
              .e_shentsize = sizeof(Elf64_Shdr),
          },
      .segments =
          {
              {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = PAGE, .p_memsz = PAGE, .p_align = PAGE},
              {.p_type = PT_LOAD,
               .p_flags = PF_R | PF_W,
               .p_offset = PAGE,
               .p_vaddr = PAGE,
               .p_filesz = PAGE,
               .p_memsz = PAGE,
               .p_align = PAGE},
          },
  };
  memcpy((unsigned char *)&image + CODE_OFFSET, code, sizeof code);
  return image;
}

static int image_file(const struct image *image, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/bpf-errors-%d", getpid());
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  unlink(path);
  return fd >= 0 && write(fd, image, size) == (long)size ? fd : -1;
}

static struct rex_text_sym text_symbol;

static struct bpf_attr_rex_load base_attr(int file) {
  text_symbol = (struct rex_text_sym){.offset = CODE_OFFSET, .size = 16, .symbol = address("entry")};
  struct bpf_attr_rex_load attr = {
      .prog_type = BPF_PROG_TYPE_REX_BASE,
      .license = address("GPL"),
      .prog_name = "errors.base",
      .unwinder_insn_off = CODE_OFFSET,
      .text_syms = address(&text_symbol),
      .nr_text_syms = 1,
      .rustfd = (uint32_t)file,
  };
  return attr;
}

static long load_base(struct bpf_attr_rex_load attr) { return bpf(BPF_PROG_LOAD_REX_BASE, &attr, sizeof attr); }

static long load_file(int file) {
  long fd = load_base(base_attr(file));
  int error = errno;
  if (fd >= 0) close((int)fd);
  errno = error;
  return fd;
}

static long load_image(struct image image) {
  int file = image_file(&image, sizeof image);
  long fd = load_file(file);
  int error = errno;
  close(file);
  errno = error;
  return fd;
}

static int good_file(void) {
  struct image image = good_image();
  return image_file(&image, sizeof image);
}

static void check_base_files(void) {
  struct image image = good_image();
  int file = good_file();
  CHECK(load_file(file) >= 0);
  close(file);
  CHECK_ERRNO(load_file(CLOSED_FD), EBADF);
  file = image_file(&image, 0);
  CHECK_ERRNO(load_file(file), EIO);
  close(file);
  file = image_file(&image, 20);
  CHECK_ERRNO(load_file(file), EIO);
  close(file);
  /* the second segment is missing */
  file = image_file(&image, PAGE);
  CHECK_ERRNO(load_file(file), EIO);
  close(file);
#define WITH(field, wrong)                                                                                            \
  image = good_image();                                                                                               \
  image.field = (wrong);                                                                                              \
  CHECK_ERRNO(load_image(image), EINVAL)
  WITH(header.e_ident[0], 'x');
  WITH(header.e_ident[EI_CLASS], ELFCLASS32);
  WITH(header.e_ident[EI_DATA], ELFDATA2MSB);
  WITH(header.e_type, ET_REL);
  WITH(header.e_machine, EM_BPF);
  WITH(header.e_phnum, 0);
  WITH(header.e_phentsize, 32);
  WITH(segments[0].p_flags, PF_R | PF_W | PF_X);
  WITH(segments[0].p_align, 0x200000);
  WITH(segments[0].p_vaddr, PAGE);
  WITH(segments[0].p_filesz, 2 * PAGE);
  WITH(segments[1].p_vaddr, 0);
  WITH(segments[1].p_vaddr, 2 * PAGE);
  WITH(segments[1].p_vaddr, MAX_PROG_SZ);
  WITH(segments[1].p_vaddr, 0xfffffffffffff000);
  WITH(segments[1].p_memsz, MAX_PROG_SZ);
  WITH(segments[1].p_memsz, 0xffffffffffffffff);
  WITH(segments[1].p_flags, PF_X);
#undef WITH
}

static void check_base_fields(void) {
  struct bpf_attr_rex_load attr;
  int file = good_file();
#define WITH(field, wrong, error)                                                                                     \
  attr = base_attr(file);                                                                                             \
  attr.field = (wrong);                                                                                               \
  CHECK_ERRNO(load_base(attr), error)
  WITH(prog_flags, 1u << 31, EINVAL);
  WITH(license, 0, EFAULT);
  WITH(license, KERNEL_POINTER, EFAULT);
  WITH(nr_text_syms, 0, EINVAL);
  WITH(text_syms, KERNEL_POINTER, EFAULT);
  WITH(text_syms, 0, EFAULT);
  WITH(prog_name[0], '/', EINVAL);
#undef WITH
  attr = base_attr(file);
  text_symbol.symbol = KERNEL_POINTER;
  CHECK_ERRNO(load_base(attr), EFAULT);
  /* more symbols than any memory holds: whichever error, but an answer */
  attr = base_attr(file);
  attr.nr_text_syms = 1UL << 60;
  CHECK_EQUAL(load_base(attr), -1);
  close(file);
}

static void check_base_maps(void) {
  struct image image = good_image();
  uint64_t handle_fd = (uint64_t)create(BPF_MAP_TYPE_HASH, 4, 8, 1);
  uint64_t offsets[MAX_USED_MAPS];
  for (int i = 0; i < MAX_USED_MAPS; i++) offsets[i] = DATA_OFFSET + offsetof(struct rex_map_handle, kptr);
  unsigned char *slot = (unsigned char *)&image + offsets[0];
  memcpy(slot, &handle_fd, sizeof handle_fd);
  int file = image_file(&image, sizeof image);

  struct bpf_attr_rex_load attr = base_attr(file);
  attr.map_offs = address(offsets);
  attr.map_cnt = 1;
  long fd = load_base(attr);
  CHECK(fd >= 0);
  close((int)fd);
  attr.map_cnt = MAX_USED_MAPS;
  CHECK_ERRNO(load_base(attr), EINVAL);
  attr.map_cnt = 1;
  attr.map_offs = KERNEL_POINTER;
  CHECK_ERRNO(load_base(attr), EFAULT);
  attr.map_offs = address(offsets);
  offsets[0] = MAX_PROG_SZ;
  CHECK_ERRNO(load_base(attr), EINVAL);
  offsets[0] = 2 * PAGE - 4; /* half of it outside */
  CHECK_ERRNO(load_base(attr), EINVAL);
  offsets[0] = (uint64_t)-8;
  CHECK_ERRNO(load_base(attr), EINVAL);
  close(file);

  static const struct {
    uint64_t fd;
    int error;
  } wrong[] = {{CLOSED_FD, EBADF}, {(uint64_t)-1, EBADF}};
  offsets[0] = offsets[1];
  for (int i = 0; i < 2; i++) {
    memcpy(slot, &wrong[i].fd, sizeof wrong[i].fd);
    attr.rustfd = (uint32_t)(file = image_file(&image, sizeof image));
    CHECK_ERRNO(load_base(attr), wrong[i].error);
    close(file);
  }
  close((int)handle_fd);
}

static void check_base_relocations(void) {
  int file = good_file();
  struct rex_rela_dyn rela = {.offset = SLOT_OFFSET, .info = R_X86_64_RELATIVE, .addend = 0};
  struct bpf_attr_rex_load attr = base_attr(file);
  attr.dyn_relas = address(&rela);
  attr.nr_dyn_relas = 1;
  long fd = load_base(attr);
  CHECK(fd >= 0);
  close((int)fd);
  rela.info = R_X86_64_GLOB_DAT;
  CHECK_ERRNO(load_base(attr), EINVAL);
  rela.info = R_X86_64_RELATIVE;
  rela.offset = MAX_PROG_SZ;
  CHECK_ERRNO(load_base(attr), EINVAL);
  rela.offset = (uint64_t)-8;
  CHECK_ERRNO(load_base(attr), EINVAL);
  attr.dyn_relas = KERNEL_POINTER;
  CHECK_ERRNO(load_base(attr), EFAULT);
  attr.dyn_relas = address(&rela);
  attr.nr_dyn_relas = 1UL << 60;
  CHECK_EQUAL(load_base(attr), -1);
  close(file);
}

static void check_base_imports(void) {
  static char long_name[KSYM_NAME_LEN + 8];
  memset(long_name, 'x', sizeof long_name - 1);
  int file = good_file();
  struct rex_dyn_sym import = {.offset = SLOT_OFFSET, .symbol = address("just_return_func")};
  struct bpf_attr_rex_load attr = base_attr(file);
  attr.dyn_syms = address(&import);
  attr.nr_dyn_syms = 1;
  long fd = load_base(attr);
  CHECK(fd >= 0);
  close((int)fd);
  import.symbol = address("no_such_symbol");
  CHECK_ERRNO(load_base(attr), EINVAL);
  import.symbol = address("");
  CHECK_ERRNO(load_base(attr), EINVAL);
  import.symbol = address(long_name);
  CHECK_ERRNO(load_base(attr), E2BIG);
  import.symbol = 0;
  CHECK_ERRNO(load_base(attr), EFAULT);
  import.symbol = KERNEL_POINTER;
  CHECK_ERRNO(load_base(attr), EFAULT);
  import = (struct rex_dyn_sym){.offset = MAX_PROG_SZ, .symbol = address("just_return_func")};
  CHECK_ERRNO(load_base(attr), EINVAL);
  attr.dyn_syms = KERNEL_POINTER;
  CHECK_ERRNO(load_base(attr), EFAULT);
  close(file);
}

static void check_rex_base(void) {
  check_base_files();
  check_base_fields();
  check_base_maps();
  check_base_relocations();
  check_base_imports();
}

/* ------------------------------------------------------------ BPF_PROG_LOAD_REX */

static struct bpf_attr_rex_load program_attr(long base) {
  struct bpf_attr_rex_load attr = {
      .prog_type = BPF_PROG_TYPE_KPROBE,
      .license = address("GPL"),
      .prog_name = "errors",
      .unwinder_insn_off = CODE_OFFSET,
      .prog_offset = CODE_OFFSET,
      .base_prog_fd = (uint32_t)base,
  };
  return attr;
}

static long load_program(struct bpf_attr_rex_load attr) { return bpf(BPF_PROG_LOAD_REX, &attr, sizeof attr); }

static void check_rex_prog(void) {
  int file = good_file();
  long base = load_base(base_attr(file));
  close(file);
  CHECK(base >= 0);
  struct bpf_attr_rex_load attr = program_attr(base);
  long program = load_program(attr);
  CHECK(program >= 0);
  long map = create(BPF_MAP_TYPE_HASH, 4, 8, 1);
#define WITH(field, wrong, error)                                                                                     \
  attr = program_attr(base);                                                                                          \
  attr.field = (wrong);                                                                                               \
  CHECK_ERRNO(load_program(attr), error)
  WITH(base_prog_fd, CLOSED_FD, EBADF);
  WITH(base_prog_fd, (uint32_t)map, EINVAL);
  WITH(base_prog_fd, (uint32_t)program, EINVAL);
  WITH(prog_offset, 2 * PAGE, EINVAL);
  WITH(prog_offset, (uint64_t)-1, EINVAL);
  WITH(prog_type, 9999, EINVAL);
  WITH(prog_flags, 1u << 31, EINVAL);
  WITH(license, 0, EFAULT);
  WITH(license, KERNEL_POINTER, EFAULT);
  WITH(prog_name[0], '/', EINVAL);
#undef WITH
  close((int)map);
  close((int)base);
  close((int)program);
}

/* ------------------------------------------------------------ perf events and links */

static long kprobe_type(void) {
  char text[16] = {0};
  int fd = open("/sys/bus/event_source/devices/kprobe/type", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  long count = read(fd, text, sizeof text - 1);
  close(fd);
  return count > 0 ? atol(text) : -1;
}

static long open_event(struct perf_event_attr attr, int pid, int cpu, unsigned long flags) {
  return syscall(SYS_perf_event_open, &attr, pid, cpu, -1, flags);
}

static struct perf_event_attr kprobe_attr(const char *function) {
  struct perf_event_attr attr = {
      .type = (uint32_t)kprobe_type(), .size = sizeof attr, .config1 = address(function)};
  return attr;
}

static long open_kprobe(struct perf_event_attr attr) { return open_event(attr, -1, 0, PERF_FLAG_FD_CLOEXEC); }

static void check_perf(void) {
  struct perf_event_attr attr = {.type = 9999, .size = sizeof attr};
  CHECK_ERRNO(open_event(attr, -1, 0, 0), ENOENT);
  CHECK_ERRNO(open_event(attr, -1, -1, 0), EINVAL);
  CHECK_ERRNO(open_event(attr, -1, 0, 1UL << 40), EINVAL);
  CHECK_ERRNO(syscall(SYS_perf_event_open, NULL, -1, 0, -1, 0), EFAULT);
  CHECK_ERRNO(syscall(SYS_perf_event_open, KERNEL_POINTER, -1, 0, -1, 0), EFAULT);
  CHECK_ERRNO(ioctl(null_fd(), PERF_EVENT_IOC_ENABLE, 0), ENOTTY);
  CHECK_ERRNO(ioctl(CLOSED_FD, PERF_EVENT_IOC_ENABLE, 0), EBADF);
  if (kprobe_type() < 0) return;
  CHECK_ERRNO(open_kprobe(kprobe_attr("no_such_function")), ENOENT);
  CHECK_ERRNO(open_kprobe(kprobe_attr((char *)KERNEL_POINTER)), EFAULT);
  attr = kprobe_attr("__x64_sys_dup");
  attr.config = 2;
  CHECK_ERRNO(open_kprobe(attr), EINVAL);
  long event = open_kprobe(kprobe_attr("__x64_sys_dup"));
  CHECK(event >= 0);
  CHECK_EQUAL(fcntl((int)event, F_GETFD), FD_CLOEXEC);
  CHECK_ERRNO(ioctl((int)event, PERF_EVENT_IOC_SET_BPF, CLOSED_FD), EBADF);
  CHECK_ERRNO(ioctl((int)event, PERF_EVENT_IOC_SET_BPF, null_fd()), EINVAL);
  CHECK_EQUAL(ioctl((int)event, PERF_EVENT_IOC_ENABLE, 0), 0);
  CHECK_EQUAL(ioctl((int)event, PERF_EVENT_IOC_DISABLE, 0), 0);
  close((int)event);
}

static long link_to(struct bpf_attr_link_create attr) { return bpf(BPF_LINK_CREATE, &attr, sizeof attr); }

static long detach(long link) {
  uint32_t attr = (uint32_t)link;
  return bpf(BPF_LINK_DETACH, &attr, sizeof attr);
}

/* a Rex program where the kernel loads them, bytecode elsewhere */
static long any_kprobe_program(void) {
  int file = good_file();
  long base = load_base(base_attr(file));
  close(file);
  if (base < 0) return load_bytecode(bytecode_attr());
  long program = load_program(program_attr(base));
  close((int)base);
  return program;
}

static void check_link(void) {
  long program = any_kprobe_program();
  long map = create(BPF_MAP_TYPE_HASH, 4, 8, 1);
  CHECK(program >= 0);
  struct bpf_attr_link_create good = {
      .prog_fd = (uint32_t)program, .target_fd = (uint32_t)-1, .attach_type = BPF_PERF_EVENT};
  struct bpf_attr_link_create attr = good;
  CHECK_ERRNO(link_to(attr), EBADF);
#define WITH(field, wrong, error)                                                                                     \
  attr = good;                                                                                                        \
  attr.field = (uint32_t)(wrong);                                                                                     \
  CHECK_ERRNO(link_to(attr), error)
  WITH(target_fd, CLOSED_FD, EBADF);
  WITH(target_fd, null_fd(), EBADF);
  WITH(prog_fd, CLOSED_FD, EBADF);
  WITH(prog_fd, map, EINVAL);
  WITH(attach_type, 9999, EINVAL);
  WITH(flags, 1, EINVAL);
#undef WITH
  CHECK_ERRNO(detach(CLOSED_FD), EBADF);
  CHECK_ERRNO(detach(map), EINVAL);
  if (kprobe_type() >= 0) {
    long event = open_kprobe(kprobe_attr("__x64_sys_dup"));
    good.target_fd = (uint32_t)event;
    long link = link_to(good);
    CHECK(link >= 0);
    CHECK_EQUAL(fcntl((int)link, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(link_to(good), EEXIST);
    CHECK_ERRNO(ioctl((int)event, PERF_EVENT_IOC_SET_BPF, program), EEXIST);
    CHECK_ERRNO(detach(link), EOPNOTSUPP);
    CHECK_EQUAL(close(dup(0)), 0);
    close((int)link);
    link = link_to(good);
    CHECK(link >= 0);
    close((int)link);
    close((int)event);
  }
  close((int)program);
  close((int)map);
}

/* ------------------------------------------------------------ BPF_OBJ_GET_INFO_BY_FD */

static long info_of(long fd, void *info, uint32_t *size) {
  struct bpf_attr_obj_info attr = {.bpf_fd = (uint32_t)fd, .info_len = *size, .info = address(info)};
  long result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr);
  *size = attr.info_len;
  return result;
}

static void check_info(void) {
  long map = create(BPF_MAP_TYPE_HASH, 4, 8, 7);
  uint32_t info[32], size = sizeof info;
  memset(info, 0, sizeof info);
  CHECK_EQUAL(info_of(map, info, &size), 0);
  CHECK_EQUAL(info[0], BPF_MAP_TYPE_HASH);
  CHECK_EQUAL(info[2], 4);
  CHECK_EQUAL(info[3], 8);
  CHECK_EQUAL(info[4], 7);
  CHECK(size >= 40 && size < sizeof info);
  CHECK(strcmp((char *)&info[6], "a_map.1") == 0);
  /* a short buffer gets what fits */
  memset(info, 0, sizeof info);
  size = 12;
  CHECK_EQUAL(info_of(map, info, &size), 0);
  CHECK(size == 12 && info[2] == 4 && info[3] == 0);
  size = 40;
  CHECK_ERRNO(info_of(map, (void *)KERNEL_POINTER, &size), EFAULT);
  size = 40;
  CHECK_ERRNO(info_of(map, NULL, &size), EFAULT);
  CHECK_ERRNO(info_of(CLOSED_FD, info, &size), EBADFD);
  CHECK_ERRNO(info_of(null_fd(), info, &size), EINVAL);
  close((int)map);
}

static const struct {
  const char *name;
  void (*check)(void);
} groups[] = {
    {"attr", check_attr},         {"create", check_create},     {"elements", check_elements}, {"load", check_load},
    {"rex-base", check_rex_base}, {"rex-prog", check_rex_prog}, {"perf", check_perf},         {"link", check_link},
    {"info", check_info},
};

int main(int argc, char **argv) {
  size_t count = sizeof groups / sizeof groups[0];
  for (int i = 1; i < argc; i++) {
    size_t group = 0;
    while (group < count && strcmp(groups[group].name, argv[i]) != 0) group++;
    if (group == count) {
      fprintf(stderr, "bpf-errors: no group %s\n", argv[i]);
      return 2;
    }
    groups[group].check();
  }
  for (size_t group = 0; argc == 1 && group < count; group++) groups[group].check();
  return finish();
}
