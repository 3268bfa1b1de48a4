//! Plots of what was measured, as SVG: bars beside their limits, and curves of how something grows.

use std::error::Error;

use camino::Utf8Path;
use plotters::coord::Shift;
use plotters::prelude::*;

/// What was measured beside what was allowed.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) what: String,
    pub(super) measured: f64,
    pub(super) limit: f64,
}

/// How something grows.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) what: String,
    /// What it grows with, one of them.
    pub(super) unit: &'static str,
    /// How many there are, and milliseconds.
    pub(super) points: Vec<(f64, f64)>,
}

type Drawn = Result<(), Box<dyn Error + Send + Sync>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Pixels of one bar, and of one curve's plot.
const BAR: u32 = 44;
const PLOT: u32 = 320;
const WIDTH: u32 = 900;

/// Draws all into one file; nothing where there is nothing to draw.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn draw(file: &Utf8Path, bars: &[Bar], curves: &[Curve]) -> Drawn {
    let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
    let of_bars = count(bars.len()) * BAR;
    let height = of_bars + count(curves.len()) * PLOT;
    if height == 0 {
        return Ok(());
    }
    let root = SVGBackend::new(file.as_std_path(), (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(of_bars);
    for (area, bar) in above.split_evenly((bars.len().max(1), 1)).iter().zip(bars) {
        draw_bar(area, bar)?;
    }
    for (area, curve) in below.split_evenly((curves.len().max(1), 1)).iter().zip(curves) {
        draw_curve(area, curve)?;
    }
    root.present()?;
    Ok(())
}

/// A bar, with a line where its limit is: both on a scale that ends a little behind the larger one.
fn draw_bar(area: &Area<'_>, bar: &Bar) -> Drawn {
    let end = bar.measured.max(bar.limit) * 1.1;
    let at = |value: f64| {
        #[allow(clippy::cast_possible_truncation, reason = "a place in a picture")]
        let pixels = (value / end * f64::from(WIDTH - 20)) as i32;
        10 + pixels
    };
    let text = format!("{}: {:.3} (limit {})", bar.what, bar.measured, bar.limit);
    area.draw(&Text::new(text, (10, 4), ("sans-serif", 15)))?;
    area.draw(&Rectangle::new([(10, 24), (at(bar.measured), 38)], BLUE.mix(0.6).filled()))?;
    area.draw(&PathElement::new([(at(bar.limit), 20), (at(bar.limit), 42)], RED.stroke_width(2)))?;
    Ok(())
}

fn draw_curve(area: &Area<'_>, curve: &Curve) -> Drawn {
    let most = |of: fn(&(f64, f64)) -> f64| curve.points.iter().map(of).fold(0.0, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, ms", curve.what), ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(35)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..most(|point| point.0), 0.0..most(|point| point.1))?;
    chart.configure_mesh().x_desc(curve.unit).light_line_style(WHITE).draw()?;
    chart.draw_series(LineSeries::new(curve.points.iter().copied(), BLUE.stroke_width(2)))?;
    chart.draw_series(curve.points.iter().map(|point| Circle::new(*point, 3, BLUE.filled())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_all_that_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("x.svg");
        let bar = Bar { what: "copy to cp -a".into(), measured: 0.5, limit: 0.9 };
        let curve = Curve { what: "list".into(), unit: "image", points: vec![(10.0, 1.0), (1000.0, 12.0)] };
        draw(&file, &[bar], &[curve]).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("copy to cp -a: 0.500 (limit 0.9)"), "{svg}");
        assert!(svg.contains("list, ms") && svg.contains("polyline"), "{svg}");
    }
}
