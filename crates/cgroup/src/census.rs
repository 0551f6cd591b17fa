//! What `/proc/cgroups` tells of each controller.

use crate::{Controller, Error, file};
use std::collections::BTreeMap;

/// Holds the lines of `/proc/cgroups`, see cgroups(7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census(BTreeMap<Controller, Count>);

/// Says where the kernel has a controller and how many groups there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number of the v1 hierarchy; 0 for the v2 tree, and for a controller that is mounted nowhere.
    pub hierarchy: u32,
    /// The groups of that hierarchy, the root among them.
    pub groups: u64,
}

impl Census {
    /// Reads `/proc/cgroups`.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn take() -> Result<Self, Error> {
        file::read_path_text("/proc/cgroups").map(|text| Self::parse(&text))
    }

    /// Reads the text of a `/proc/cgroups`; a controller that this library does not know is left out.
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut fields = line.split_whitespace();
            let controller = Controller::from_name(fields.next()?)?;
            let hierarchy = fields.next()?.parse().ok()?;
            let groups = fields.next()?.parse().ok()?;
            Some((controller, Count { hierarchy, groups }))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Returns what is known of a controller; newer kernels leave out those that v1 does not have.
    pub fn of(&self, controller: Controller) -> Option<Count> {
        self.0.get(&controller).copied()
    }

    /// Lists the controllers of the v1 hierarchy with this number.
    pub fn of_hierarchy(&self, number: u32) -> Vec<Controller> {
        let here = self.0.iter().filter(|(_, count)| number != 0 && count.hierarchy == number);
        here.map(|(controller, _)| *controller).collect()
    }
}

impl Controller {
    /// Lists the controllers that come along on v2 where this one is enabled, without being listed as enabled.
    ///
    /// `io` charges writeback to the group whose memory it comes from, so it has the kernel keep memory's accounting.
    pub fn brings(self) -> &'static [Self] {
        if self == Self::Io { &[Self::Memory] } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t7\t1\ncpuacct\t2\t7\t1\ndebug\t0\t1\t1\nmisc\t0\t9\t1\n";
        let census = Census::parse(text);
        assert_eq!(census.of(Controller::Cpu), Some(Count { hierarchy: 2, groups: 7 }));
        assert_eq!(census.of_hierarchy(2), [Controller::Cpu, Controller::Cpuacct]);
        assert_eq!((census.of(Controller::Pids), census.of_hierarchy(0).len()), (None, 0));
    }
}
