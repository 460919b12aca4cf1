/* calls NUMBER COUNT: makes system call NUMBER so often, with -1 as its argument. */
#include <stdlib.h>

static long call(long number, long argument)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(argument) : "rcx", "r11", "memory");
	return result;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long number = atol(argv[1]);

	for (long left = atol(argv[2]); left > 0; left--)
		call(number, -1);
	return 0;
}
