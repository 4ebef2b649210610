//! What a build has taken from its cache, as a person is told.

/// `restored 4 from the cache: 80 % hits, 12 kB`: of the keys that were not up to date, those that a trace brought up to date, and not a run of their
/// tasks; and how much was copied.
pub fn hits(restored: usize, ran: usize, copied: u64) -> String {
    let rate = 100 * restored / (restored + ran).max(1);
    format!("restored {restored} from the cache: {rate} % hits, {}", bytes(copied))
}

/// A size as a person says it.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_what_was_not_up_to_date() {
        assert_eq!(hits(4, 1, 12_345), "restored 4 from the cache: 80 % hits, 12 kB");
        assert_eq!(hits(2, 0, 0), "restored 2 from the cache: 100 % hits, 0 B");
        assert_eq!(hits(199, 1, 20_000_000), "restored 199 from the cache: 99 % hits, 20 MB");
    }
}
