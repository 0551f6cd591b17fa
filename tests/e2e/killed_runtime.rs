//! The runtime is killed at any moment: `delete --force` finds what it left and removes it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use palisade_tests::{Bundle, Case, Container, Privilege, Tier, case};
use rustix::process::Signal;
use serde_json::json;

/// How many rounds there are for `create`; the other verbs have a fifth of that. Each of them is some 20 ms on a host.
fn rounds(case: &Case) -> u32 {
    let wanted = std::env::var("PALISADE_KILL_ROUNDS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(match case.tier() {
        Tier::HostRoot => 150,
        Tier::HostUser => 50,
        Tier::Vm(..) | Tier::Engines => 20,
        Tier::Systemd(_) => 10,
    })
}

/// Moments that are spread evenly and differ from run to run.
struct Moments {
    seed: u64,
    longest: Duration,
}

impl Moments {
    fn up_to(longest: Duration) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        Self { seed: now.as_secs() ^ u64::from(now.subsec_nanos()) << 20 | 1, longest }
    }

    /// The next one, by xorshift.
    fn next(&mut self) -> Duration {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let part = u32::try_from(self.seed >> 40).expect("24 bits");
        self.longest * part / (1 << 24)
    }
}

/// Makes a bundle that leaves something to clean up everywhere: a cgroup with a limit, mounts, a hook, processes.
fn bundle(case: &Case) -> Bundle {
    Bundle::script(case, "sleep 1000 & sleep 1000").with(|config| {
        config["hooks"] = json!({ "createRuntime": [{ "path": "/bin/true" }] });
        if case.tier().privilege() == Privilege::Root {
            config["linux"]["resources"] =
                json!({ "pids": { "limit": 50 }, "memory": { "limit": 67_108_864 } });
        }
    })
}

/// Waits without giving the processor away: a sleep is as long as half a start.
fn spin(duration: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < duration {
        std::hint::spin_loop();
    }
}

/// Kills `palisade VERB` at some moment of its usual time, again and again, and looks for what `delete --force` leaves.
fn kill_in_the_middle(case: &Case, verb: &[&str], rounds: u32, prepare: impl Fn(&Container<'_>, &Bundle)) {
    let bundle = bundle(case);
    let call = |container: &Container<'_>| {
        let call = case.palisade().args(verb);
        let call = match verb[0] {
            "create" | "run" => call.arg("--bundle").arg(bundle.path()),
            _ => call,
        };
        let call = call.arg(container.id());
        if verb[0] == "exec" { call.args(["sleep", "1000"]) } else { call }
    };
    let mut times: Vec<Duration> = (0..7)
        .map(|_| {
            let container = Container::named(case, &case.unused_id());
            prepare(&container, &bundle);
            let begin = Instant::now();
            call(&container).run().succeeded();
            let took = begin.elapsed();
            container.remove();
            took
        })
        .collect();
    times.sort_unstable();
    let mut moments = Moments::up_to(times[3]);
    let mut cut_short = 0;
    // More rounds where too few were cut short, which is so when the usual time was measured on a busy machine.
    for round in 1..=5 * rounds {
        let container = Container::named(case, &case.unused_id());
        prepare(&container, &bundle);
        let moment = moments.next();
        let running = call(&container).spawn();
        spin(moment);
        running.signal(Signal::KILL);
        if running.wait().code() == 137 {
            cut_short += 1;
        }
        let deleted = container.verb("delete").arg("--force").run();
        assert!(deleted.status.success(), "round {round}, {verb:?} killed after {moment:?}: {deleted}");
        case.expect_nothing_left(&format_args!("round {round}: {verb:?} killed after {moment:?}"));
        if round >= rounds && cut_short * 4 >= rounds {
            eprintln!("{verb:?}: {cut_short} of {round} killed before their end");
            return;
        }
    }
    panic!("only {cut_short} of {} were killed before their end", 5 * rounds);
}

#[test]
fn create_can_be_killed_at_any_moment() {
    let case = case!();
    kill_in_the_middle(&case, &["create"], rounds(&case), |_, _| ());
}

#[test]
fn run_can_be_killed_at_any_moment() {
    let case = case!();
    kill_in_the_middle(&case, &["run", "--detach"], rounds(&case) / 5, |_, _| ());
}

#[test]
fn start_can_be_killed_at_any_moment() {
    let case = case!();
    kill_in_the_middle(&case, &["start"], rounds(&case) / 5, |container, bundle| {
        container.verb("create").arg("--bundle").arg(bundle.path()).run().succeeded();
    });
}

#[test]
fn exec_can_be_killed_at_any_moment() {
    let case = case!();
    kill_in_the_middle(&case, &["exec", "--detach"], rounds(&case) / 5, |container, bundle| {
        container.verb("run").arg("--detach").arg("--bundle").arg(bundle.path()).run().succeeded();
    });
}

#[test]
fn delete_can_be_killed_at_any_moment() {
    let case = case!();
    kill_in_the_middle(&case, &["delete", "--force"], rounds(&case) / 5, |container, bundle| {
        container.verb("run").arg("--detach").arg("--bundle").arg(bundle.path()).run().succeeded();
    });
}

#[test]
fn a_foreground_run_that_is_killed_leaves_its_container_on_record() {
    let case = case!();
    let bundle = bundle(&case);
    let container = Container::named(&case, &case.unused_id());
    let running = container.verb("run").arg("--bundle").arg(bundle.path()).spawn();
    palisade_tests::container::wait_until("the container runs", || {
        container.verb("state").run().stdout.contains("\"running\"")
    });
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code(), 137);
    assert_eq!(container.status(), "running");
    container.remove();
}
