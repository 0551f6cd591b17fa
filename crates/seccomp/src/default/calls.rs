//! What the default profile allows, as data.
//!
//! The choice follows the default that Docker has made customary; the arrangement is by subject. A name
//! that an architecture has no call for has no effect there.

/// Calls that every container may make, by subject.
pub(super) const ALWAYS: &[&str] = &[
    // Reading and writing what is open.
    "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek \
     close close_range dup dup2 dup3 fcntl fcntl64 ioctl flock sendfile sendfile64 splice tee \
     vmsplice copy_file_range readahead pipe pipe2 fsync fdatasync sync syncfs \
     sync_file_range sync_file_range2 arm_sync_file_range fadvise64 fadvise64_64 \
     arm_fadvise64_64 fallocate ftruncate ftruncate64 cachestat",
    // Files by name.
    "open openat openat2 creat name_to_handle_at access faccessat faccessat2 stat stat64 \
     fstat fstat64 lstat lstat64 fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 \
     readlink readlinkat truncate truncate64 utime utimes utimensat utimensat_time64 \
     futimesat chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 lchown lchown32 \
     fchownat umask",
    // Directories.
    "getcwd chdir fchdir getdents getdents64 mkdir mkdirat rmdir link linkat symlink \
     symlinkat unlink unlinkat rename renameat renameat2 mknod mknodat statmount listmount",
    // Extended attributes.
    "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat \
     listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr \
     removexattrat",
    // Waiting for files.
    "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create \
     epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 \
     eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch \
     fanotify_mark io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents \
     io_pgetevents_time64",
    // Sockets, but for making one.
    "socketpair bind listen accept accept4 connect shutdown getsockname getpeername \
     getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg \
     recvmmsg_time64 socketcall",
    // Memory.
    "brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 mlockall \
     munlock munlockall mseal remap_file_pages memfd_create memfd_secret membarrier \
     map_shadow_stack pkey_alloc pkey_free pkey_mprotect",
    // Shared memory, semaphores, message queues.
    "ipc shmget shmat shmdt shmctl semget semop semtimedop semtimedop_time64 semctl msgget \
     msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive \
     mq_timedreceive_time64 mq_notify mq_getsetattr",
    // Processes and threads.
    "fork vfork execve execveat exit exit_group wait4 waitid waitpid pidfd_open \
     process_mrelease getpid getppid gettid getpgid getpgrp setpgid getsid setsid \
     set_tid_address set_robust_list get_robust_list set_thread_area get_thread_area rseq \
     prctl restart_syscall futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue \
     uretprobe",
    // Calls of one processor family.
    "arch_prctl modify_ldt breakpoint cacheflush set_tls get_tls",
    // Signals.
    "kill tkill tgkill pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask \
     rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
     rt_sigtimedwait_time64 sigaltstack sigprocmask sigreturn signalfd signalfd4 pause",
    // Scheduling and limits.
    "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr \
     sched_getparam sched_setparam sched_getscheduler sched_setscheduler \
     sched_get_priority_max sched_get_priority_min sched_rr_get_interval \
     sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set getcpu \
     getrlimit ugetrlimit setrlimit prlimit64 getrusage times",
    // Time.
    "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 \
     clock_adjtime clock_adjtime64 adjtimex clock_nanosleep clock_nanosleep_time64 nanosleep \
     alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime \
     timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
     timerfd_gettime64 timerfd_settime timerfd_settime64",
    // Users, groups, capabilities; the kernel checks what they may.
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid \
     getresuid32 getresgid getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 \
     setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 \
     setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset",
    // Confining oneself further.
    "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    // The system.
    "uname sysinfo getrandom",
];

/// Calls that a container may make when it has a capability.
pub(super) const WITH_CAPABILITY: &[(&str, &str)] = &[
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "clone clone3 unshare setns mount umount umount2 mount_setattr move_mount \
         open_tree open_tree_attr fsopen fsconfig fsmount fspick quotactl quotactl_fd \
         fanotify_init sethostname setdomainname syslog bpf perf_event_open \
         lookup_dcookie lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "init_module finit_module delete_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ("CAP_SYS_NICE", "mbind get_mempolicy set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// Calls that let a process into another one of the same user. Before Linux 4.8 a tracer could get
/// round a filter with them, by changing the call after the filter had passed it.
pub(super) const SINCE_TRACERS_ARE_FILTERED: &str = "ptrace process_vm_readv process_vm_writev";
