// Compiles profiles with libseccomp. Reads lines
//
//     profile DEFAULT OPTIMIZE
//     arch NAME
//     rule ACTION SYSCALL [INDEX OPERATOR VALUE VALUE2]...
//     end
//
//     resolve ARCH SYSCALL
//
// with numbers in hexadecimal, and writes for each profile a 32-bit count of bytes and the program of BPF. Rules that
// libseccomp refuses make the count 0xffffffff, followed by the number of the line and the error, 32 bits each. The first
// arch takes the place of the machine's own. The answer to `resolve` is the number, 32 bits.

#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static scmp_filter_ctx context;
static int line_number, arches, bad_line, bad_error;

static void note(int error)
{
	if (error < 0 && !bad_line) {
		bad_line = line_number;
		bad_error = -error;
	}
}

static void add_arch(const char *name)
{
	uint32_t arch = seccomp_arch_resolve_name(name);
	if (arches++ == 0 && arch != seccomp_arch_native())
		note(seccomp_arch_remove(context, seccomp_arch_native()));
	int error = seccomp_arch_add(context, arch);
	note(error == -EEXIST ? 0 : error);
}

static void add_rule(void)
{
	uint32_t action = strtoul(strtok(NULL, " \n"), NULL, 16);
	int number = seccomp_syscall_resolve_name(strtok(NULL, " \n"));
	struct scmp_arg_cmp tests[6];
	unsigned count = 0;
	for (char *word; count < 6 && (word = strtok(NULL, " \n")); count++) {
		tests[count].arg = strtoul(word, NULL, 16);
		tests[count].op = strtoul(strtok(NULL, " \n"), NULL, 16);
		tests[count].datum_a = strtoull(strtok(NULL, " \n"), NULL, 16);
		tests[count].datum_b = strtoull(strtok(NULL, " \n"), NULL, 16);
	}
	if (number != __NR_SCMP_ERROR)
		note(seccomp_rule_add_array(context, action, number, count, tests));
}

static void put(uint32_t number)
{
	fwrite(&number, sizeof number, 1, stdout);
}

static void finish(void)
{
	if (bad_line) {
		put(UINT32_MAX);
		put(bad_line);
		put(bad_error);
	} else {
		int file = memfd_create("program", MFD_CLOEXEC);
		int error = seccomp_export_bpf(context, file);
		off_t size = lseek(file, 0, SEEK_END);
		char *program = malloc(size + 1);
		if (error || size < 0 || !program || pread(file, program, size, 0) != size)
			exit(1);
		put(size);
		fwrite(program, size, 1, stdout);
		free(program);
		close(file);
	}
	seccomp_release(context);
	fflush(stdout);
}

int main(void)
{
	static char line[1 << 16];
	while (fgets(line, sizeof line, stdin)) {
		char *word = strtok(line, " \n");
		if (!word)
			return 1;
		line_number++;
		if (strcmp(word, "profile") == 0) {
			line_number = arches = bad_line = bad_error = 0;
			context = seccomp_init(strtoul(strtok(NULL, " \n"), NULL, 16));
			if (!context)
				return 1;
			note(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, strtoul(strtok(NULL, " \n"), NULL, 16)));
		} else if (strcmp(word, "arch") == 0) {
			add_arch(strtok(NULL, " \n"));
		} else if (strcmp(word, "rule") == 0) {
			add_rule();
		} else if (strcmp(word, "resolve") == 0) {
			uint32_t arch = seccomp_arch_resolve_name(strtok(NULL, " \n"));
			put(seccomp_syscall_resolve_name_arch(arch, strtok(NULL, " \n")));
			fflush(stdout);
		} else {
			finish();
		}
	}
	return 0;
}
