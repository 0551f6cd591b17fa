// Runs a command, waits for it with a blocking wait, and writes what it cost to a file:
//
//     timed SECONDS RESULT PROGRAM [ARGUMENT...]
//
// RESULT receives one line: the wall time in nanoseconds from before the fork to after the wait, the peak resident
// size in KiB of the largest process that was waited for (wait4(2), ru_maxrss), the wait status, 1 if the
// program did not end within SECONDS and was killed, else 0, and the CPU time of all in microseconds. The time is taken here and the program is this small because
// ru_maxrss of a process starts at the size of the one that forked it: forked by a larger program, a small runtime
// would be reported as large as that one.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NOT_RUN = 127 };

static volatile sig_atomic_t timed_pid, hung;

// A runtime that hangs must not hang the benchmark.
static void on_alarm(int signal)
{
	(void)signal;
	hung = 1;
	if (timed_pid > 0)
		kill(timed_pid, SIGKILL);
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return EXIT_NOT_RUN;
	int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return EXIT_NOT_RUN;
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &action, NULL);

	int64_t begin = now();
	pid_t pid = vfork();
	if (pid == 0) {
		execv(argv[3], argv + 3);
		_exit(EXIT_NOT_RUN);
	}
	if (pid < 0)
		return EXIT_NOT_RUN;
	timed_pid = pid;
	alarm(atoi(argv[1]));
	int status = 0;
	struct rusage usage;
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return EXIT_NOT_RUN;
	int64_t end = now();

	int64_t used = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
		       usage.ru_stime.tv_usec;
	dprintf(out, "%lld %ld %d %d %lld\n", (long long)(end - begin), usage.ru_maxrss, status, (int)hung,
		(long long)used);
	return 0;
}
