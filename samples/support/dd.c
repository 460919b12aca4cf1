/* dd [if=FILE] [of=FILE] [bs=BYTES] [count=BLOCKS]: copies; a block is 512 bytes unless told otherwise. */
#include "loader.h"

struct copy {
  const char *input;
  const char *output;
  long size;
  long count; /* -1: to the end */
};

/* What follows `name=` in an argument, or NULL. */
static const char *value_of(const char *argument, const char *name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

static int parse(struct copy *copy, const char *argument) {
  const char *value;
  if ((value = value_of(argument, "if")) != NULL) copy->input = value;
  else if ((value = value_of(argument, "of")) != NULL) copy->output = value;
  else if ((value = value_of(argument, "bs")) != NULL) copy->size = parse_number(value, 1, 1 << 20);
  else if ((value = value_of(argument, "count")) != NULL) copy->count = parse_number(value, 0, 1 << 30);
  else return -1;
  return copy->size < 0 || (value_of(argument, "count") != NULL && copy->count < 0) ? -1 : 0;
}

static int open_or_die(const char *path, int flags, int otherwise) {
  int fd = path == NULL ? otherwise : open(path, flags, 0666);
  if (fd >= 0) return fd;
  fprintf(stderr, "dd: %s: %s\n", path, strerror(errno));
  exit(1);
}

int main(int argc, char **argv) {
  struct copy copy = {.size = 512, .count = -1};
  char *block;
  int input, output;
  for (int i = 1; i < argc; i++) {
    if (parse(&copy, argv[i]) == 0) continue;
    fprintf(stderr, "usage: dd [if=FILE] [of=FILE] [bs=BYTES] [count=BLOCKS]\n");
    return 2;
  }
  input = open_or_die(copy.input, O_RDONLY, STDIN_FILENO);
  output = open_or_die(copy.output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  block = malloc((size_t)copy.size);
  for (long n = 0; block != NULL && n != copy.count; n++) {
    ssize_t size = read(input, block, (size_t)copy.size);
    if (size == 0) return 0;
    if (size < 0 || write(output, block, (size_t)size) != size) {
      perror("dd");
      return 1;
    }
  }
  return block == NULL;
}
