//! What was visited, as a script for the linker.

use std::collections::{BTreeMap, HashMap};

use super::map::{Map, Section};

/// Says at the top of the file where it is from.
const HEAD: &str = "\
/* The functions of PROGRAM that the usual verbs need, for the linker to put together: what is needed by most of them
   first. `cargo xtask bench order` writes this. A name that is not there any more does no harm, and a function that is
   missing here is found elsewhere, at the price of some memory. */
";

/// One pattern of the script, and what it finds.
#[derive(Debug, Default)]
struct Pattern {
    /// How many visits had need of it.
    visits: usize,
    /// When it was first needed.
    first: usize,
    /// The bytes of what was needed, and those of what the pattern finds besides.
    needed: u64,
    found: u64,
}

/// Writes the sections that each visit went to, in the order in which it did.
pub(super) fn script(program: &str, map: &Map, visits: &[Vec<usize>]) -> String {
    let mut patterns: HashMap<String, Pattern> = HashMap::new();
    for (pattern, section) in needed(map, visits) {
        let entry = patterns.entry(pattern).or_insert(Pattern { first: usize::MAX, ..Pattern::default() });
        entry.visits = entry.visits.max(section.visits);
        entry.first = entry.first.min(section.first);
        entry.needed += section.needed;
    }
    for section in map.sections() {
        if let Some(pattern) = pattern(section).and_then(|pattern| patterns.get_mut(&pattern)) {
            pattern.found += section.size;
        }
    }
    let mut lines: Vec<_> = patterns.into_iter().collect();
    // A name that many functions have, of which few are needed, would tear the others apart.
    let is_thin = |pattern: &Pattern| pattern.found > 2 * pattern.needed;
    lines.sort_by_key(|(_, pattern)| (is_thin(pattern), usize::MAX - pattern.visits, pattern.first));
    let lines: String = lines.iter().map(|(pattern, _)| format!("    {pattern}\n")).collect();
    let head = HEAD.replace("PROGRAM", program);
    format!("{head}SECTIONS {{\n  .text.first : {{\n{lines}  }}\n}} INSERT BEFORE .text;\n")
}

/// Gathers how each section that a pattern can name was needed.
fn needed(map: &Map, visits: &[Vec<usize>]) -> Vec<(String, Pattern)> {
    let mut sections: BTreeMap<usize, Pattern> = BTreeMap::new();
    let mut order = 0;
    for &index in visits.iter().flatten() {
        let section = sections.entry(index).or_insert_with(|| {
            order += 1;
            Pattern { visits: 0, first: order, needed: map.sections()[index].size, found: 0 }
        });
        section.visits += 1;
    }
    let named = sections.into_iter().map(|(index, found)| (pattern(&map.sections()[index]), found));
    named.filter_map(|(pattern, found)| Some((pattern?, found))).collect()
}

/// The pattern that finds a section also when another compiler built it; none where the name would say nothing.
fn pattern(section: &Section) -> Option<String> {
    let name = &section.name;
    let function = name.strip_prefix(".text.").and_then(|rest| rest.find('_').map(|at| &rest[at..]));
    if function.is_some_and(|function| function.starts_with("_ZN") || function.starts_with("_R")) {
        return Some(format!("*({})", without_hashes(name)));
    }
    let file = section.file.rsplit('/').next().unwrap_or_default();
    match file.strip_suffix(')').and_then(|file| file.rsplit_once('(')) {
        // The C library has its functions in sections of the same name, and one or few in each member.
        Some((library, member)) if library.ends_with(".a") => Some(format!("*{library}:{member}({name})")),
        Some(_) => None,
        None if name == ".text.main" => Some(format!("*({name})")),
        None => file.starts_with("crt").then(|| format!("*{file}({name})")),
    }
}

/// Puts `*` for what differs from one compiler to the next: the hash at the end of a name of the old kind, and in the new
/// kind that of each crate, `Cs…_`, and the places that are referred back to, `B…_`, as a hash may be longer or shorter.
/// So does the number of a function that was copied into several crates, at the end.
fn without_hashes(name: &str) -> String {
    const DIGITS: usize = 16;
    if let Some(start) = name.rfind("17h")
        && name.contains("_ZN")
        && name.len() >= start + 3 + DIGITS
    {
        return format!("{}17h*", &name[..start]);
    }
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("Cs").into_iter().chain(back_reference(rest)).min() {
        let tag = if rest[at..].starts_with("Cs") { 2 } else { 1 };
        let after = &rest[at + tag..];
        let digits = after.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(after.len());
        text += &rest[..at + tag];
        if after[digits..].starts_with('_') {
            text += "*";
            rest = &after[digits..];
        } else {
            rest = after;
        }
    }
    text += rest;
    let end = text.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    if end < text.len() && text[..end].ends_with('.') {
        text.truncate(end);
        text.push('*');
    }
    text
}

/// Finds what may be a reference back: `B`, at most three digits of base 62, and `_`.
fn back_reference(text: &str) -> Option<usize> {
    text.match_indices('B').map(|(at, _)| at).find(|at| {
        let after = &text[at + 1..];
        let digits = after.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(after.len());
        digits <= 3 && after[digits..].starts_with('_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Linker script and memory map

.text           0x0000000000401000      0x200
 .text._ZN3box4open17h0123456789abcdefE
                0x0000000000401000       0x10 /t/palisade.o
 .text.unlikely._ZN3box4tell17h1123456789abcdefE
                0x0000000000401010       0x10 /t/palisade.o
 .text._ZN4core4call17h2123456789abcdefE
                0x0000000000401020       0x10 /t/palisade.o
 .text._ZN4core4call17h3123456789abcdefE
                0x0000000000401030       0x80 /t/palisade.o
 .text._RNvNtCs5l0EXMQ_4core3fmtB5_3pad.64
                0x00000000004010b0       0x10 /t/palisade.o
 .text          0x00000000004010c0       0x40 /usr/lib/libc.a(getdelim.o)
 .text          0x0000000000401100       0x40 /usr/lib/crt1.o
 .text          0x0000000000401140       0x40 /t/palisade.o
";

    #[test]
    fn what_most_visits_need_is_first_and_a_name_of_many_last() {
        let map = Map::parse(TEXT);
        let text = script("palisade", &map, &[vec![2, 0, 6], vec![0, 4, 5, 7], vec![5, 1, 0]]);
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("    ")).map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "*(.text._ZN3box4open17h*)",
                "*libc.a:getdelim.o(.text)",
                "*crt1.o(.text)",
                "*(.text._RNvNtCs*_4core3fmtB*_3pad.*)",
                "*(.text.unlikely._ZN3box4tell17h*)",
                "*(.text._ZN4core4call17h*)",
            ]
        );
        assert!(text.ends_with("} INSERT BEFORE .text;\n"), "{text}");
    }
}
