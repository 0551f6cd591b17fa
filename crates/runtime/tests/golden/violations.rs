//! What stands against a configuration: each message, with its place.

use palisade_runtime::ContainerId;
use palisade_runtime::compile::{self, Begin, Request};

use crate::config;
use crate::machines::Machine::{self, Bare, Hybrid, User, V1, V2};
use crate::request::request;

/// What is laid over the base, where it is tried, and all that is wrong with it there.
type Case = (&'static str, Machine, &'static [&'static str]);

const PROCESS: &[Case] = &[
    (r#"{"process":null}"#, V2, &["/process: it is missing: what the container is to run"]),
    (r#"{"process":{"args":[]}}"#, V2, &["/process/args: it is empty: the program to run and its arguments"]),
    (
        r#"{"process":{"args":[""]}}"#,
        V2,
        &["/process/args: it is empty: the program to run and its arguments"],
    ),
    (r#"{"process":{"args":["sh","a\u0000b"]}}"#, V2, &["/process/args/1: \"a\\0b\" contains a NUL byte"]),
    (r#"{"process":{"cwd":"work"}}"#, V2, &["/process/cwd: \"work\" is not an absolute path"]),
    (
        r#"{"process":{"env":["A=1","B","=c"]}}"#,
        V2,
        &["/process/env/1: \"B\" is not NAME=VALUE", "/process/env/2: \"=c\" is not NAME=VALUE"],
    ),
    (
        r#"{"process":{"user":{"uid":4294967295,"gid":4294967295,"additionalGids":[4294967295]}}}"#,
        V2,
        &[
            "/process/user/uid: 4294967295 is no id",
            "/process/user/gid: 4294967295 is no id",
            "/process/user/additionalGids: 4294967295 is no id",
        ],
    ),
    (
        r#"{"process":{"user":{"uid":0,"gid":0,"umask":4096}}}"#,
        V2,
        &["/process/user/umask: 0o10000 has more than permission bits"],
    ),
    (
        r#"{"process":{"capabilities":{"effective":["CAP_KILL"],"permitted":["CAP_CHOWN"]}}}"#,
        V2,
        &["/process/capabilities/effective: CAP_KILL must be permitted too"],
    ),
    (
        r#"{"process":{"capabilities":{"inheritable":["CAP_KILL"],"bounding":["CAP_CHOWN"]}}}"#,
        V2,
        &["/process/capabilities/inheritable: CAP_KILL must be in the bounding set too"],
    ),
    (
        r#"{"process":{"rlimits":[{"type":"RLIMIT_CORE","soft":2,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}]}}"#,
        V2,
        &[
            "/process/rlimits/0: soft limit 2 is above hard limit 1",
            "/process/rlimits/2: RLIMIT_CPU is listed twice",
        ],
    ),
    (
        r#"{"process":{"oomScoreAdj":1001}}"#,
        V2,
        &["/process/oomScoreAdj: 1001 is not between -1000 and 1000"],
    ),
    (
        r#"{"process":{"oomScoreAdj":-1001}}"#,
        V2,
        &["/process/oomScoreAdj: -1001 is not between -1000 and 1000"],
    ),
    (
        r#"{"process":{"scheduler":{"policy":"SCHED_ISO"}}}"#,
        V2,
        &["/process/scheduler/policy: SCHED_ISO is reserved and in no kernel"],
    ),
    (
        r#"{"process":{"scheduler":{"policy":"SCHED_RR","priority":-1}}}"#,
        V2,
        &["/process/scheduler/priority: -1 is negative"],
    ),
    (
        r#"{"process":{"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":8}}}"#,
        V2,
        &["/process/ioPriority/priority: 8 is not between 0 and 7"],
    ),
    (
        r#"{"process":{"terminal":true,"consoleSize":{"height":65536,"width":80}}}"#,
        V2,
        &["/process/consoleSize: a terminal has at most 65535 rows and columns"],
    ),
    (
        r#"{"hostname":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","domainname":"d"}"#,
        V2,
        &[
            "/hostname: it needs a uts namespace in /linux/namespaces",
            "/domainname: it needs a uts namespace in /linux/namespaces",
        ],
    ),
    (
        r#"{"hostname":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","domainname":"d\u0000","linux":{"namespaces":[{"type":"mount"},{"type":"uts"}]}}"#,
        V2,
        &["/hostname: it is longer than 64 bytes", "/domainname: \"d\\0\" contains a NUL byte"],
    ),
    (
        r#"{"process":{"user":{"uid":-1,"gid":0}}}"#,
        V2,
        &["config.json: /process/user/uid: wanted an integer from 0 to 4294967295, found integer -1"],
    ),
];

const ROOT_AND_MOUNTS: &[Case] = &[
    (r#"{"root":null}"#, V2, &["/root/path: it is missing: the directory with the container's file system"]),
    (r#"{"root":{"path":""}}"#, V2, &["config.json: /root/path: required, but empty"]),
    (r#"{"root":{"path":"a\u0000b"}}"#, V2, &["/root/path: it contains a NUL byte"]),
    (
        r#"{"mounts":[{"destination":"/x"}]}"#,
        V2,
        &[
            "/mounts/0: plan mount \"/x\": it has no type and is no bind mount (give a type, or the option bind or rbind)",
        ],
    ),
    (
        r#"{"mounts":[{"destination":"/","type":"tmpfs"},{"destination":"/..","type":"tmpfs"},{"destination":"../..","type":"proc"}]}"#,
        V2,
        &[
            "/mounts/0: plan mount \"/\": the target is the root itself",
            "/mounts/1: plan mount \"/..\": the target is the root itself",
            "/mounts/2: plan mount \"../..\": the target is the root itself",
        ],
    ),
    (
        r#"{"mounts":[{"destination":"/x","type":"tmpfs","options":["idmap"]},{"destination":"/y","type":"tmpfs","options":[""]}]}"#,
        V2,
        &[
            "/mounts/0: plan mount \"/x\": idmap and ridmap are options of a bind mount",
            "/mounts/1/options: read mount option \"\": it is empty",
        ],
    ),
    (
        r#"{"mounts":[{"destination":"/x","source":"/y","options":["bind","readonly"]},{"destination":"/x","source":"/y","options":["rbind","sync"]}]}"#,
        V2,
        &[
            "/mounts/0: plan bind mount \"/x\": the option \"readonly\" is one of a file system (a bind mount shows the file system of its source, whose options it cannot change)",
            "/mounts/1: plan bind mount \"/x\": the option \"sync\" is one of a file system (a bind mount shows the file system of its source, whose options it cannot change)",
        ],
    ),
    (
        r#"{"mounts":[{"destination":"/x","options":["bind"]}]}"#,
        V2,
        &["/mounts/0/source: it is missing: what is to be bound"],
    ),
    (
        r#"{"mounts":[{"destination":"/x","type":"proc","options":["tmpcopyup"]}]}"#,
        V2,
        &["/mounts/0: plan mount \"/x\": tmpcopyup is an option of tmpfs"],
    ),
    (
        r#"{"mounts":[{"destination":"/x\u0000y","type":"tmpfs"}]}"#,
        V2,
        &["/mounts/0: take path in the root \"/x\\0y\": it contains a NUL byte"],
    ),
    (
        r#"{"mounts":[{"destination":"/x","type":"tmpfs","uidMappings":[{"containerID":0,"hostID":1,"size":1}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}]}"#,
        V2,
        &["/mounts/0/uidMappings: only a bind mount can be id-mapped"],
    ),
    (
        r#"{"mounts":[{"destination":"/x","type":"cgroup","options":["size=1"]}]}"#,
        V1,
        &[
            "/mounts/0: plan bind mount \"/x/cpuset\": the option \"size\" is one of a file system (a bind mount shows the file system of its source, whose options it cannot change)",
        ],
    ),
    (
        r#"{"linux":{"rootfsPropagation":"rsharde","maskedPaths":["proc/kcore"],"readonlyPaths":["/ok","proc/sys"],"mountLabel":"x"},"annotations":{"run.oci.mount_context_type":"x"}}"#,
        V2,
        &[
            "/linux/rootfsPropagation: \"rsharde\" is none of shared, slave, private, unbindable and their r… forms",
            "/linux/mountLabel: this kernel runs without SELinux: leave it out here",
            "/annotations/run.oci.mount_context_type: \"x\" is none of context, fscontext, defcontext, rootcontext",
            "/linux/readonlyPaths/1: \"proc/sys\" is not an absolute path",
            "/linux/maskedPaths/0: \"proc/kcore\" is not an absolute path",
        ],
    ),
];

const NAMESPACES: &[Case] = &[
    (
        r#"{"hostname":"a","domainname":"b","linux":{"namespaces":[{"type":"mount"},{"type":"uts"}],"sysctl":{"kernel.hostname":"a","kernel/domainname":"b"}}}"#,
        V2,
        &[
            "/linux/sysctl/kernel.hostname: /hostname says that already",
            "/linux/sysctl/kernel~1domainname: /domainname says that already",
        ],
    ),
    (
        r#"{"linux":{"sysctl":{"kernel.a\nb":"1"}}}"#,
        V2,
        &["/linux/sysctl/kernel.a\\nb: it is not of a namespace: setting it would change the whole machine"],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1,"size":1}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
        V2,
        &[
            "/linux/namespaces: with a user namespace a mount namespace is needed, too: add {\"type\": \"mount\"}",
        ],
    ),
    (
        r#"{"linux":{"namespaces":null}}"#,
        Bare,
        &[
            "/linux/namespaces: an ordinary user needs a user namespace here: add {\"type\": \"user\"} with uidMappings and gidMappings (palisade spec --rootless writes such a configuration)",
            "/linux/namespaces: with a user namespace a mount namespace is needed, too: add {\"type\": \"mount\"}",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"pid","path":"/x"},{"type":"network","path":"run/netns/a"}]}}"#,
        V2,
        &[
            "/linux/namespaces/2: the pid namespace is listed twice",
            "/linux/namespaces/3/path: \"run/netns/a\" is not an absolute path",
        ],
    ),
    (
        r#"{"linux":{"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
        V2,
        &["/linux/uidMappings: id maps need a new user namespace in /linux/namespaces"],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}]}}"#,
        V2,
        &["/linux/uidMappings: uid_map: no ids are mapped", "/linux/gidMappings: gid_map: no ids are mapped"],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1,"size":0}],"gidMappings":[{"containerID":4294967295,"hostID":1,"size":1}]}}"#,
        V2,
        &[
            "/linux/uidMappings/0: id map 0 1 0: size is 0",
            "/linux/gidMappings/0: id map 4294967295 1 1: ids end at 4294967294",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1,"size":5},{"containerID":4,"hostID":100,"size":5}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
        V2,
        &["/linux/uidMappings: uid_map: ranges 0 1 5 and 4 100 5 share ids inside"],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":1000,"hostID":1000,"size":1}],"gidMappings":[{"containerID":1000,"hostID":1000,"size":1}]},"process":{"user":{"uid":1000,"gid":1000}}}"#,
        User,
        &[
            "/linux/uidMappings: no range holds the container's id 0, which is to set it up",
            "/linux/gidMappings: no range holds the container's id 0, which is to set it up",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1000,"size":1}],"gidMappings":[{"containerID":0,"hostID":1000,"size":1}]},"process":{"user":{"uid":5,"gid":6,"additionalGids":[7]}}}"#,
        Bare,
        &[
            "/process/user/uid: 5 is not in the container's id map",
            "/process/user/gid: 6 is not in the container's id map",
            "/process/user/additionalGids: 7 is not in the container's id map",
            "/process/user/additionalGids: a user namespace with a single mapped group forbids setgroups(2); give the user a range in /etc/subgid",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1001,"size":1}],"gidMappings":[{"containerID":0,"hostID":1000,"size":1}]}}"#,
        Bare,
        &[
            "/linux/uidMappings: uid_map 0 1001 1: /etc/subuid gives the user no range that holds these ids (a line there is user:first:count; usermod --add-subuids and --add-subgids write it)",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":100000,"size":65537}],"gidMappings":[{"containerID":0,"hostID":1000,"size":1}]}}"#,
        User,
        &[
            "/linux/uidMappings: uid_map 0 100000 65537: /etc/subuid gives the user no range that holds these ids (a line there is user:first:count; usermod --add-subuids and --add-subgids write it)",
        ],
    ),
    (
        r#"{"linux":{"sysctl":{"net.ipv4.ip_forward":"1","vm.swappiness":"1","kernel.sem":"1","kernel.hostname":"x"}}}"#,
        V2,
        &[
            "/linux/sysctl/kernel.hostname: it needs a uts namespace in /linux/namespaces, or it would change the host",
            "/linux/sysctl/kernel.sem: it needs an ipc namespace in /linux/namespaces, or it would change the host",
            "/linux/sysctl/net.ipv4.ip_forward: it needs a network namespace in /linux/namespaces, or it would change the host",
            "/linux/sysctl/vm.swappiness: it is not of a namespace: setting it would change the whole machine",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"network"}],"sysctl":{"net/../vm/swappiness":"1","net..x":"1","net.x\u0000":"1"}}}"#,
        V2,
        &[
            "/linux/sysctl/net..x: it is no name of a parameter",
            "/linux/sysctl/net.x\\u{0}: \"/proc/sys/net/x\\0\" contains a NUL byte",
            "/linux/sysctl/net~1..~1vm~1swappiness: it is not of a namespace: setting it would change the whole machine",
        ],
    ),
    (
        r#"{"linux":{"timeOffsets":{"monotonic":{"secs":1}},"netDevices":{"eth0":{}}}}"#,
        V2,
        &[
            "/linux/timeOffsets: it needs a new time namespace in /linux/namespaces",
            "/linux/netDevices: it needs a network namespace in /linux/namespaces",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"network"}],"netDevices":{"a":{"name":"x"},"b":{"name":"x"},"c":{"name":"n%d"},"d":{"name":"n%d"},"e":{"name":"a b"},"sixteen-byte-bad":{},"f":{"name":"%d"}}}}"#,
        V2,
        &[
            "/linux/netDevices/b: two devices are to be called x",
            "/linux/netDevices/e: \"a b\" is no name of a network device",
            "/linux/netDevices/f: \"\" is no name of a network device",
            "/linux/netDevices/sixteen-byte-bad: \"sixteen-byte-bad\" is no name of a network device",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"time"}],"timeOffsets":{"boottime":{"nanosecs":1000000000},"realtime":{"secs":1}}}}"#,
        V2,
        &[
            "/linux/timeOffsets/boottime/nanosecs: 1000000000 are a second or more",
            "/linux/timeOffsets: \"realtime\" is neither monotonic nor boottime",
        ],
    ),
];

const RESOURCES: &[Case] = &[
    (
        r#"{"linux":{"cgroupsPath":"/"}}"#,
        V2,
        &["/linux/cgroupsPath: the root group is the whole machine's; name one below it"],
    ),
    (
        r#"{"linux":{"cgroupsPath":"/a/../b"}}"#,
        V2,
        &["/linux/cgroupsPath: cgroup path \"/a/../b\": it has a part . or .."],
    ),
    (
        r#"{"linux":{"resources":{"memory":{"limit":-2,"reservation":-3,"swap":-4,"kernel":-5,"kernelTCP":-6}}}}"#,
        V1,
        &[
            "/linux/resources/memory/limit: -2 is negative; -1 alone means no limit",
            "/linux/resources/memory/reservation: -3 is negative; -1 alone means no limit",
            "/linux/resources/memory/swap: -4 is negative; -1 alone means no limit",
            "/linux/resources/memory/kernel: -5 is negative; -1 alone means no limit",
            "/linux/resources/memory/kernelTCP: -6 is negative; -1 alone means no limit",
        ],
    ),
    (
        r#"{"linux":{"resources":{"memory":{"limit":100,"swap":99}}}}"#,
        V1,
        &[
            "/linux/resources/memory/swap: it counts memory and swap together and so cannot be below the memory limit",
        ],
    ),
    (
        r#"{"linux":{"resources":{"memory":{"swap":99}}}}"#,
        V2,
        &[
            "/linux/resources/memory/swap: it counts memory and swap together, and v2 needs the memory limit to tell them apart",
        ],
    ),
    (
        r#"{"linux":{"resources":{"memory":{"kernel":1048576,"kernelTCP":1048576,"swappiness":10,"disableOOMKiller":true,"useHierarchy":false}}}}"#,
        V2,
        &[
            "/linux/resources/memory/kernel: only cgroup v1 has this; the memory controller of this machine is on v2",
            "/linux/resources/memory/kernelTCP: only cgroup v1 has this; the memory controller of this machine is on v2",
            "/linux/resources/memory/swappiness: only cgroup v1 has this; the memory controller of this machine is on v2",
            "/linux/resources/memory/disableOOMKiller: only cgroup v1 has this; the memory controller of this machine is on v2",
            "/linux/resources/memory/useHierarchy: only cgroup v1 has this; the memory controller of this machine is on v2",
        ],
    ),
    (
        r#"{"linux":{"resources":{"memory":{"swappiness":101}}}}"#,
        V1,
        &["/linux/resources/memory/swappiness: 101 is not in 0 to 100"],
    ),
    (
        r#"{"linux":{"resources":{"cpu":{"shares":1,"quota":-2,"period":10,"burst":5,"idle":2,"cpus":"all","mems":"0-"}}}}"#,
        V2,
        &[
            "/linux/resources/cpu/idle: 2 is neither 0 nor 1",
            "/linux/resources/cpu/quota: -2 is negative; -1 alone means no limit",
            "/linux/resources/cpu/period: 10 is not in 1000 to 1000000",
            "/linux/resources/cpu/cpus: \"all\" is not a list such as 0-2,5",
        ],
    ),
    (
        r#"{"linux":{"resources":{"cpu":{"realtimeRuntime":1000,"realtimePeriod":100000}}}}"#,
        V2,
        &[
            "/linux/resources/cpu/realtimeRuntime: only cgroup v1 has this; the cpu controller of this machine is on v2",
            "/linux/resources/cpu/realtimePeriod: only cgroup v1 has this; the cpu controller of this machine is on v2",
        ],
    ),
    (
        r#"{"linux":{"resources":{"pids":{"limit":-2}}}}"#,
        V2,
        &["/linux/resources/pids/limit: -2 is negative; -1 alone means no limit"],
    ),
    (
        r#"{"linux":{"resources":{"pids":{"limit":4194305}}}}"#,
        V2,
        &[
            "/linux/resources/pids/limit: 4194305 is more processes than a machine can have; the most is 4194304, -1 is no limit",
        ],
    ),
    (
        r#"{"linux":{"resources":{"blockIO":{"weight":9,"leafWeight":5,"weightDevice":[{"major":-1,"minor":0,"weight":10}],"throttleReadBpsDevice":[{"major":8,"minor":-1,"rate":1}]}}}}"#,
        V2,
        &[
            "/linux/resources/blockIO/weightDevice/0: -1:0 is no device number",
            "/linux/resources/blockIO/throttleReadBpsDevice/0: 8:-1 is no device number",
            "/linux/resources/blockIO/weight: 9 is not in 10 to 1000",
            "/linux/resources/blockIO/leafWeight: 5 is not in 10 to 1000",
        ],
    ),
    (
        r#"{"linux":{"resources":{"hugepageLimits":[{"pageSize":"2M/..","limit":1}],"rdma":{"a b":{"hcaHandles":1}}}}}"#,
        V1,
        &[
            "/linux/resources/hugepageLimits: 2M/..: not a page size as the kernel writes it, such as 64KB, 2MB or 1GB",
        ],
    ),
    (
        r#"{"linux":{"resources":{"network":{"classID":1},"rdma":{"mlx":{"hcaHandles":1}}}}}"#,
        Hybrid,
        &[
            "/linux/resources/network/classID: no mounted hierarchy has the net_cls controller; `mount -t cgroup -o net_cls none DIRECTORY` would give one",
            "/linux/resources/rdma: the kernel has no rdma controller",
        ],
    ),
    (
        r#"{"linux":{"resources":{"unified":{"../memory.max":"1","cgroup.procs":"1","memory.high":"1"}}}}"#,
        V1,
        &[
            "/linux/resources/unified/..~1memory.max: a v2 file name has no / in it",
            "/linux/resources/unified/cgroup.procs: no cgroup v2 tree is mounted",
            "/linux/resources/unified/memory.high: no cgroup v2 tree is mounted",
        ],
    ),
    (
        r#"{"linux":{"resources":{"unified":{"../memory.max":"1","cgroup.procs":"1"}}}}"#,
        V2,
        &[
            "/linux/resources/unified/..~1memory.max: a v2 file name has no / in it",
            "/linux/resources/unified/cgroup.procs: it is not a limit",
        ],
    ),
    (
        r#"{"linux":{"resources":{"devices":[{"allow":true,"type":"p"},{"allow":true,"type":"c","major":-2},{"allow":true,"access":"rx"},{"allow":true,"type":"c","major":4096,"minor":0,"access":"r"}]}}}"#,
        V2,
        &[
            "/linux/resources/devices/0/type: a FIFO is no device; a, b, c or u are",
            "/linux/resources/devices/1/major: -2 is no device number; leave it out for all",
            "/linux/resources/devices/2/access: device access \"rx\": 'x' is none of r, w, m",
            "/linux/resources/devices: allow c 4096:0 r: no device has such a number",
        ],
    ),
    (
        r#"{"linux":{"resources":{"devices":[{"allow":true,"type":"c","major":1,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":3,"access":"w"}]}}}"#,
        V1,
        &[
            "/linux/resources/devices: deny c 1:3 w: it takes back a part of what an earlier rule gave, which cgroup v1 cannot say",
        ],
    ),
    (
        r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1000,"size":1}],"gidMappings":[{"containerID":0,"hostID":1000,"size":1}],"resources":{"pids":{"limit":5}}}}"#,
        Bare,
        &[
            "/linux/resources: limits need a cgroup, and this user may make none here: run as root, or in a group of a v2 tree that was delegated to the user (systemd-run --user --scope -p Delegate=yes)",
        ],
    ),
];

const OTHERS: &[Case] = &[
    (r#"{"ociVersion":"2.0.0"}"#, V2, &["config.json: /ociVersion: wanted version 1, found \"2.0.0\""]),
    (r#"{"ociVersion":""}"#, V2, &["config.json: /ociVersion: required, but empty"]),
    (
        r#"{"vm":{"kernel":{"path":"/x"}},"windows":{},"solaris":{},"zos":{}}"#,
        V2,
        &[
            "/vm: a container of another platform is not supported by this version of palisade",
            "/windows: a container of another platform is not supported by this version of palisade",
            "/solaris: a container of another platform is not supported by this version of palisade",
            "/zos: a container of another platform is not supported by this version of palisade",
        ],
    ),
    (
        r#"{"linux":{"memoryPolicy":{"mode":"MPOL_BIND"},"personality":{"domain":"LINUX32","flags":["ADDR_NO_RANDOMIZE"]}}}"#,
        V2,
        &[
            "/linux/personality/flags/0: \"ADDR_NO_RANDOMIZE\" is none of its flags; the specification names none",
            "/linux/memoryPolicy/nodes: MPOL_BIND takes at least one node",
        ],
    ),
    (
        r#"{"linux":{"intelRdt":{}}}"#,
        V2,
        &[
            "/linux/intelRdt: no resctrl file system is mounted: mount -t resctrl resctrl /sys/fs/resctrl, where the CPU has it",
        ],
    ),
    (
        r#"{"linux":{"intelRdt":{"closID":"a/b","l3CacheSchema":"MB:0=1","memBwSchema":"MB:0=1\nL3:0=1","schemata":["x","y\nz"]}}}"#,
        V2,
        &[
            "/linux/intelRdt/l3CacheSchema: \"MB:0=1\" does not begin with L3:",
            "/linux/intelRdt/memBwSchema: it is more than one line",
            "/linux/intelRdt/schemata/1: it is more than one line",
            "/linux/intelRdt/closID: \"a/b\" is no name of a class",
        ],
    ),
    (
        r#"{"linux":{"memoryPolicy":{"mode":"MPOL_LOCAL","nodes":"0","flags":["MPOL_F_STATIC_NODES"]}}}"#,
        V2,
        &[
            "/linux/memoryPolicy/nodes: MPOL_LOCAL takes no nodes",
            "/linux/memoryPolicy/flags: MPOL_LOCAL takes no flags",
        ],
    ),
    (
        r#"{"linux":{"memoryPolicy":{"mode":"MPOL_INTERLEAVE","nodes":"0-","flags":[]}}}"#,
        V2,
        &["/linux/memoryPolicy/nodes: \"0-\" is no list as 0-3,7"],
    ),
    (
        r#"{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"1","flags":["MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"]}}}"#,
        V2,
        &["/linux/memoryPolicy/flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"],
    ),
    (
        r#"{"mounts":[{"destination":"/dev","type":"tmpfs"}],"linux":{"devices":[{"path":"dev/x","type":"c","major":1,"minor":1},{"path":"/dev/a","type":"a"},{"path":"/dev/b","type":"b"},{"path":"/dev/c","type":"c","major":-1,"minor":1},{"path":"/dev/d\u0000","type":"p"}]}}"#,
        V2,
        &[
            "/linux/devices/0/path: \"dev/x\" is not an absolute path",
            "/linux/devices/1/type: \"a\" stands for all kinds; a node is b, c, u or p",
            "/linux/devices/2/major: required, but missing",
            "/linux/devices/2/minor: required, but missing",
            "/linux/devices/3: -1:1 is no device number",
            "/linux/devices: \"/dev/d\\0\" contains a NUL byte",
        ],
    ),
    (
        r#"{"hooks":{"prestart":[{"path":"hook"}],"poststop":[{"path":"/ok"},{"path":"/bin/x","timeout":0,"args":["a\u0000"],"env":["b\u0000"]}]}}"#,
        V2,
        &[
            "/hooks/prestart/0/path: \"hook\" is not an absolute path",
            "/hooks/poststop/1/timeout: it is not above 0",
            "/hooks/poststop/1/args: \"a\\0\" contains a NUL byte",
            "/hooks/poststop/1/env: \"b\\0\" contains a NUL byte",
        ],
    ),
    (
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_NOTIFY"}}}"#,
        V2,
        &["/linux/seccomp/listenerPath: SCMP_ACT_NOTIFY needs the socket of the agent that answers"],
    ),
    (
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]}}}"#,
        V2,
        &["/linux/seccomp/listenerPath: SCMP_ACT_NOTIFY needs the socket of the agent that answers"],
    ),
    (
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}}}"#,
        V2,
        &["/linux/seccomp/flags/0: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for SCMP_ACT_NOTIFY alone"],
    ),
    (
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}}}"#,
        V2,
        &["/linux/seccomp/syscalls/0/args/0/index: there is no argument 6: 0 to 5"],
    ),
    (
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_ERRNO"},{"names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":70000}]}}}"#,
        V2,
        &["/linux/seccomp/syscalls/0/names: at least one name is wanted"],
    ),
];

fn check(cases: &[Case]) {
    let id = ContainerId::new("golden").unwrap();
    let request = Request { resctrl: None, ..request(&id, Begin::AtOnce) };
    let mut wrong = Vec::new();
    for (patch, machine, expected) in cases {
        let spec = config::over_base(serde_json::from_str(patch).unwrap());
        let compiled = spec.map(|spec| compile::container(&spec, &machine.host(), &request));
        let found: Vec<String> = match compiled {
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(violations)) => violations.0.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        if found != *expected {
            wrong.push(format!("{patch} as {}:\n{found:#?}", machine.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_the_process() {
    check(PROCESS);
}

#[test]
fn of_root_and_mounts() {
    check(ROOT_AND_MOUNTS);
}

#[test]
fn of_namespaces() {
    check(NAMESPACES);
}

#[test]
fn of_resources() {
    check(RESOURCES);
}

#[test]
fn of_all_else() {
    check(OTHERS);
}
