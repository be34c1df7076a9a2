//! LOLWUT: a picture drawn by the server, different every time. Ours is a hummingbird's flight over flowers.

use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::version::REDIS_VERSION;
use rufous_protocol::error;
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

/// LOLWUT.
pub const ROWS: &[Command] =
    &[Command::new("lolwut", lolwut, -1, Flags::READONLY.union(Flags::FAST), Group::Server).docs(
        "5.0.0",
        "",
        "Draws a picture and tells the version of the server.",
        "[VERSION version:integer]",
    )];

const WIDTH: usize = 64;
const HEIGHT: usize = 14;

/// LOLWUT [VERSION version]
fn lolwut(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.len() >= 3 && args.get(1).eq_ignore_ascii_case(b"version") {
        parse_i64(args.get(2)).ok_or(error::NOT_AN_INTEGER)?;
    }
    let random = &mut cx.db.store.random;
    let mut canvas = vec![[' '; WIDTH]; HEIGHT];
    let flowers = 4 + random.below(4) as usize;
    for i in 0..flowers {
        let x = 3 + i * (WIDTH - 6) / flowers + random.below(4) as usize;
        let stem = 2 + random.below(5) as usize;
        for line in canvas.iter_mut().rev().take(stem) {
            line[x] = '|';
        }
        canvas[HEIGHT - 1 - stem][x] = ['@', '*', '%', '&'][random.below(4) as usize];
    }
    let (start, step) = (random.unit() * 6.0, 0.15 + random.unit() * 0.2);
    let path: Vec<usize> =
        (0..WIDTH - 3).map(|x| (2.5 + 2.0 * (start + x as f64 * step).sin()) as usize).collect();
    for (x, &y) in path.iter().enumerate().take(WIDTH - 5) {
        if canvas[y][x] == ' ' {
            canvas[y][x] = '.';
        }
    }
    let nose = path[WIDTH - 4];
    for (i, feather) in "\\>o-".chars().enumerate() {
        canvas[nose][WIDTH - 4 + i] = feather;
    }
    let mut picture: String =
        canvas.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n").collect();
    picture.push_str(&format!("\nRedis ver. {REDIS_VERSION}\n"));
    cx.reply.verbatim(b"txt", picture.as_bytes());
    Ok(())
}
