//! Lists of small numbers, as `0-3,7`: CPUs and NUMA nodes.

/// How many numbers a mask of this program holds, as the C library's `cpu_set_t` does.
const MOST: usize = 1024;

/// Reads a list as a bit for each number, as few words as hold them; an empty list has none.
///
/// # Errors
/// What is no list, in words.
pub(super) fn bits(text: &str) -> Result<Vec<u64>, String> {
    let mut words: Vec<u64> = Vec::new();
    if text.trim().is_empty() {
        return Ok(words);
    }
    for part in text.split(',') {
        let (first, last) = range(part).ok_or_else(|| format!("{text:?} is no list as 0-3,7"))?;
        if last >= MOST {
            return Err(format!("{last} is above {}", MOST - 1));
        }
        if words.len() <= last / 64 {
            words.resize(last / 64 + 1, 0);
        }
        for number in first..=last {
            words[number / 64] |= 1 << (number % 64);
        }
    }
    Ok(words)
}

fn range(part: &str) -> Option<(usize, usize)> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    match part.split_once('-') {
        None => number(part).map(|one| (one, one)),
        Some((first, last)) => number(first).zip(number(last)).filter(|(first, last)| first <= last),
    }
}

/// Writes the numbers of a mask as such a list.
pub(crate) fn show(words: &[u64]) -> String {
    let is_set = |number: usize| words.get(number / 64).is_some_and(|word| word & 1 << (number % 64) != 0);
    let mut parts: Vec<String> = Vec::new();
    let mut number = 0;
    while number < words.len() * 64 {
        if !is_set(number) {
            number += 1;
            continue;
        }
        let first = number;
        while is_set(number) {
            number += 1;
        }
        let last = number - 1;
        parts.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_bits_and_back() {
        for (text, words, shown) in [
            ("", &[][..], ""),
            ("0", &[1], "0"),
            ("0-3,7", &[0x8f], "0-3,7"),
            (" 7 , 0-2,1-3", &[0x8f], "0-3,7"),
            ("63-64", &[1 << 63, 1], "63-64"),
            ("128", &[0, 0, 1], "128"),
        ] {
            assert_eq!(bits(text).as_deref(), Ok(words), "{text}");
            assert_eq!(show(words), shown);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["a", "1-", "-1", "3-1", "1,,2", "1;2", "0x1"] {
            assert_eq!(bits(text), Err(format!("{text:?} is no list as 0-3,7")));
        }
        assert_eq!(bits("0-1024"), Err("1024 is above 1023".to_owned()));
    }
}
