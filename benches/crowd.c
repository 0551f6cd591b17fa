// Keeps NUMBER processes that sleep, and says so:
//
//     crowd NUMBER
//
// It prints a line when all are there and ends them when its standard input ends. They share its memory, so that each costs
// the kernel's own part of a process and no more.

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 4096, FAILED = 1 };

static int sleeper(void *nothing)
{
	(void)nothing;
	while (pause() < 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	int number = argc > 1 ? atoi(argv[1]) : 0;
	// All of them in one group of processes, which one signal ends.
	if (number <= 0 || setpgid(0, 0) != 0)
		return FAILED;
	char *stacks = mmap(NULL, (size_t)number * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED)
		return FAILED;
	int made = 0;
	while (made < number && clone(sleeper, stacks + (size_t)(made + 1) * STACK, CLONE_VM | SIGCHLD, NULL) > 0)
		made++;
	printf("%d\n", made);
	fflush(stdout);
	char byte;
	while (read(0, &byte, 1) > 0)
		;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return made == number ? 0 : FAILED;
}
