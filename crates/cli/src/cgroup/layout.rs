//! `layout`: where each controller lives.

use palisade_cgroup::{Controller, Home, Layout, Version};
use palisade_runtime::Result;
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::cgroup::Layout as Verb;
use crate::output::{print, print_json};
use crate::table;

/// A controller and its home; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    controller: &'static str,
    home: &'static str,
    mount: Option<String>,
}

const HEADER: [&str; 3] = ["CONTROLLER", "HOME", "MOUNT"];

pub(crate) fn show(verb: &Verb) -> Result<u8> {
    let layout = Layout::detect()?;
    let rows: Vec<Row> = Controller::ALL.into_iter().map(|controller| row(&layout, controller)).collect();
    match verb.printing.format {
        Format::Json => print_json(&rows)?,
        Format::Table => {
            let cells: Vec<_> = rows.iter().map(cells).collect();
            print(&table::draw(&HEADER, &cells, table::width()))?;
        }
    }
    Ok(0)
}

fn row(layout: &Layout, controller: Controller) -> Row {
    let hierarchy = layout.hierarchy(controller);
    let home = match (layout.home(controller), hierarchy.map(|hierarchy| hierarchy.version)) {
        (_, Some(Version::V1)) => "v1",
        (_, Some(Version::V2)) => "v2",
        (Home::Disabled, None) => "disabled",
        (Home::Absent, None) => "absent",
        (Home::NotMounted | Home::Hierarchy(_), None) => "not mounted",
    };
    let mount = hierarchy.map(|hierarchy| hierarchy.mount.display().to_string());
    Row { controller: controller.name(Version::V1), home, mount }
}

fn cells(row: &Row) -> Vec<String> {
    vec![row.controller.to_owned(), row.home.to_owned(), row.mount.clone().unwrap_or_else(|| "-".to_owned())]
}
