/* hello: prints one line through stdio. */
#include <stdio.h>

int main(void) {
  printf("hello, %s: %d %#x %.2f\n", "world", -42, 0xbeef, 2.5);
  return 0;
}
