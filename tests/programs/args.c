/* args [ARGUMENT…]: prints the arguments, the environment and the auxiliary vector's entries that are stable. */
#include "check.h"

#include <elf.h>
#include <stdint.h>
#include <sys/auxv.h>

extern char **environ;

int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("argv[%d] = %s\n", i, argv[i]);
  for (int i = 0; environ[i] != NULL; i++) printf("envp[%d] = %s\n", i, environ[i]);

  /* System V ABI, 3.4.1: argv, envp and the vector lie one after the other */
  CHECK(argv[argc] == NULL);
  CHECK(environ == argv + argc + 1);
  char **end = environ;
  while (*end != NULL) end++;
  const Elf64_auxv_t *vector = (const Elf64_auxv_t *)(end + 1);
  int entries = 0;
  while (vector[entries].a_type != AT_NULL && entries < 64) entries++;
  CHECK(entries < 64);
  CHECK(((uintptr_t)argv & 7) == 0);

  printf("AT_PAGESZ = %lu\n", getauxval(AT_PAGESZ));
  CHECK_EQUAL(getauxval(AT_PAGESZ), 4096);
  const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
  printf("AT_RANDOM %s\n", random == NULL ? "absent" : "present");
  CHECK(random != NULL);
  int sum = 0;
  for (int i = 0; random != NULL && i < 16; i++) sum |= random[i];
  CHECK(sum != 0);
  CHECK(getauxval(AT_PHDR) != 0);
  CHECK_EQUAL(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
  CHECK(getauxval(AT_PHNUM) > 0);
  CHECK(getauxval(AT_ENTRY) != 0);
  return finish();
}
