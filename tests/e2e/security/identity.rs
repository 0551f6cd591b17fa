//! Users and rights that nobody asked for.

use std::fs;

use palisade_tests::{Bundle, Container, case};
use serde_json::json;

/// CVE-2022-29162: inheritable capabilities that nobody asked for.
#[test]
fn inheritable_and_ambient_sets_are_empty_by_themselves() {
    let case = case!();
    let bundle = Bundle::script(&case, "grep -E 'Cap(Inh|Amb)' /proc/self/status; sleep 1000");
    let show = "grep -E 'Cap(Inh|Amb)' /proc/1/status";
    let container = Container::start(&case, &bundle);
    let empty = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    assert_eq!(container.shell(show), empty);
    assert_eq!(container.shell(&show.replace('1', "self")), empty);
    container.remove();
}

/// CVE-2016-3697: a user named by a number.
#[test]
fn a_user_named_as_a_number_is_not_looked_up() {
    let case = case!();
    let bundle = Bundle::script(&case, "id -u; echo $HOME").with(|config| {
        config["process"]["env"] = json!(["PATH=/bin"]);
    });
    fs::write(
        bundle.rootfs().join("etc/passwd"),
        "0:x:1000:1000::/wrong:/bin/sh\nroot:x:0:0::/root:/bin/sh\n",
    )
    .expect("write /etc/passwd");
    assert_eq!(bundle.output(&case), "0\n/root");
}
