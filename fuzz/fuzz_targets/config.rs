//! config.json to a plan and its printed forms: whatever the text, there is a plan or there are violations, each with a
//! place, and never a panic.
#![no_main]

#[path = "../../crates/runtime/tests/golden/machines.rs"]
#[allow(dead_code, reason = "the golden tests use more of it")]
mod machines;

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use machines::Machine;
use palisade_runtime::compile::{self, Begin, Driver, EnterRoot, Keyring, Loopback, Request};
use palisade_runtime::{ContainerId, Host};

static HOSTS: LazyLock<Vec<Host>> = LazyLock::new(|| Machine::ALL.map(Machine::host).into());
static ID: LazyLock<ContainerId> = LazyLock::new(|| ContainerId::new("fuzz").expect("an id"));

fuzz_target!(|text: &[u8]| {
    let Ok(loaded) = palisade_oci::parse_noting("config.json", text) else { return };
    for host in HOSTS.iter() {
        let request = Request {
            id: &ID,
            bundle: Path::new("/bundle"),
            begin: if host.uid == 0 { Begin::OnStart } else { Begin::AtOnce },
            enter_root: EnterRoot::Pivot,
            home: None,
            preserve_fds: 0,
            root: None,
            loopback: Loopback::Up,
            keyring: Keyring::Callers,
            driver: Driver::FileSystem,
        };
        match compile::container(&loaded.spec, host, &request) {
            Ok(compiled) => {
                assert!(compiled.plan.program().is_some(), "a plan without a program");
                for step in compiled.plan.steps() {
                    assert!(!step.line().contains('\n'), "{:?}", step.line());
                }
                serde_json::to_string(&compiled.plan).expect("a plan is JSON");
            }
            Err(violations) => {
                assert!(!violations.0.is_empty(), "refused without a reason");
                for violation in &violations.0 {
                    let line = violation.to_string();
                    assert!(line.contains('/') && !line.contains('\n'), "{line:?}");
                }
            }
        }
    }
});
