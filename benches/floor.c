// The floor: the least work that starts a container, with nothing decided, parsed, checked or recorded.
//
//     floor [--spec] [--create FILE] ROOTFS GROUP HIERARCHY...
//
// It runs ROOTFS/bin/true in a container and leaves nothing behind. With --create it ends as soon as ROOTFS/bin/pause is
// executed, writes that process's number to FILE, and leaves process and groups to the caller. HIERARCHY is the mount point of a cgroup
// hierarchy, version 1 or 2; GROUP is the name of the group that is made in each of them. In this order:
//
//   host    mkdir GROUP in the v2 hierarchy where there is one, and open it
//           clone3 with new mount, pid, network, ipc and uts namespaces, into that group (CLONE_INTO_CGROUP)
//   host    mkdir GROUP in each v1 hierarchy, cpuset.cpus and cpuset.mems copied from the parent group
//   child   meanwhile: / made private, ROOTFS bound onto itself, and these seven mounts of runc's default config:
//           proc, tmpfs on /dev, devpts, shm, mqueue, sysfs read-only, and for cgroup a tmpfs on /sys/fs/cgroup
//           (a cgroup2 mount where no v1 hierarchy was named); six device nodes
//   child   waits for the groups, writes 0 to `tasks` in each v1 group; on a machine with v2 alone unshares the
//           cgroup namespace, as runc's default config has it there
//   child   pivot_root, the old root detached, exec of /bin/true
//   host    blocking wait, then rmdir of every group
//
// With --spec it does, by the plainest calls, the rest of what runc's default config asks for: each v1 group bound
// below /sys/fs/cgroup, ten masked and five read-only paths, the read-only root, the five symbolic links in /dev,
// host name, device rules of v1, RLIMIT_NOFILE, three capabilities kept in all five sets and no_new_privs; and a session
// keyring with a name, as every runtime gives it to a container.
// (The device program of v2 is left out: without it the figure is a little too low there.)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_HIERARCHIES 32
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct hierarchy {
	const char *path;
	int dir; // the hierarchy's root directory
	int v2;
};

static const char *rootfs, *group;
static const char *pid_file; // of --create
static int whole_spec;
static struct hierarchy hierarchies[MAX_HIERARCHIES];
static int hierarchy_count, v1_count;

static void die(const char *what)
{
	dprintf(2, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void must(long result, const char *what)
{
	if (result < 0)
		die(what);
}

static void write_file(int dir, const char *path, const char *text, size_t length)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	must(fd, path);
	must(write(fd, text, length), path);
	close(fd);
}

// A v1 cpuset group holds nobody until it has CPUs and memory nodes.
static void copy_cpuset(int dir, const char *file)
{
	char text[256], path[512];
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return; // not the cpuset hierarchy
	ssize_t length = read(fd, text, sizeof text);
	must(length, file);
	close(fd);
	snprintf(path, sizeof path, "%s/%s", group, file);
	write_file(dir, path, text, (size_t)length);
}

// Everything refused, then what every container is allowed: to make nodes, and to use the default devices.
static void write_device_rules(int dir)
{
	static const char *const allowed[] = {
		"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
		"c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",
	};
	char path[512];
	snprintf(path, sizeof path, "%s/devices.deny", group);
	if (faccessat(dir, path, W_OK, 0) < 0)
		return; // not the devices hierarchy
	write_file(dir, path, "a", 1);
	snprintf(path, sizeof path, "%s/devices.allow", group);
	for (size_t i = 0; i < LENGTH(allowed); i++)
		write_file(dir, path, allowed[i], strlen(allowed[i]));
}

static void make_v1_groups(void)
{
	for (int i = 0; i < hierarchy_count; i++) {
		if (hierarchies[i].v2)
			continue;
		must(mkdirat(hierarchies[i].dir, group, 0755), hierarchies[i].path);
		copy_cpuset(hierarchies[i].dir, "cpuset.cpus");
		copy_cpuset(hierarchies[i].dir, "cpuset.mems");
		if (whole_spec)
			write_device_rules(hierarchies[i].dir);
	}
}

static int make_v2_group(void)
{
	for (int i = 0; i < hierarchy_count; i++) {
		if (!hierarchies[i].v2)
			continue;
		must(mkdirat(hierarchies[i].dir, group, 0755), hierarchies[i].path);
		int fd = openat(hierarchies[i].dir, group, O_PATH | O_DIRECTORY | O_CLOEXEC);
		must(fd, hierarchies[i].path);
		return fd;
	}
	return -1;
}

static void remove_groups(void)
{
	for (int i = 0; i < hierarchy_count; i++)
		must(unlinkat(hierarchies[i].dir, group, AT_REMOVEDIR), hierarchies[i].path);
}

static void join_v1_groups(void)
{
	char path[512];
	snprintf(path, sizeof path, "%s/tasks", group);
	for (int i = 0; i < hierarchy_count; i++)
		if (!hierarchies[i].v2)
			write_file(hierarchies[i].dir, path, "0", 1);
}

static void make_node(const char *path, unsigned minor_of_1)
{
	dev_t device = minor_of_1 ? makedev(1, minor_of_1) : makedev(5, 0);
	must(mknod(path, S_IFCHR | 0666, device), path);
}

// Works in the new root by relative paths, the working directory being its top.
static void mount_all(void)
{
	const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind the rootfs");
	must(chdir(rootfs), rootfs);
	must(mount("proc", "proc", "proc", 0, NULL), "/proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "/dev");
	umask(0);
	must(mkdir("dev/pts", 0755), "mkdir /dev/pts");
	must(mkdir("dev/shm", 0755), "mkdir /dev/shm");
	must(mkdir("dev/mqueue", 0755), "mkdir /dev/mqueue");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		   "newinstance,ptmxmode=0666,mode=0620,gid=5"), "/dev/pts");
	must(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"), "/dev/shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", safe, NULL), "/dev/mqueue");
	must(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL), "/sys");
	make_node("dev/null", 3);
	make_node("dev/zero", 5);
	make_node("dev/full", 7);
	make_node("dev/random", 8);
	make_node("dev/urandom", 9);
	make_node("dev/tty", 0);
	umask(022);
}

static void mount_cgroup(void)
{
	const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RELATIME;
	if (v1_count == 0) {
		must(unshare(CLONE_NEWCGROUP), "unshare the cgroup namespace");
		must(mount("cgroup", "sys/fs/cgroup", "cgroup2", flags | MS_RDONLY, NULL), "/sys/fs/cgroup");
		return;
	}
	must(mount("tmpfs", "sys/fs/cgroup", "tmpfs", flags, "mode=755"), "/sys/fs/cgroup");
	for (int i = 0; whole_spec && i < hierarchy_count; i++) {
		const char *slash = strrchr(hierarchies[i].path, '/');
		char from[512], to[512];
		snprintf(from, sizeof from, "%s/%s", hierarchies[i].path, group);
		snprintf(to, sizeof to, "sys/fs/cgroup/%s", slash + 1);
		must(mkdir(to, 0755), to);
		must(mount(from, to, NULL, MS_BIND, NULL), from);
		must(mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags | MS_RDONLY, NULL), to);
	}
	if (whole_spec)
		must(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | flags | MS_RDONLY, NULL),
		     "/sys/fs/cgroup read-only");
}

static void enter_root(void)
{
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "detach the old root");
	must(chdir("/"), "chdir to /");
}

// A path that this kernel does not have needs no hiding.
static void hide_paths(void)
{
	static const char *const masked[] = {
		"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
	};
	static const char *const read_only[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
	};
	for (size_t i = 0; i < LENGTH(read_only); i++) {
		if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) < 0 && errno != ENOENT)
			die(read_only[i]);
		if (mount(NULL, read_only[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 &&
		    errno != ENOENT)
			die(read_only[i]);
	}
	for (size_t i = 0; i < LENGTH(masked); i++) {
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
			continue;
		if (errno != ENOTDIR)
			die(masked[i]);
		must(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL), masked[i]);
	}
}

static void set_attributes(void)
{
	static const int kept[] = { CAP_KILL, CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE };
	uint32_t mask = 0;
	must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, group), "session keyring");
	must(sethostname("floor", 5), "host name");
	const struct rlimit files = { 1024, 1024 };
	must(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
	for (size_t i = 0; i < LENGTH(kept); i++)
		mask |= 1u << kept[i];
	for (unsigned i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (i >= 32 || !(mask & 1u << i))
			must(prctl(PR_CAPBSET_DROP, i, 0, 0, 0), "bounding set");
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct sets[2] = { { mask, mask, mask }, { 0, 0, 0 } };
	must(syscall(SYS_capset, &header, sets), "capset");
	for (size_t i = 0; i < LENGTH(kept); i++)
		must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0), "ambient set");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static void apply_rest_of_spec(void)
{
	must(symlink("/proc/self/fd", "/dev/fd"), "/dev/fd");
	must(symlink("/proc/self/fd/0", "/dev/stdin"), "/dev/stdin");
	must(symlink("/proc/self/fd/1", "/dev/stdout"), "/dev/stdout");
	must(symlink("/proc/self/fd/2", "/dev/stderr"), "/dev/stderr");
	must(symlink("pts/ptmx", "/dev/ptmx"), "/dev/ptmx");
	must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "/ read-only");
	hide_paths();
	set_attributes();
}

static void run_child(int groups_ready)
{
	char byte;
	mount_all();
	if (v1_count) {
		if (read(groups_ready, &byte, 1) != 1)
			_exit(1); // the parent has said why
		join_v1_groups();
	}
	mount_cgroup();
	enter_root();
	if (whole_spec)
		apply_rest_of_spec();
	char *const program = pid_file ? "/bin/pause" : "/bin/true";
	char *const arguments[] = { program, NULL }, *const environment[] = { "PATH=/bin", NULL };
	execve(program, arguments, environment);
	die(program);
}

static void read_arguments(int argc, char **argv)
{
	int next = 1;
	if (next < argc && strcmp(argv[next], "--spec") == 0) {
		whole_spec = 1;
		next++;
	}
	if (next + 1 < argc && strcmp(argv[next], "--create") == 0) {
		pid_file = argv[next + 1];
		next += 2;
	}
	if (argc - next < 3 || argc - next - 2 > MAX_HIERARCHIES) {
		dprintf(2, "usage: floor [--spec] [--create FILE] ROOTFS GROUP HIERARCHY...\n");
		exit(2);
	}
	rootfs = argv[next++];
	group = argv[next++];
	for (; next < argc; next++) {
		struct hierarchy *h = &hierarchies[hierarchy_count++];
		struct statfs fs;
		h->path = argv[next];
		h->dir = open(h->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		must(h->dir, h->path);
		must(fstatfs(h->dir, &fs), h->path);
		h->v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
		v1_count += !h->v2;
	}
}

static void write_pid(long pid)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%ld", pid);
	int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd, pid_file);
	must(write(fd, text, (size_t)length), pid_file);
	close(fd);
}

// The exec closes the child's end. So does its death, which is told apart by the process being there.
static int wait_for_exec(int started, int pidfd)
{
	char byte;
	siginfo_t info = { 0 };
	must(read(started, &byte, 1), "pipe");
	must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT), "waitid");
	return info.si_pid != 0;
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv);
	int ready[2], started[2];
	must(pipe2(ready, O_CLOEXEC), "pipe");
	must(pipe2(started, O_CLOEXEC), "pipe");
	int v2_group = make_v2_group();
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (v2_group >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)v2_group;
	}
	long pid = syscall(SYS_clone3, &args, sizeof args);
	must(pid, "clone3");
	if (pid == 0) {
		close(ready[1]);
		run_child(ready[0]);
	}
	close(started[1]);
	make_v1_groups();
	must(write(ready[1], "", 1), "pipe");
	if (pid_file) {
		write_pid(pid);
		return wait_for_exec(started[0], pidfd);
	}
	siginfo_t info;
	must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), "waitid");
	remove_groups();
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
