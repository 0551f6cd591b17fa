//! Every conversion between the units of v1, of OCI and of v2.

use crate::Limit;

/// The smallest and the largest CPU shares that v1 takes.
pub const SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;
/// The smallest and the largest CPU weight that v2 takes.
pub const WEIGHT: std::ops::RangeInclusive<u64> = 1..=10_000;
/// The smallest and the largest block I/O weight of OCI.
pub const IO_WEIGHT: std::ops::RangeInclusive<u16> = 10..=1000;

/// Turns v1 CPU shares into a v2 CPU weight.
///
/// The curve that runc 1.3.2 and crun 1.23 brought in goes through the ends (2 → 1, 262144 → 10000) and the two
/// defaults (1024 → 100): with `l` the binary logarithm of the shares, the weight is ten to the power of
/// `(l² + 125·l) / 612 − 7/34`, rounded up.
pub fn shares_to_weight(shares: u64) -> u64 {
    if shares <= *SHARES.start() {
        return *WEIGHT.start();
    }
    if shares >= *SHARES.end() {
        return *WEIGHT.end();
    }
    let exponent = weight_exponent(approximate(shares).log2());
    ceil_within(10f64.powf(exponent), &WEIGHT)
}

/// Turns a v2 CPU weight into the largest v1 CPU shares that [`shares_to_weight`] maps to at most that weight.
pub fn weight_to_shares(weight: u64) -> u64 {
    let (mut low, mut high) = (*SHARES.start(), *SHARES.end());
    while low < high {
        let middle = low.midpoint(high + 1);
        if shares_to_weight(middle) <= weight {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Turns an OCI block I/O weight (10 to 1000) into a v2 one (1 to 10000), on a straight line.
pub fn io_weight(weight: u16) -> u64 {
    1 + (u64::from(weight).saturating_sub(10)) * 9999 / 990
}

/// Turns a v2 block I/O weight (1 to 10000) into the largest OCI one that [`io_weight`] maps to at most that weight.
pub fn io_weight_v1(weight: u64) -> u16 {
    let above = weight.clamp(1, 10_000) - 1;
    // `io_weight` rounds down, so the largest that comes to this weight is just below what comes to the next.
    let steps = ((above + 1) * 990 - 1) / 9999;
    u16::try_from(10 + steps).unwrap_or(*IO_WEIGHT.end()).min(*IO_WEIGHT.end())
}

/// Turns a limit on memory and swap together into one on swap alone, given the limit on memory.
///
/// # Errors
/// Says why where no swap limit follows from the two.
pub fn swap_alone(memory: Option<Limit>, both: Option<Limit>) -> Result<Option<Limit>, &'static str> {
    match (memory, both) {
        (Some(Limit::Max), None) | (_, Some(Limit::Max)) => Ok(Some(Limit::Max)),
        (_, None) => Ok(None),
        (Some(Limit::Max), Some(swap)) => Ok(Some(swap)),
        (None, Some(Limit::Value(_))) => {
            Err("it counts memory and swap together, and v2 needs the memory limit to tell them apart")
        }
        (Some(Limit::Value(memory)), Some(Limit::Value(both))) => both
            .checked_sub(memory)
            .map(|swap| Some(Limit::Value(swap)))
            .ok_or("it counts memory and swap together and so cannot be below the memory limit"),
    }
}

fn weight_exponent(log2_shares: f64) -> f64 {
    (log2_shares * log2_shares + 125.0 * log2_shares) / 612.0 - 7.0 / 34.0
}

/// Shares are at most 2^18 here, so the conversion is exact.
fn approximate(shares: u64) -> f64 {
    u32::try_from(shares).map_or(f64::from(u32::MAX), f64::from)
}

/// Finds the smallest integer in `range` that is not below `value`, without a lossy cast.
fn ceil_within(value: f64, range: &std::ops::RangeInclusive<u64>) -> u64 {
    let (mut low, mut high) = (*range.start(), *range.end());
    while low < high {
        let middle = low.midpoint(high);
        if approximate(middle) >= value {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use Limit::{Max, Value};

    #[test]
    fn shares_meet_the_ends_and_the_defaults() {
        for (shares, weight) in [
            (0, 1),
            (1, 1),
            (2, 1),
            (3, 2),
            (1024, 100),
            (262_143, 10_000),
            (262_144, 10_000),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(shares_to_weight(shares), weight, "{shares} shares");
        }
    }

    #[test]
    fn shares_never_turn_the_order_round() {
        let mut last = 0;
        for shares in 2..=262_144 {
            let weight = shares_to_weight(shares);
            assert!(weight >= last && WEIGHT.contains(&weight), "{shares} shares");
            last = weight;
        }
    }

    #[test]
    fn weights_come_back() {
        for weight in [1, 2, 50, 100, 101, 5000, 9999, 10_000] {
            let shares = weight_to_shares(weight);
            assert!(shares_to_weight(shares) <= weight, "weight {weight}");
            assert!(shares == 262_144 || shares_to_weight(shares + 1) > weight, "weight {weight}");
        }
        assert_eq!(weight_to_shares(100), 1024);
        assert_eq!(weight_to_shares(1), 2);
        assert_eq!(weight_to_shares(10_000), 262_144);
    }

    #[test]
    fn io_weight_is_linear() {
        for (oci, v2) in [(10, 1), (100, 910), (500, 4950), (1000, 10_000)] {
            assert_eq!(io_weight(oci), v2);
        }
    }

    #[test]
    fn io_weights_come_back() {
        for weight in IO_WEIGHT {
            assert_eq!(io_weight_v1(io_weight(weight)), weight);
        }
        assert_eq!((io_weight_v1(0), io_weight_v1(1), io_weight_v1(20_000)), (10, 10, 1000));
    }

    #[test]
    fn swap_is_the_difference() {
        let table = [
            (None, None, Ok(None)),
            (Some(Value(64)), None, Ok(None)),
            (Some(Max), None, Ok(Some(Max))),
            (None, Some(Max), Ok(Some(Max))),
            (Some(Value(64)), Some(Max), Ok(Some(Max))),
            (Some(Max), Some(Value(64)), Ok(Some(Value(64)))),
            (Some(Value(64)), Some(Value(64)), Ok(Some(Value(0)))),
            (Some(Value(64)), Some(Value(100)), Ok(Some(Value(36)))),
        ];
        for (memory, both, alone) in table {
            assert_eq!(swap_alone(memory, both), alone, "{memory:?} {both:?}");
        }
        assert!(swap_alone(Some(Value(64)), Some(Value(63))).is_err());
        assert!(swap_alone(None, Some(Value(63))).is_err());
    }
}
