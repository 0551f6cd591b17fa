//! Verbs that look and change nothing: `list`, `ps`, `state`, `spec`, `features`, `plan`.

use std::fs;

use palisade_tests::{Bundle, Container, Privilege, case, group};
use serde_json::Value;

#[test]
fn list_prints_a_table_json_or_ids() {
    let case = case!();
    let list = |options: &[&str]| case.palisade().arg("list").args(options).run().succeeded().stdout;
    assert_eq!(list(&["--quiet"]), "");
    assert_eq!(list(&["--format", "json"]).trim(), "null", "as runc prints it");
    let bundle = Bundle::script(&case, "sleep 1000");
    let (one, two) = (Container::create(&case, &bundle), Container::start(&case, &bundle));
    assert_eq!(list(&["--quiet"]), format!("{}\n{}\n", one.id(), two.id()));
    let table = list(&[]);
    let mut lines = table.lines();
    let heads: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(heads, ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    for (container, status) in [(&one, "created"), (&two, "running")] {
        let fields: Vec<String> =
            lines.next().expect("a line").split_whitespace().map(str::to_owned).collect();
        let expected =
            [container.id(), &container.pid().to_string(), status, &bundle.path().display().to_string()];
        assert_eq!(&fields[..4], expected);
    }
    let json: Value = serde_json::from_str(&list(&["--format", "json"])).expect("JSON");
    let all = json.as_array().expect("a list");
    assert_eq!(all.len(), 2);
    for (entry, container) in all.iter().zip([&one, &two]) {
        let state = container.state();
        for key in ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created"] {
            assert_eq!(entry[key], state[key], "{key}");
        }
        assert!(entry["owner"].as_str().is_some_and(|owner| !owner.is_empty()), "{entry}");
    }
    one.remove();
    two.remove();
}

#[test]
fn ps_lists_the_processes_of_the_group() {
    let case = case!();
    if !group::can_make() {
        let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
        let said = container.does("ps").stdout;
        let pid = container.pid().to_string();
        container.remove();
        assert!(said.split_whitespace().any(|word| word == pid), "the first process alone is known: {said}");
        return;
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1001 & sleep 1002 & wait"));
    palisade_tests::container::wait_until("all three run", || {
        container.does("ps").stdout.lines().count() == 4
    });
    let json: Vec<i64> =
        serde_json::from_str(&container.verb("ps").args(["--format", "json"]).run().succeeded().stdout)
            .expect("JSON");
    assert_eq!(json.len(), 3);
    assert!(json.contains(&container.pid()), "as the host numbers them: {json:?}");
    let table = container.does("ps").stdout;
    for pid in json {
        assert!(
            table.lines().any(|line| line.split_whitespace().any(|word| word == pid.to_string())),
            "{table}"
        );
    }
    assert!(table.contains("sleep 1001") && table.contains("sleep 1002"), "{table}");
    container.remove();
}

#[test]
fn spec_writes_a_config_that_runs() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let config = bundle.path().join("config.json");
    fs::remove_file(&config).expect("remove config.json");
    let options: &[&str] = match case.tier().privilege() {
        Privilege::Root => &[],
        Privilege::Ordinary => &["--rootless"],
    };
    let spec = || case.palisade().arg("spec").args(options).arg("--bundle").arg(bundle.path());
    spec().run().succeeded();
    let line = spec().run().refusal(&case);
    assert!(
        line.starts_with(&format!("write {}: ", config.display())) && line.ends_with("(remove it first)"),
        "{line}"
    );
    let mut written: Value =
        serde_json::from_str(&fs::read_to_string(&config).expect("config.json")).expect("JSON");
    assert_eq!(written["process"]["args"], serde_json::json!(["sh"]));
    let call = || case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    let said = call().input("echo $((6 * 7))\nexit 3\n").run();
    assert_eq!(said.code(), 3, "with its terminal: {said}");
    assert!(said.stdout.contains("42"), "{said}");
    written["process"]["terminal"] = Value::Bool(false);
    written["process"]["args"] = serde_json::json!(["sh", "-c", "hostname; id -u"]);
    fs::write(&config, written.to_string()).expect("write config.json");
    assert_eq!(call().run().succeeded().stdout, "palisade\n0\n");
}

#[test]
fn features_says_what_there_is() {
    let case = case!();
    let said = case.palisade().arg("features").run().succeeded();
    let features: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(features["ociVersionMin"], "1.0.0");
    let has =
        |list: &Value, word: &str| list.as_array().is_some_and(|list| list.iter().any(|one| one == word));
    assert!(has(&features["hooks"], "createContainer") && has(&features["hooks"], "poststop"), "{said}");
    assert!(has(&features["mountOptions"], "rbind") && has(&features["mountOptions"], "rro"), "{said}");
    let linux = &features["linux"];
    assert!(has(&linux["namespaces"], "cgroup") && has(&linux["capabilities"], "CAP_SYS_ADMIN"), "{said}");
    assert_eq!(linux["seccomp"]["enabled"], true);
    assert!(has(&linux["seccomp"]["actions"], "SCMP_ACT_ERRNO"), "{said}");
    assert!(has(&linux["seccomp"]["actions"], "SCMP_ACT_NOTIFY"), "{said}");
    assert_eq!(linux["cgroup"]["systemd"], true);
}

#[test]
fn a_plan_is_printed_and_nothing_is_done() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo done");
    let plan = |format: &str| {
        let call = case.palisade().args(["plan", "--format", format, "--bundle"]).arg(bundle.path());
        call.arg(case.unused_id()).run().succeeded().stdout
    };
    let table = plan("table");
    let root = match case.tier().privilege() {
        Privilege::Ordinary => "change of the root",
        Privilege::Root => "copy of the root in the place of /",
    };
    for words in ["/mounts/0", root, "/process/args"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let json: Value = serde_json::from_str(&plan("json")).expect("JSON");
    for list in ["before", "beside", "init", "exec"] {
        assert!(json[list].is_array(), "{list}: {json}");
    }
    let shell = plan("shell");
    assert!(shell.contains("mount -t proc") && shell.contains("hostname case"), "{shell}");
    assert!(!case.state().exists(), "a plan keeps no state");
    case.expect_nothing_left(&"plan");
}

#[test]
fn an_explained_run_tells_each_step() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo done");
    let call =
        case.palisade().args(["run", "--explain", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    let said = call.run().succeeded();
    assert_eq!(said.stdout, "done\n");
    for words in [" ms  ", "/mounts/0", "mount -t proc", "pivot_root", "exec  default signals", "exec  exec "]
    {
        assert!(said.stderr.contains(words), "{words}: {said}");
    }
    let id = case.unused_id();
    let said = case.palisade().args(["create", "--explain", "--bundle"]).arg(bundle.path()).arg(&id).run();
    let told = said.succeeded().stderr;
    assert!(told.contains("exec  default signals") && told.contains("exec  wait for start"), "{told}");
    assert!(!told.contains("exec  exec "), "that is what start lets it do: {told}");
    case.palisade().args(["delete", "--force", &id]).run().succeeded();
}
