//! Descriptors of the host in a container.

use palisade_tests::{Bundle, Container, case};
use serde_json::json;

/// CVE-2024-21626, CVE-2016-9962: a descriptor of the host in the container.
#[test]
fn no_descriptor_of_the_host_is_in_the_container() {
    let case = case!();
    let list = "for fd in /proc/self/fd/*; do readlink $fd; done; true";
    let bundle = Bundle::script(&case, list);
    let leaked = |said: &str| {
        let links = said.lines().filter(|link| !link.starts_with("pipe:") && !link.starts_with("/proc/"));
        // The three files of the call.
        let files = links.filter(|link| !link.contains("/call-"));
        files.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(leaked(&bundle.output(&case)), Vec::<String>::new());
    let sleeping = bundle.with_script(&case, "sleep 1000");
    let container = Container::create(&case, &sleeping);
    assert_eq!(leaked(&container.shell(list)), Vec::<String>::new());
    container.does("start");
    assert_eq!(leaked(&container.shell(list)), Vec::<String>::new());
    container.remove();
    for number in 3..12 {
        for cwd in [format!("/proc/self/fd/{number}"), format!("/proc/self/fd/{number}/../../..")] {
            let bundle = bundle.variant(&case, |config| {
                config["process"]["cwd"] = json!(cwd);
                config["process"]["args"] = json!(["sh", "-c", "pwd; ls /proc/self/cwd/"]);
            });
            let said = bundle.run(&case);
            if said.status.success() {
                // It is a descriptor of the container's own root, which the program cannot keep.
                assert_eq!(said.stdout, "/\nbin\ndev\netc\nproc\nroot\nsys\ntmp\n", "{cwd}: {said}");
            } else {
                let line = said.refusal(&case);
                assert!(line.contains("/process/cwd: "), "{cwd}: {line}");
            }
        }
    }
}
