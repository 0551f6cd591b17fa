//! config.json to a plan and its printed forms: whatever the text, there is a plan or there are violations, each with a
//! place, and never a panic.
#![no_main]

#[path = "../../crates/runtime/tests/golden/machines.rs"]
#[allow(dead_code, reason = "the golden tests use more of it")]
mod machines;
#[path = "../../crates/runtime/tests/golden/request.rs"]
mod request;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use machines::Machine;
use palisade_runtime::compile::{self, Begin};
use palisade_runtime::{ContainerId, Host};
use request::request;

static HOSTS: LazyLock<Vec<Host>> = LazyLock::new(|| Machine::ALL.map(Machine::host).into());
static ID: LazyLock<ContainerId> = LazyLock::new(|| ContainerId::new("fuzz").expect("an id"));

fuzz_target!(|text: &[u8]| {
    let Ok(loaded) = palisade_oci::parse_noting("config.json", text) else { return };
    for host in HOSTS.iter() {
        let begin = if host.uid == 0 { Begin::OnStart } else { Begin::AtOnce };
        let request = request(&ID, begin);
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
