//! Names for containers that are given none.

use palisade_runtime::{ContainerId, Error, Result, Store};

const ADJECTIVES: [&str; 32] = [
    "amber", "bold", "brisk", "calm", "clear", "crisp", "dapper", "deft", "eager", "early", "fair", "fleet",
    "fresh", "gentle", "glad", "keen", "kind", "lively", "lucid", "mellow", "merry", "neat", "nimble",
    "placid", "plucky", "quick", "quiet", "ready", "spry", "steady", "tidy", "warm",
];

const NOUNS: [&str; 32] = [
    "alder", "badger", "beech", "birch", "brook", "cedar", "crane", "dune", "egret", "elm", "fern", "finch",
    "grove", "hazel", "heron", "larch", "lark", "linden", "lynx", "maple", "marten", "otter", "pine",
    "plover", "reed", "robin", "rowan", "sedge", "stork", "thistle", "willow", "wren",
];

/// How often a name that is taken is made anew.
const TRIES: usize = 50;

/// Takes the name that was asked for, or makes one that no container has.
pub(crate) fn choose(wanted: Option<&str>, store: &Store) -> Result<ContainerId> {
    if let Some(name) = wanted {
        let name = ContainerId::new(name).map_err(|error| error.context("--name"))?;
        if store.root().join(name.as_str()).exists() {
            return Err(Error::new(format!("--name {name}: there is a container of that name"))
                .hint(format_args!("pal rm -f {name} removes it")));
        }
        return Ok(name);
    }
    for _ in 0..TRIES {
        let name = ContainerId::new(&make(random()?))?;
        if !store.root().join(name.as_str()).exists() {
            return Ok(name);
        }
    }
    ContainerId::new(&format!("{:08x}", random()?))
}

fn random() -> Result<u32> {
    let mut bytes = [0u8; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::call("getrandom", errno))?;
    Ok(u32::from_ne_bytes(bytes))
}

fn make(random: u32) -> String {
    let pick = |list: &[&'static str; 32], bits: u32| {
        usize::try_from(bits & 31).ok().and_then(|index| list.get(index).copied()).unwrap_or("box")
    };
    format!("{}_{}", pick(&ADJECTIVES, random), pick(&NOUNS, random >> 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ids() {
        for random in 0..1024 {
            assert!(ContainerId::new(&make(random)).is_ok());
        }
        let store = Store::new("/nonexistent".into());
        assert_eq!(choose(Some("web"), &store).unwrap().as_str(), "web");
        assert!(choose(Some("a/b"), &store).unwrap_err().to_string().starts_with("--name: "));
        assert!(choose(None, &store).unwrap().as_str().contains('_'));
    }
}
