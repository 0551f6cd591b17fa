//! Making, entering and removing groups.

use super::*;

#[test]
fn a_group_is_made_in_every_hierarchy_and_removed() {
    let Some(layout) = layout("made") else { return };
    let path = path("made").join("below/deep").unwrap();
    let group = Recipe::new(&layout, &path, &Limits::default()).unwrap().make().unwrap();
    let directories: Vec<_> = layout.hierarchies.iter().map(|h| h.mount.join(path.relative())).collect();
    assert!(directories.iter().all(|directory| directory.is_dir()), "{directories:?}");
    assert_eq!(group.procs().unwrap(), []);
    let top = Group::open(&layout, &path.parent().unwrap().parent().unwrap()).unwrap();
    top.remove().unwrap();
    assert!(!directories.iter().any(|directory| directory.exists()));
    top.remove().expect("what is gone is fine");
    assert_eq!(Group::open(&layout, &path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_occupied_group_is_refused_and_left_alone() {
    let Some(layout) = layout("occupied") else { return };
    let guard = make(&layout, "occupied", &Limits::default());
    let shell = Shell::enter(&guard.0);
    let error = Recipe::new(&layout, guard.0.path(), &Limits::default()).unwrap().make().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Occupied);
    assert!(error.to_string().contains("holds process"), "{error}");
    assert_eq!(guard.0.procs().unwrap(), [shell.pid()]);
    let busy = Group::open(&layout, guard.0.path()).unwrap().remove().unwrap_err();
    assert!(busy[0].to_string().contains("EBUSY (it holds process"), "{}", busy[0]);
}

#[test]
fn a_refused_limit_leaves_nothing() {
    let Some(layout) = layout("refused") else { return };
    if !has(&layout, "refused", Controller::Cpuset) {
        return;
    }
    let mut limits = Limits::default();
    limits.cpuset.cpus = Some("4000-4095".to_owned());
    let path = path("refused");
    let error = Recipe::new(&layout, &path, &limits).unwrap().make().unwrap_err();
    assert!(error.to_string().starts_with("write 4000-4095 to /sys/fs/cgroup/"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(Group::open(&layout, &path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_child_enters_by_its_tasks_files_and_clone() {
    let Some(layout) = layout("enter") else { return };
    let guard = make(&layout, "enter", &Limits::default());
    let files = guard.0.tasks_files().unwrap();
    let unified = guard.0.v2_directory().unwrap();
    assert_eq!(unified.is_some(), layout.unified().is_some());
    let mut enter = || {
        for file in &files {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(file.directory, &file.path, flags, Mode::empty());
            if !opened.is_ok_and(|tasks| rustix::io::write(&tasks, b"0") == Ok(1)) {
                return 1;
            }
        }
        std::thread::sleep(Duration::from_secs(60));
        0
    };
    let child = palisade_sys::clone::spawn(0, unified.as_ref().map(AsFd::as_fd), &mut enter).unwrap();
    let file = format!("/proc/{}/cgroup", child.pid.as_raw_nonzero());
    let wanted = files.len() + usize::from(unified.is_some());
    let entered = || {
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().filter(|line| line.ends_with(guard.0.path().as_str())).count()
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while entered() < wanted && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let entered = entered();
    guard.0.kill(Signal::KILL).unwrap();
    rustix::process::waitpid(Some(child.pid), rustix::process::WaitOptions::empty()).unwrap();
    assert_eq!(entered, wanted);
}

#[test]
fn a_controller_that_is_not_here_is_named() {
    let Some(layout) = layout("nowhere") else { return };
    if layout.hierarchy(Controller::NetCls).is_some() {
        eprintln!("SKIP nowhere: net_cls is mounted here");
        return;
    }
    let refusals = Recipe::new(&layout, &path("nowhere"), &Limits { net_cls: Some(1), ..Limits::default() })
        .unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].knob, Knob::NetCls);
}

#[test]
fn an_ordinary_user_is_refused_clearly() {
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIP user: runs as root");
        return;
    }
    let layout = Layout::detect().unwrap();
    let limits = Limits { pids: Some(Limit::Value(7)), ..Limits::default() };
    let error = Recipe::new(&layout, &path("user"), &limits).unwrap().make().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hint().is_some_and(|hint| hint.contains("not delegated to uid")), "{error}");
}

#[test]
fn a_group_that_holds_processes_has_no_limited_groups_below_on_v2() {
    let Some(layout) = layout("inner") else { return };
    if !layout.is_pure_v2() || !has(&layout, "inner", Controller::Pids) {
        eprintln!("SKIP inner: v2 alone has the rule");
        return;
    }
    let guard = make(&layout, "inner", &Limits::default());
    let shell = sleeper(&guard.0);
    let below = guard.0.path().join("below").unwrap();
    let limits = Limits { pids: Some(Limit::Value(7)), ..Limits::default() };
    let error = Recipe::new(&layout, &below, &limits).unwrap().make().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cgroup.subtree_control: EBUSY (it holds "), "{text}");
    assert_eq!(Group::open(&layout, &below).unwrap_err().kind(), ErrorKind::NotFound);
    drop(shell);
    let group = Recipe::new(&layout, &below, &limits).unwrap().make().unwrap();
    assert_eq!(group.get(Controller::Pids, "pids.max").unwrap(), "7\n");
    let error = guard.0.attach(Pid::from_raw(std::process::id().cast_signed()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("only groups below may hold processes"), "{error}");
}

#[test]
fn a_single_thread_moves_alone_on_v1() {
    let Some(layout) = layout("thread") else { return };
    if layout.hierarchy(Controller::Cpu).is_none_or(|cpu| cpu.version == Version::V2) {
        eprintln!("SKIP thread: the cpu controller is not on v1");
        return;
    }
    let guard = make(&layout, "thread", &Limits::default());
    let inside = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let tid = rustix::thread::gettid();
                guard.0.attach_thread(Controller::Cpu, tid).unwrap();
                let text = guard.0.get(Controller::Cpu, "tasks").unwrap();
                let root = Group::open(&layout, &GroupPath::root()).unwrap();
                root.attach_thread(Controller::Cpu, tid).unwrap();
                (tid, text)
            })
            .join()
            .unwrap()
    });
    assert_eq!(inside.1.trim(), inside.0.as_raw_nonzero().to_string());
}

#[test]
fn a_delegated_group_belongs_to_its_user_but_not_its_limits() {
    use std::os::unix::fs::MetadataExt;
    let Some(layout) = layout("delegate") else { return };
    let guard = make(&layout, "delegate", &Limits::default());
    guard.0.delegate(rustix::fs::Uid::from_raw(65_534), rustix::fs::Gid::from_raw(65_534)).unwrap();
    let anchor = layout.anchor();
    for directory in guard.0.directories() {
        let path = anchor.join(&directory.path);
        let owner = |path: &std::path::Path| std::fs::metadata(path).unwrap().uid();
        assert_eq!((owner(&path), owner(&path.join("cgroup.procs"))), (65_534, 65_534));
        let limits = ["pids.max", "cpu.shares", "cpu.weight", "memory.limit_in_bytes", "memory.max"];
        for limit in limits.map(|file| path.join(file)).iter().filter(|file| file.exists()) {
            assert_eq!(owner(limit), 0, "{}", limit.display());
        }
    }
}

#[test]
fn a_child_that_cannot_enter_is_explained() {
    let Some(layout) = layout("entrance") else { return };
    let guard = make(&layout, "entrance", &Limits::default());
    let errno = rustix::io::Errno::NOSPC;
    let error = match layout.is_pure_v2() {
        true => guard.0.entrance_error(Entrance::Clone, errno).to_string(),
        false => guard.0.entrance_error(Entrance::TasksFile(0), errno).to_string(),
    };
    assert!(error.ends_with("ENOSPC (the group's cpuset has no CPUs or no memory nodes)"), "{error}");
}

#[test]
fn a_group_that_others_made_is_adopted() {
    let Some(layout) = layout("adopted") else { return };
    let recipe = Recipe::new(&layout, &path("adopted"), &Limits::default()).unwrap();
    let mut guard = Guard(recipe.claim().unwrap());
    let child = Shell(Command::new("sleep").arg("60").spawn().unwrap());
    let pid = child.pid().as_raw_nonzero().to_string();
    // As systemd leaves it: one directory of several, with the process in it. Into a new cpuset of v1 nobody comes.
    let enters = |d: &&palisade_cgroup::recipe::Directory| {
        d.version == Version::V2 || !d.controllers.contains(&Controller::Cpuset)
    };
    let first = guard.0.directories().find(enters).unwrap().clone();
    std::fs::create_dir(recipe.anchor.join(&first.path)).unwrap();
    guard.0.write_in(&first, "cgroup.procs", &pid).unwrap();
    guard.0.adopt(&recipe, child.pid()).unwrap();
    for directory in guard.0.directories() {
        assert_eq!(guard.0.read_in(directory, "cgroup.procs").unwrap().trim(), pid, "{directory:?}");
    }
    let other = Shell(Command::new("sleep").arg("60").spawn().unwrap());
    let error = recipe.claim().unwrap().adopt(&recipe, other.pid()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Occupied, "{error}");
    drop(child);
}
