//! Freezing, killing and watching.

use super::*;

/// Reads the CPU time of a process in ticks, fields 14 and 15 of proc_pid_stat(5).
fn ticks(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_frozen_process_makes_no_progress_and_can_be_killed() {
    let Some(layout) = layout("freeze") else { return };
    for layout in [layout.clone(), without_v1_freezer(&layout)] {
        let guard = make(&layout, "freeze", &Limits::default());
        let script = "while :; do :; done";
        let mut busy = Shell(Command::new("sh").arg("-c").arg(script).spawn().unwrap());
        guard.0.attach(busy.pid()).unwrap();
        guard.0.freeze().unwrap();
        assert_eq!(guard.0.freezer_state().unwrap(), FreezerState::Frozen);
        let before = ticks(busy.pid());
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(ticks(busy.pid()), before);
        guard.0.thaw().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while ticks(busy.pid()) == before {
            assert!(Instant::now() < deadline, "the thawed process stands still");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(guard.0.freezer_state().unwrap(), FreezerState::Thawed);

        guard.0.freeze().unwrap();
        guard.0.kill(Signal::KILL).unwrap();
        assert_eq!(busy.0.wait().unwrap().signal(), Some(9));
        assert_eq!(guard.0.procs().unwrap(), []);
    }
}

/// Leaves the freezer to the v2 tree, where there is one.
fn without_v1_freezer(layout: &Layout) -> Layout {
    let mut layout = layout.clone();
    if let Some(index) = layout.hierarchies.iter().position(|h| h.version == Version::V2) {
        layout.homes.insert(Controller::Freezer, Home::Hierarchy(index));
    }
    layout
}

/// Takes the v2 tree, if there is one, out of a layout that has others.
fn without_v2(layout: &Layout) -> Option<Layout> {
    if layout.is_pure_v2() {
        return None;
    }
    let Some(index) = layout.hierarchies.iter().position(|h| h.version == Version::V2) else {
        return Some(layout.clone());
    };
    // Homes are indices, so the tree has to be the last for the others to stay true.
    if index + 1 != layout.hierarchies.len() {
        return None;
    }
    let mut layout = layout.clone();
    layout.hierarchies.pop();
    layout.homes.retain(|_, home| *home != Home::Hierarchy(index));
    Some(layout)
}

#[test]
fn kill_reaches_groups_below_on_v1_alone() {
    let Some(layout) = layout("kill").as_ref().and_then(without_v2) else {
        eprintln!("SKIP kill: v1 hierarchies are needed");
        return;
    };
    let guard = make(&layout, "kill", &Limits::default());
    let below = Recipe::new(&layout, &guard.0.path().join("below").unwrap(), &Limits::default()).unwrap();
    let below = below.make().unwrap();
    let mut sleepers = [sleeper(&guard.0), sleeper(&below)];
    guard.0.kill(Signal::TERM).unwrap();
    for shell in &mut sleepers {
        assert_eq!(shell.0.wait().unwrap().signal(), Some(15));
    }
    let mut sleepers = [sleeper(&guard.0), sleeper(&below)];
    guard.0.kill(Signal::KILL).unwrap();
    for shell in &mut sleepers {
        assert_eq!(shell.0.wait().unwrap().signal(), Some(9));
    }
}

fn next(watch: &mut Watch, timeout: Option<Duration>) -> Option<Event> {
    watch.next(timeout).unwrap().map(|told| told.event)
}

#[test]
fn watching_tells_of_coming_going_and_removal() {
    let Some(layout) = layout("watch") else { return };
    for layout in [Some(layout.clone()), without_v2(&layout)].into_iter().flatten() {
        let guard = make(&layout, "watch", &Limits::default());
        let mut watch = guard.0.watch(&[Notice::Populated]).unwrap();
        assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
        let shell = sleeper(&guard.0);
        let wait = Some(Duration::from_secs(30));
        assert_eq!(next(&mut watch, wait), Some(Event::Populated));
        drop(shell);
        assert_eq!(next(&mut watch, wait), Some(Event::Empty));
        guard.0.remove().unwrap();
        assert_eq!(next(&mut watch, wait), Some(Event::Removed));
        assert_eq!(watch.next(wait).unwrap(), None);
    }
}

#[test]
fn crossing_a_threshold_is_told_of() {
    let Some(layout) = layout("threshold") else { return };
    let Some(memory) = layout.hierarchy(Controller::Memory) else { return };
    let guard = make(&layout, "threshold", &Limits::default());
    let notices = [Notice::Threshold(8 << 20)];
    if memory.version == Version::V2 {
        let error = guard.0.watch(&notices).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        guard.0.watch(&[Notice::Pressure(Resource::Memory, PressureLevel::Medium)]).unwrap();
        return;
    }
    let mut watch = guard.0.watch(&notices).unwrap();
    assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
    Shell::enter(&guard.0).run("dd if=/dev/zero of=/dev/null bs=16M count=1\n");
    let Some(Event::Threshold { bytes, .. }) = next(&mut watch, Some(Duration::from_secs(30))) else {
        panic!("nothing was told of the threshold");
    };
    assert_eq!(bytes, 8 << 20);
    guard.0.watch(&[Notice::Pressure(Resource::Memory, PressureLevel::Low)]).unwrap();
}
