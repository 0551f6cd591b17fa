//! The map that the linker lld writes of a program: `VMA LMA Size Align Out In Symbol`, hexadecimal, where what is in
//! something else is indented by one step more.

/// One column of the nesting.
const STEP: usize = 8;

/// A function's section of an object file, where it came to lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    address: u64,
    pub(super) size: u64,
    /// The object file, or `library(member)`.
    pub(super) file: String,
    /// `.text._ZN…`, or just `.text` in a C library.
    pub(super) name: String,
}

/// The sections of code, by address, and the symbols in them.
#[derive(Debug, Default)]
pub(super) struct Map {
    sections: Vec<Section>,
    symbols: Vec<u64>,
}

impl Map {
    pub(super) fn parse(text: &str) -> Self {
        let mut map = Self::default();
        let mut is_code = false;
        for line in text.lines() {
            let Some((address, size, what)) = split(line) else { continue };
            let depth = (what.len() - what.trim_start().len()) / STEP;
            let what = what.trim_start();
            match depth {
                0 => is_code = what.starts_with(".text"),
                1 if is_code && size > 0 => map.sections.extend(section(address, size, what)),
                2 if is_code && map.section_at(address).is_some() => map.symbols.push(address),
                _ => {}
            }
        }
        map
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The addresses at which a symbol is, and so an instruction begins.
    pub(super) fn symbols(&self) -> impl Iterator<Item = u64> {
        self.symbols.iter().copied()
    }

    /// The index of the section that an address is in.
    pub(super) fn section_at(&self, address: u64) -> Option<usize> {
        let index = self.sections.partition_point(|section| section.address <= address).checked_sub(1)?;
        let section = &self.sections[index];
        (address < section.address + section.size).then_some(index)
    }
}

/// Takes the address, the size, and the rest with its indentation off a line.
fn split(line: &str) -> Option<(u64, u64, &str)> {
    let mut rest = line;
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let (word, after) = rest.trim_start().split_once(' ')?;
        *number = u64::from_str_radix(word, 16).ok()?;
        rest = after;
    }
    // The alignment, and the one blank behind it.
    let (_align, what) = rest.trim_start().split_once(' ')?;
    Some((numbers[0], numbers[2], what))
}

/// Reads `FILE:(SECTION)`; none for what the linker itself adds.
fn section(address: u64, size: u64, what: &str) -> Option<Section> {
    let (file, name) = what.strip_suffix(')')?.rsplit_once(":(")?;
    Some(Section { address, size, file: file.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          200270           200270       20     4 .note.ABI-tag
          200270           200270       20     4         /usr/lib/crt1.o:(.note.ABI-tag)
          200270           200270       20     1                 __abi_tag
          401000           401000      200    64 .text
          401000           401000       22     1         /t/palisade.o:(.text._ZN3box4openE)
          401000           401000       22     1                 box::open
          401040           401040        0    16         /usr/lib/libc.a(empty.o):(.text)
          401040           401040       40    16         /usr/lib/libc.a(getdelim.o):(.text)
          401050           401050       10     1                 getdelim
";

    #[test]
    fn a_map_has_the_sections_of_code_and_their_symbols() {
        let map = Map::parse(TEXT);
        let names: Vec<_> =
            map.sections().iter().map(|section| (section.file.as_str(), section.name.as_str())).collect();
        assert_eq!(
            names,
            [("/t/palisade.o", ".text._ZN3box4openE"), ("/usr/lib/libc.a(getdelim.o)", ".text")]
        );
        assert_eq!(map.symbols().collect::<Vec<_>>(), [0x40_1000, 0x40_1050]);
        assert_eq!(map.section_at(0x40_1021), Some(0));
        assert_eq!(map.section_at(0x40_1022), None);
        assert_eq!(map.section_at(0x40_107f), Some(1));
        assert_eq!(map.section_at(0x20_0270), None);
    }
}
