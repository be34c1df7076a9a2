//! A short run of what `restore-fuzz` does for hours.

use rufous_tests::restore_fuzz::{Tally, round};
use rufous_tests::server::{Server, Which};

const ROUNDS: u64 = 2;

#[test]
fn harmed_payloads_are_outlived() {
    let mut server = Server::spawn(Which::Rufous, &["--loglevel", "warning"]);
    let mut tally = Tally::default();
    for seed in 0..ROUNDS {
        round(&mut server, seed, &mut tally).unwrap_or_else(|failure| panic!("{failure:#?}"));
    }
    assert!(tally.taken > 100, "few payloads were taken: {tally:?}");
    assert!(tally.sent > 2 * tally.taken, "few payloads were refused: {tally:?}");
}
