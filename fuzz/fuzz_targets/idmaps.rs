//! Id maps and the files of subordinate ids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_namespace::{IdKind, IdMap, IdMaps, Who, default_rootless_maps, parse_subids};

/// A map holds an id at most once on either side, however it is asked.
fn check(maps: &IdMaps) {
    let text = maps.text(IdKind::Uid);
    assert!(text.len() <= 4095, "more than the kernel reads");
    for map in &maps.uid {
        let (last, beyond) = (map.inside + (map.size - 1), map.inside.checked_add(map.size));
        assert_eq!(maps.outside_of(IdKind::Uid, map.inside), Some(map.outside));
        assert_eq!(maps.outside_of(IdKind::Uid, last), Some(map.outside + (map.size - 1)));
        let others = maps.uid.iter().filter(|other| *other != map);
        for other in others {
            assert_eq!(beyond.and_then(|id| other.outside_of(id)).is_some(), {
                let begins = beyond == Some(other.inside);
                begins || beyond.is_some_and(|id| id > other.inside && id - other.inside < other.size)
            });
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let number = |chunk: &[u8]| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    let entries: Vec<IdMap> = bytes
        .chunks_exact(12)
        .filter_map(|chunk| IdMap::new(number(&chunk[..4]), number(&chunk[4..8]), number(&chunk[8..])).ok())
        .collect();
    if let Ok(maps) = IdMaps::new(entries.clone(), entries) {
        check(&maps);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ranges = parse_subids(text, Who { uid: 1000, name: Some("tester") });
    let maps = default_rootless_maps(1000, 1000, &ranges, &ranges);
    if IdMaps::check(IdKind::Uid, &maps.uid).is_ok() {
        check(&maps);
    }
});
