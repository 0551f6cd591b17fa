//! The image that all containers here are made of, served by a registry.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use palisade_tests::Case;
use palisade_tests::bundle::make_rootfs;

use crate::daemon::Daemon;

/// Where the image is: busybox, `sh` for a command.
pub(crate) const IMAGE: &str = "127.0.0.1:5000/busybox:latest";

const ADDRESS: &str = "127.0.0.1:5000";

/// Starts a registry that has the image.
pub(crate) fn serve(case: &Case) -> Daemon {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    let made = STORE.get().is_some();
    // It outlives the case: `cargo xtask test` removes the directory round all cases.
    let store = STORE.get_or_init(|| case.scratch().with_file_name("registry"));
    let config = case.scratch().join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{ADDRESS}\"}}\n",
        store.display()
    );
    fs::write(&config, text).expect("write a configuration");
    let call = case.program("docker-registry").arg("serve").arg(&config);
    let registry = Daemon::start(call, || TcpStream::connect(ADDRESS).is_ok());
    if !made {
        push(case);
    }
    registry
}

/// Makes the image of a busybox and pushes it.
fn push(case: &Case) {
    let (root, layout) = (case.scratch().join("rootfs"), case.scratch().join("layout"));
    make_rootfs(&root);
    add_users(&root);
    let tag = format!("{}:latest", layout.display());
    let umoci = || case.program("umoci");
    umoci().args(["init", "--layout"]).arg(&layout).run().succeeded();
    umoci().args(["new", "--image", &tag]).run().succeeded();
    umoci().args(["insert", "--image", &tag]).arg(&root).arg("/").run().succeeded();
    let options = ["config", "--image", &tag, "--config.cmd", "sh", "--config.env", "PATH=/bin"];
    umoci().args(options).run().succeeded();
    let policy = case.scratch().join("policy.json");
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).expect("write a policy");
    let skopeo =
        case.program("skopeo").arg("--policy").arg(&policy).args(["copy", "--dest-tls-verify=false"]);
    skopeo.arg(format!("oci:{tag}")).arg(format!("docker://{IMAGE}")).run().succeeded();
}

fn add_users(root: &Path) {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n";
    fs::write(root.join("etc/passwd"), passwd).expect("write /etc/passwd");
    fs::write(root.join("etc/group"), "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")
        .expect("write /etc/group");
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).expect("chmod");
}
