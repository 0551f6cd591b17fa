// Runs a command and notes which of the given addresses of its program are executed:
//
//     visits ADDRESSES VISITED SECONDS RESULT PROGRAM [ARGUMENT...]
//
// ADDRESSES is a file of hexadecimal addresses, one a line, where instructions of PROGRAM begin, which must not be
// position-independent. VISITED gets one more line: those that were met, in the order in which they were. SECONDS and
// RESULT are those of `timed`, but the times and the size in RESULT are 0.
//
// A breakpoint stands at each address until somebody comes by. Copies that the program makes of itself are followed until
// they execute something else.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_RUN = 127, BREAKPOINT = 0xcc, LIMIT = 1 << 26 };

static volatile sig_atomic_t traced_pid, hung;

// What was at an address before the breakpoint; 0 without one, for no instruction that is executed begins so here.
static uint8_t before[LIMIT];
static uint8_t is_noted[LIMIT];

static void on_alarm(int signal)
{
	(void)signal;
	hung = 1;
	if (traced_pid > 0)
		kill(traced_pid, SIGKILL);
}

static int plant(pid_t pid, FILE *addresses)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int memory = open(path, O_RDWR | O_CLOEXEC);
	if (memory < 0)
		return -1;
	const uint8_t breakpoint = BREAKPOINT;
	unsigned long address;
	while (fscanf(addresses, "%lx", &address) == 1)
		if (address >= LIMIT || before[address])
			continue;
		else if (pread(memory, &before[address], 1, address) != 1 ||
			 pwrite(memory, &breakpoint, 1, address) != 1)
			return -1;
	return close(memory);
}

// Notes where the process is, and lets it execute what was there.
static void pass(pid_t pid, FILE *visited)
{
	struct user_regs_struct registers;
	if (ptrace(PTRACE_GETREGS, pid, 0, &registers) < 0)
		return;
	uint64_t address = registers.rip - 1;
	if (address >= LIMIT || !before[address])
		return;
	if (!is_noted[address]) {
		is_noted[address] = 1;
		fprintf(visited, "%lx ", (unsigned long)address);
	}
	long word = ptrace(PTRACE_PEEKTEXT, pid, address, 0);
	ptrace(PTRACE_POKETEXT, pid, address, (word & ~0xffl) | before[address]);
	registers.rip = address;
	ptrace(PTRACE_SETREGS, pid, 0, &registers);
}

// Follows all of them to the end of the first, and returns how that ended.
static int follow(pid_t first, FILE *visited)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			exit(EXIT_NOT_RUN);
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				return status;
			continue;
		}
		int event = status >> 16, signal = WSTOPSIG(status);
		if (event == PTRACE_EVENT_EXEC) {
			ptrace(PTRACE_DETACH, pid, 0, 0);
			continue;
		}
		if (!event && signal == SIGTRAP)
			pass(pid, visited);
		// A new copy stops once by SIGSTOP, which nobody sent.
		ptrace(PTRACE_CONT, pid, 0, event || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return EXIT_NOT_RUN;
	FILE *addresses = fopen(argv[1], "re"), *visited = fopen(argv[2], "ae"), *result = fopen(argv[4], "we");
	if (!addresses || !visited || !result)
		return EXIT_NOT_RUN;
	struct sigaction action = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &action, NULL);

	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[5], argv + 5);
		_exit(EXIT_NOT_RUN);
	}
	traced_pid = pid;
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || plant(pid, addresses) < 0)
		return EXIT_NOT_RUN;
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC);
	alarm(atoi(argv[3]));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status = follow(pid, visited);
	fprintf(visited, "\n");
	fprintf(result, "0 0 %d %d 0\n", status, (int)hung);
	return fclose(visited) || fclose(result) ? EXIT_NOT_RUN : 0;
}
