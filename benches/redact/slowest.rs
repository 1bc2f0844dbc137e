//! The time per byte: no text takes much longer than others of its size, and the time is linear in the size.

use benches::{Failure, is_quick, print_ratio};
use tower_activity::redact::Redactor;

use crate::{seconds, units};

/// The most milliseconds per mebibyte.
const LIMIT: f64 = 50.0;

/// The most by which the time may grow for eight times the size.
const EIGHTFOLD: f64 = 12.0;

/// Prints the slowest inputs.
///
/// # Errors
///
/// If one exceeds the limits.
pub(crate) fn check(redactor: &Redactor) -> Result<(), Failure> {
    let size = if is_quick() { 1 << 16 } else { 1 << 20 };
    // The minimum: noise makes runs longer, never shorter.
    let least = |text: &str| {
        let first = seconds(|| redactor.text(text));
        let again = (0..2).map(|_| seconds(|| redactor.text(text)));
        let slow = first * 1e3 * (1 << 20) as f64 / size as f64 > LIMIT / 4.0;
        if slow {
            again.fold(first, f64::min)
        } else {
            first
        }
    };
    let (repeated, mixed) = if is_quick() { (100, 100) } else { (1_000, 400) };
    let repeat = |unit: String| {
        (
            format!("{unit:?} repeated"),
            unit.repeat(size / unit.len() + 1),
        )
    };
    let texts = units::units(repeated).into_iter().map(repeat);
    let texts = texts.chain(units::mixtures(mixed, size));
    let mut times: Vec<(f64, String, String)> = Vec::new();
    let mut count = 0;
    for (name, text) in texts {
        times.push((least(&text), name, text));
        times.sort_by(|one, other| other.0.total_cmp(&one.0));
        times.truncate(8);
        count += 1;
    }
    println!("\nslowest of {count} texts of {} KiB", size >> 10);
    for (time, name, _) in &times {
        println!("{:8.1} ms  {name}", time * 1e3);
    }
    let Some((time, name, text)) = times.first() else {
        return Ok(());
    };
    let eightfold = least(&text.repeat(8)) / time;
    println!("eight times as much of the slowest takes {eightfold:.1} times as long");
    print_ratio("redact_eightfold", eightfold);
    let time = time * 1e3 * (1 << 20) as f64 / size as f64;
    // A short run only checks that it works, on any machine. The full one checks the limit.
    let limit = if is_quick() { 3.0 * LIMIT } else { LIMIT };
    if time > limit {
        return Err(format!("a mebibyte takes {time:.0} ms, more than {limit}: {name}").into());
    }
    if eightfold > EIGHTFOLD {
        return Err(
            format!("eight times as much takes {eightfold:.1} times as long: {name}").into(),
        );
    }
    Ok(())
}
