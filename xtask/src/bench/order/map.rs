//! The map that GNU ld writes of a program: sections of it at the margin, in them those of object files, indented by one
//! blank, and the symbols that other files may know, indented by more. A long name has a line of its own.

/// What stands before the map, after lists of what was left out.
const HEADING: &str = "Linker script and memory map";

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
        // A name whose address is in the next line.
        let mut name = None;
        for line in text.lines().skip_while(|line| *line != HEADING) {
            let margin = line.len() - line.trim_start().len();
            let (word, rest) = split(line);
            match (margin, name.take()) {
                (0, _) if !word.is_empty() => is_code = word.starts_with(".text"),
                _ if !is_code => {}
                (1, _) if word.starts_with('*') => {}
                (1, _) if rest.is_empty() => name = Some(word),
                (1, _) => map.take(section(word, rest)),
                (_, Some(name)) => map.take(section(name, line)),
                (_, None) => map.symbols.extend(symbol(word, rest)),
            }
        }
        map
    }

    /// Adds a section, in which the first instruction is at its beginning.
    fn take(&mut self, section: Option<Section>) {
        self.symbols.extend(section.as_ref().map(|section| section.address));
        self.sections.extend(section);
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

/// Takes the first word off a line.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim_start()))
}

fn number(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

/// Reads `ADDRESS SIZE FILE`; none for what is empty.
fn section(name: &str, place: &str) -> Option<Section> {
    let (address, rest) = split(place);
    let (size, file) = split(rest);
    let (address, size) = (number(address)?, number(size).filter(|size| *size > 0)?);
    Some(Section { address, size, file: file.to_owned(), name: name.to_owned() })
}

/// Reads `ADDRESS NAME`, and not an assignment, which looks like it and goes on.
fn symbol(address: &str, name: &str) -> Option<u64> {
    number(address).filter(|_| !name.is_empty() && !name.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Discarded input sections

 .text._ZN4gone 0x0000000000000000       0x10 /t/palisade.o

Linker script and memory map

                [!provide]                        PROVIDE (__executable_start = SEGMENT_START (0x400000))
.note           0x0000000000400270       0x20
 .note          0x0000000000400270       0x20 /usr/lib/crt1.o
                0x0000000000400270                __abi_tag

.text           0x0000000000401000      0x200
 *(.text .text.*)
 .text._ZN3box4openE
                0x0000000000401000       0x22 /t/palisade.o
 *fill*         0x0000000000401022       0x1e
 .text          0x0000000000401040        0x0 /usr/lib/libc.a(empty.o)
 .text          0x0000000000401040       0x40 /usr/lib/libc.a(getdelim.o)
                0x0000000000401050                getdelim
                0x0000000000401240                . = ALIGN (0x40)
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
        assert_eq!(map.symbols().collect::<Vec<_>>(), [0x40_1000, 0x40_1040, 0x40_1050]);
        assert_eq!(map.section_at(0x40_1021), Some(0));
        assert_eq!(map.section_at(0x40_1022), None);
        assert_eq!(map.section_at(0x40_107f), Some(1));
        assert_eq!(map.section_at(0x40_0270), None);
    }
}
