/* hello: prints one line through stdio. */
#include <stdio.h>

int main(void) {
  printf("hello, %s: %d %#x\n", "world", -42, 0xbeef);
  return 0;
}
