//! `plan`, and `--explain`: what is done, with the shell commands that would do the same.

use palisade_runtime::compile::{Affinity, Begin, Driver, EnterRoot, Keyring, Loopback};
use palisade_runtime::{Bundle, ContainerId, CreateRequest, Error, Result, Store};

use crate::arguments::{Plan as PlanVerb, PlanFormat};
use crate::inspect::print;
use crate::make::probe;

pub(crate) fn plan(verb: &PlanVerb, driver: Driver, store: &Store) -> Result<u8> {
    let bundle = Bundle::load(&verb.bundle)?;
    let request = CreateRequest {
        state: store.root(),
        id: &ContainerId::new(&verb.id)?,
        bundle: &bundle,
        begin: Begin::AtOnce,
        enter_root: EnterRoot::Pivot,
        preserve_fds: 0,
        root: None,
        loopback: Loopback::Up,
        keyring: Keyring::Own,
        affinity: Affinity::OfGroup,
        driver,
        says_ready: false,
        signals: None,
        stdio: None,
        observe: None,
    };
    let plan = request.compile(&probe(driver)?)?.plan;
    match verb.format {
        PlanFormat::Json => {
            let text = serde_json::to_string_pretty(&plan);
            print(&format!("{}\n", text.map_err(|error| Error::new(format!("write JSON: {error}")))?))
        }
        PlanFormat::Table => {
            let lines: String = plan.steps().iter().map(|step| format!("{}\n", step.line())).collect();
            print(&lines)
        }
        PlanFormat::Shell => {
            let steps = plan.steps();
            let commands: Vec<String> = steps.into_iter().flat_map(|step| step.shell).collect();
            print(&format!("{}\n", commands.join("\n")))
        }
    }
}
