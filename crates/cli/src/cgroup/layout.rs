//! `layout`: where each controller lives.

use palisade_cgroup::{Census, Controller, Hierarchy, Home, Layout, Membership, Place, Version};
use palisade_runtime::Result;
use serde::Serialize;

use crate::arguments::cgroup::Layout as Verb;
use crate::output::print_rows;

/// A controller, or a hierarchy without one, and its home; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// None for the v2 tree itself and for a v1 hierarchy that has but a name.
    controller: Option<&'static str>,
    /// The name of a v1 hierarchy.
    name: Option<String>,
    /// `v1`, `v2`, `not mounted`, `disabled` or `absent`.
    home: &'static str,
    /// The number of the hierarchy; 0 is the v2 tree.
    id: Option<u32>,
    /// How many groups the hierarchy has, the root among them.
    groups: Option<u64>,
    mount: Option<String>,
    /// The other controllers of the same v1 hierarchy.
    with: Vec<&'static str>,
    /// What comes along on v2 where the controller is enabled, without being listed as enabled.
    brings: Vec<&'static str>,
    /// Why it is where it is.
    why: String,
}

const HEADER: [&str; 6] = ["CONTROLLER", "HOME", "ID", "GROUPS", "WITH", "MOUNT"];

pub(crate) fn show(verb: &Verb) -> Result<u8> {
    let layout = Layout::detect()?;
    let census = Census::take()?;
    let mut rows: Vec<Row> =
        Controller::ALL.into_iter().map(|controller| row(&layout, &census, controller)).collect();
    let own = Membership::of(rustix::process::getpid())?;
    let bare = layout
        .hierarchies
        .iter()
        .filter(|hierarchy| hierarchy.version == Version::V2 || hierarchy.controllers.is_empty());
    for hierarchy in bare {
        rows.push(bare_row(&layout, hierarchy, &own)?);
    }
    match verb.telling.explain {
        true => print_rows(verb.telling.format, &["CONTROLLER", "HOME", "WHY"], &rows, |row| {
            vec![what(row), row.home.to_owned(), row.why.clone()]
        })?,
        false => print_rows(verb.telling.format, &HEADER, &rows, cells)?,
    }
    Ok(0)
}

fn row(layout: &Layout, census: &Census, controller: Controller) -> Row {
    let hierarchy = layout.hierarchy(controller);
    let home = match (layout.home(controller), hierarchy.map(|hierarchy| hierarchy.version)) {
        (_, Some(Version::V1)) => "v1",
        (_, Some(Version::V2)) => "v2",
        (Home::Disabled, None) => "disabled",
        (Home::Absent, None) => "absent",
        (Home::NotMounted | Home::Hierarchy(_), None) => "not mounted",
    };
    let count = census.of(controller).filter(|count| home != "not mounted" || count.hierarchy != 0);
    let with = hierarchy.filter(|hierarchy| hierarchy.version == Version::V1);
    let with = with.into_iter().flat_map(|hierarchy| &hierarchy.controllers);
    Row {
        controller: Some(controller.name(hierarchy.map_or(Version::V1, |hierarchy| hierarchy.version))),
        name: hierarchy.and_then(|hierarchy| hierarchy.name.clone()),
        home,
        id: count.map(|count| count.hierarchy),
        groups: count.map(|count| count.groups),
        mount: hierarchy.map(|hierarchy| hierarchy.mount.display().to_string()),
        with: with.filter(|other| **other != controller).map(|other| other.name(Version::V1)).collect(),
        brings: match home {
            "v2" => controller.brings().iter().map(|other| other.name(Version::V2)).collect(),
            _ => Vec::new(),
        },
        why: why(controller, home, hierarchy),
    }
}

fn why(controller: Controller, home: &str, hierarchy: Option<&Hierarchy>) -> String {
    let name = controller.name(Version::V2);
    match home {
        "v1" => "a controller lives in one hierarchy: as long as this one has it, v2 cannot".to_owned(),
        "v2" if controller.brings().contains(&Controller::Memory) => format!(
            "+{name} in cgroup.subtree_control gives it to the groups below, and brings memory's accounting"
        ),
        "v2" if hierarchy.is_some_and(|hierarchy| hierarchy.controllers.contains(&controller)) => {
            format!("+{name} in cgroup.subtree_control gives it to the groups below")
        }
        "v2" => match controller {
            Controller::Devices => "implicit: a BPF program of the group decides on devices",
            Controller::Freezer => "implicit: every group has cgroup.freeze",
            Controller::Cpuacct => "implicit: every group counts CPU time in cpu.stat",
            _ => "implicit: perf names the group by its path",
        }
        .to_owned(),
        "disabled" => "cgroup_disable= at boot names it".to_owned(),
        "absent" => "this kernel was built without it, or has it no more".to_owned(),
        _ => {
            let name = controller.name(Version::V1);
            format!("free: pal cgroup mount -c {name} DIRECTORY makes it a hierarchy")
        }
    }
}

/// Makes the row of the v2 tree, or of a v1 hierarchy that has but a name.
fn bare_row(layout: &Layout, hierarchy: &Hierarchy, own: &[Membership]) -> Result<Row> {
    let home = own.iter().find(|home| home.hierarchy(layout) == Some(hierarchy));
    let root = Place::new(hierarchy, &palisade_cgroup::GroupPath::root());
    let (version, why) = match hierarchy.version {
        Version::V1 => ("v1", "it keeps processes apart and limits nothing"),
        Version::V2 => ("v2", "the one tree of v2, mounted wherever it is mounted"),
    };
    Ok(Row {
        controller: None,
        name: hierarchy.name.clone(),
        home: version,
        id: home.map(|home| home.id),
        groups: Some(number_of_groups(&root)?),
        mount: Some(hierarchy.mount.display().to_string()),
        with: Vec::new(),
        brings: Vec::new(),
        why: why.to_owned(),
    })
}

/// Counts the groups from this one down: as the kernel has counted them, or one by one.
fn number_of_groups(root: &Place) -> Result<u64> {
    let stat = if root.version == Version::V2 { root.read("cgroup.stat").ok() } else { None };
    let counted =
        stat.iter().flat_map(|text| text.lines()).find_map(|line| line.strip_prefix("nr_descendants "));
    match counted.and_then(|count| count.parse::<u64>().ok()) {
        Some(below) => Ok(below + 1),
        None => Ok(root.tree()?.len() as u64),
    }
}

fn what(row: &Row) -> String {
    match (row.controller, &row.name) {
        (Some(controller), _) => controller.to_owned(),
        (None, Some(name)) => format!("name={name}"),
        (None, None) => "(v2)".to_owned(),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        what(row),
        row.home.to_owned(),
        or_none(row.id.map(|id| id.to_string())),
        or_none(row.groups.map(|groups| groups.to_string())),
        or_none((!row.with.is_empty()).then(|| row.with.join(","))),
        or_none(row.mount.clone()),
    ]
}
