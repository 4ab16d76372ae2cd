//! The table.

use perf::{
    latency::Latency,
    usage::{Memory, load},
};

use crate::scenarios::Scenario;

const MEGABYTE: f64 = 1e6;

/// What a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Time that passed.
    Seconds(f64),
    /// Processor seconds an operation.
    Cpu(f64),
    /// Memory that is held.
    Memory(Memory),
}

impl Figure {
    fn in_unit(self, unit: &str) -> f64 {
        let seconds = |seconds: f64| match unit {
            "ms" => seconds * 1e3,
            "µs" => seconds * 1e6,
            _ => seconds,
        };
        match self {
            Self::Seconds(passed) => seconds(passed),
            Self::Cpu(used) => seconds(used),
            Self::Memory(memory) => memory.resident as f64 / MEGABYTE,
        }
    }
}

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Measured {
    figure: Figure,
    latency: Latency,
}

impl Measured {
    pub(crate) fn of(figure: Figure) -> Self {
        Self::with_latency(figure, Latency::default())
    }

    pub(crate) fn with_latency(figure: Figure, latency: Latency) -> Self {
        Self { figure, latency }
    }

    /// Latencies, or how much of the memory is anonymous.
    fn detail(&self) -> String {
        if let Figure::Memory(memory) = self.figure {
            return format!("{:.1} MB of it anonymous", memory.anonymous as f64 / MEGABYTE);
        }
        let percentiles = [50, 90, 99].map(|percent| self.latency.percentile(percent));
        let [Some(half), Some(most), Some(nearly_all)] = percentiles else {
            return String::new();
        };
        let [half, most, nearly_all] = [half, most, nearly_all].map(|taken| taken.as_secs_f64() * 1e3);
        format!("{half:.2} / {most:.2} / {nearly_all:.2} ms")
    }
}

/// Prints a line a scenario; with figures of another server the ratio to them.
pub(crate) fn print(
    scenarios: impl Iterator<Item = &'static Scenario>,
    measured: &[Measured],
    other: Option<&[Measured]>,
) {
    println!("load of the machine at the end: {:.2}", load());
    let also = if other.is_some() { "     other    times" } else { "" };
    println!(
        "{:22}{:>13}{:>10}{:>11}{also}   latency p50 / p90 / p99",
        "", "measured", "budget", "upstream"
    );
    for (at, (scenario, measured)) in scenarios.zip(measured).enumerate() {
        let unit = scenario.unit;
        let figure = measured.figure.in_unit(unit);
        let over = if figure > scenario.budget { "!" } else { " " };
        let also = other.and_then(|other| other.get(at)).map_or_else(String::new, |other| {
            let other = other.figure.in_unit(unit);
            format!("{other:10.2}{:9.1}", other / figure)
        });
        println!(
            "{:22}{figure:9.3} {unit:2}{over}{:10}{:11}{also}   {}",
            scenario.name,
            scenario.budget,
            scenario.upstream,
            measured.detail()
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perf::usage::Memory;

    use super::{Figure, Measured};
    use perf::latency::Latency;

    #[test]
    fn figures_come_in_the_unit_of_their_line() {
        let memory = Memory {
            resident: 30_000_000,
            anonymous: 12_500_000,
        };
        for (figure, unit, expected) in [
            (Figure::Seconds(0.25), "s", 0.25),
            (Figure::Cpu(0.0005), "ms", 0.5),
            (Figure::Cpu(0.000_25), "µs", 250.0),
            (Figure::Memory(memory), "MB", 30.0),
        ] {
            assert_eq!(figure.in_unit(unit), expected, "{figure:?}");
        }
        assert_eq!(Measured::of(Figure::Memory(memory)).detail(), "12.5 MB of it anonymous");
    }

    #[test]
    fn latencies_are_shown_where_there_are_any() {
        let latency = Latency::new(vec![Duration::from_micros(1500)]);
        assert_eq!(
            Measured::with_latency(Figure::Cpu(0.1), latency).detail(),
            "1.50 / 1.50 / 1.50 ms"
        );
        assert_eq!(Measured::of(Figure::Seconds(0.1)).detail(), "");
    }
}
