//! `update`.

use std::io::Read;
use std::path::Path;

use palisade_oci::Resources;
use palisade_runtime::{Error, Host, Result, Shares, Store};

use crate::arguments::Update;
use crate::log::Log;

/// The name that errors call standard input by.
const STDIN: &str = "standard input";
/// No list of limits is longer.
const MOST: u64 = 16 << 20;

pub(crate) fn update(verb: &Update, store: &Store, log: &Log) -> Result<u8> {
    let container = store.find(&verb.id)?;
    let resources = verb.resources()?;
    let shares =
        Shares { l3_cache: verb.l3_cache_schema.clone(), memory_bandwidth: verb.mem_bw_schema.clone() };
    log.warnings(&container.update_shares(&Host::probe()?, &resources, &shares)?);
    Ok(0)
}

impl Update {
    /// What the file says, changed by the other options.
    fn resources(&self) -> Result<Resources> {
        let mut resources = match &self.resources {
            Some(path) if path == Path::new("-") => palisade_oci::parse_as(STDIN, &read_stdin()?)?,
            Some(path) => palisade_oci::load_as(path)?,
            None => Resources::default(),
        };
        let Resources { memory, cpu, pids, block_io, .. } = &mut resources;
        let numbers = [
            (&mut memory.limit, self.memory),
            (&mut memory.reservation, self.memory_reservation),
            (&mut memory.swap, self.memory_swap),
            (&mut memory.kernel, self.kernel_memory),
            (&mut memory.kernel_tcp, self.kernel_memory_tcp),
            (&mut cpu.quota, self.cpu_quota),
            (&mut cpu.realtime_runtime, self.cpu_rt_runtime),
            (&mut cpu.idle, self.cpu_idle),
            (&mut pids.limit, self.pids_limit),
        ];
        for (field, value) in numbers {
            *field = value.or(*field);
        }
        let times = [
            (&mut cpu.shares, self.cpu_share),
            (&mut cpu.period, self.cpu_period),
            (&mut cpu.burst, self.cpu_burst),
            (&mut cpu.realtime_period, self.cpu_rt_period),
        ];
        for (field, value) in times {
            *field = value.or(*field);
        }
        for (field, value) in [(&mut cpu.cpus, &self.cpuset_cpus), (&mut cpu.mems, &self.cpuset_mems)] {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        block_io.weight = self.blkio_weight.or(block_io.weight);
        Ok(resources)
    }
}

fn read_stdin() -> Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MOST)
        .read_to_end(&mut text)
        .map_err(|error| Error::new(format!("read {STDIN}: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use crate::arguments::{Arguments, Verb};
    use clap::Parser;

    #[test]
    fn options_change_what_a_file_says() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resources.json");
        std::fs::write(&file, r#"{"memory":{"limit":5,"swap":9},"pids":{"limit":3}}"#).unwrap();
        let words = ["palisade", "update", "--memory", "1k", "--cpu-quota=-1", "-r"];
        let words = words.map(std::ffi::OsString::from).into_iter().chain([file.into(), "box".into()]);
        let Verb::Update(verb) = Arguments::try_parse_from(words).unwrap().verb else {
            panic!("another verb");
        };
        let resources = verb.resources().unwrap();
        assert_eq!((resources.memory.limit, resources.memory.swap), (Some(1024), Some(9)));
        assert_eq!((resources.pids.limit, resources.cpu.quota), (Some(3), Some(-1)));
    }
}
