/* freestanding: write(2) and exit_group(2) with no libc. Prints `hello from _start`. */
#define SYS_WRITE 1
#define SYS_EXIT_GROUP 231

static long system_call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

void _start(void) {
  static const char text[] = "hello from _start\n";
  long size = sizeof text - 1;
  system_call(SYS_EXIT_GROUP, system_call(SYS_WRITE, 1, (long)text, size) == size ? 0 : 1, 0, 0);
  __builtin_unreachable();
}
