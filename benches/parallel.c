// Starts many commands at once and waits for all of them:
//
//     parallel COUNT PROGRAM [ARGUMENT...]
//
// Each `@` in an argument is replaced by the number of the command, from 0. The exit status is 0 when every one of them
// succeeded.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_RUN = 127 };

// Returns the argument with the number in place of each `@`.
static char *numbered(const char *argument, const char *number)
{
	size_t size = 1;
	for (const char *at = argument; *at; at++)
		size += *at == '@' ? strlen(number) : 1;
	char *text = malloc(size), *end = text;
	if (!text)
		exit(EXIT_NOT_RUN);
	for (const char *at = argument; *at; at++)
		if (*at == '@')
			end = stpcpy(end, number);
		else
			*end++ = *at;
	*end = 0;
	return text;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return EXIT_NOT_RUN;
	int count = atoi(argv[1]), words = argc - 2, failed = 0;
	char ***commands = calloc(count, sizeof(char **));
	if (!commands)
		return EXIT_NOT_RUN;
	for (int i = 0; i < count; i++) {
		char number[16];
		snprintf(number, sizeof number, "%d", i);
		commands[i] = calloc(words + 1, sizeof(char *));
		if (!commands[i])
			return EXIT_NOT_RUN;
		for (int word = 0; word < words; word++)
			commands[i][word] = numbered(argv[word + 2], number);
	}
	for (int i = 0; i < count; i++) {
		pid_t pid = vfork();
		if (pid == 0) {
			execv(commands[i][0], commands[i]);
			_exit(EXIT_NOT_RUN);
		}
		if (pid < 0)
			return EXIT_NOT_RUN;
	}
	for (;;) {
		int status = 0;
		if (wait(&status) < 0) {
			if (errno == EINTR)
				continue;
			return errno == ECHILD ? failed : EXIT_NOT_RUN;
		}
		failed |= status != 0;
	}
}
