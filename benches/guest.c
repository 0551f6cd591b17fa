// The programs of the measured containers in one static binary: called `true` it succeeds at once, called `pause`
// it sleeps until it is killed.

#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	if (slash && strcmp(slash + 1, "pause") == 0)
		for (;;)
			pause();
	return 0;
}
