//! state.json, which a killed runtime may have left at any length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_runtime::ContainerId;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(id) = ContainerId::new(text)
    {
        assert!(!id.as_str().contains('/') && id.as_str() != "." && id.as_str() != "..", "{id}");
    }
    let Some((record, process)) = palisade_runtime::read_journal(bytes) else { return };
    let _kinds = record.kinds();
    // What is read is what is written, so that no verb sees another container than the one before it.
    let mut again = serde_json::to_vec(&record).expect("a record is JSON");
    if let Some(process) = process {
        again.extend(serde_json::to_vec(&process).expect("a process is JSON"));
    }
    let (same, alive) = palisade_runtime::read_journal(&again).expect("its own text");
    assert_eq!(serde_json::to_vec(&same).ok(), serde_json::to_vec(&record).ok());
    assert_eq!(alive, process);
});
