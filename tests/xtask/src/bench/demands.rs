//! What was measured beside what was demanded: told while it is measured, and kept as a table and plots.

use std::fmt;

use super::plots::{Bar, Curve};
use super::report;
use super::samples::{Samples, Strictness};
use crate::failure::Failure;
use crate::say;

/// How much more the largest may cost, each unit of it, than a small one: no curve is steeper than linear.
const MOST_GROWTH: f64 = 1.3;

/// One line of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) measured: String,
    pub(super) demanded: String,
    pub(super) holds: bool,
}

/// The demands of one subject.
#[derive(Debug)]
pub(super) struct Demands {
    subject: &'static str,
    pub(super) rows: Vec<Row>,
    /// What is told beside, of which nothing was demanded: lines of its own table.
    pub(super) told: String,
    pub(super) bars: Vec<Bar>,
    pub(super) curves: Vec<Curve>,
}

impl Demands {
    /// Those of a subject, whose name its files have.
    pub(super) fn of(subject: &'static str) -> Self {
        Self { subject, rows: Vec::new(), told: String::new(), bars: Vec::new(), curves: Vec::new() }
    }

    /// Adds a line to what is told beside the demands.
    pub(super) fn tell(&mut self, line: &str) {
        self.told.push_str(line);
        self.told.push('\n');
    }

    /// Says what was measured, what was demanded, and whether that holds.
    pub(super) fn check(&mut self, what: &str, measured: &dyn fmt::Display, demanded: &str, holds: bool) {
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        say::note(&format!("{what}: {measured}; demanded {demanded}: {verdict}"));
        let (what, measured) = (what.to_owned(), measured.to_string());
        self.rows.push(Row { what, measured, demanded: demanded.to_owned(), holds });
    }

    /// The same for what may be so much at the most, in a unit that `what` names.
    pub(super) fn at_most(&mut self, what: &str, samples: &Samples, most: f64) {
        self.bars.push(Bar { what: what.to_owned(), measured: samples.median(), limit: most });
        self.check(what, samples, &format!("at most {most}"), samples.median() <= most);
    }

    /// The same for what must be so much at least.
    pub(super) fn at_least(&mut self, what: &str, samples: &Samples, least: f64) {
        self.bars.push(Bar { what: what.to_owned(), measured: samples.median(), limit: least });
        self.check(what, samples, &format!("at least {least}"), samples.median() >= least);
    }

    /// How something grows, from small to large: each unit of the largest costs little more than one of the second smallest, as the smallest
    /// is mostly what everything costs once.
    pub(super) fn grows(&mut self, what: &str, unit: &'static str, points: Vec<(f64, f64)>) {
        let each = |point: Option<&(f64, f64)>| point.map_or(f64::NAN, |(size, cost)| cost / size);
        let growth = each(points.last()) / each(points.get(1));
        let measured = format!("{growth:.2} of one in the second smallest");
        let holds = growth <= MOST_GROWTH;
        self.check(
            &format!("{what}: each {unit} in the largest"),
            &measured,
            &format!("at most {MOST_GROWTH}"),
            holds,
        );
        self.curves.push(Curve { what: what.to_owned(), unit, points });
    }

    /// Writes table and plots; fails when a demand did not hold and they count.
    pub(super) fn verdict(&self, strictness: Strictness) -> Result<(), Failure> {
        report::write(self.subject, self)?;
        match self.rows.iter().filter(|row| !row.holds).count() {
            _ if strictness == Strictness::Told => Ok(()),
            0 => Ok(()),
            1 => Err(Failure::Plain(format!("{}: a demand does not hold", self.subject))),
            many => Err(Failure::Plain(format!("{}: {many} demands do not hold", self.subject))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_one_unit() {
        let mut demands = Demands::of("test");
        demands.grows("list", "image", vec![(10.0, 5.0), (100.0, 10.0), (1000.0, 100.0)]);
        demands.grows("list", "image", vec![(10.0, 5.0), (100.0, 10.0), (1000.0, 140.0)]);
        let holds: Vec<bool> = demands.rows.iter().map(|row| row.holds).collect();
        assert_eq!(holds, [true, false]);
    }

    #[test]
    fn a_demand_is_a_row_and_a_bar() {
        let mut demands = Demands::of("test");
        demands.at_most("time, s", &Samples::of(vec![3.0, 1.0, 2.0]), 2.0);
        demands.at_least("speed", &Samples::of(vec![0.9]), 1.0);
        assert_eq!(demands.rows.iter().map(|row| row.holds).collect::<Vec<_>>(), [true, false]);
        assert_eq!(demands.bars.len(), 2);
    }
}
