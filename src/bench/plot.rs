//! Measurements as bars: the share of what the chip can do, by its table, for each
//! set of sizes.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Report;

const WIDTH: u32 = 900;
/// Pixels of one bar and the space below it.
const BAR: u32 = 34;
/// Pixels of everything but bars.
const REST: u32 = 130;
/// Pixels left of the bars, for sizes.
const LABELS: u32 = 260;

/// The plot as SVG; the error is what the plotter says.
pub fn plot(report: &Report) -> Result<String, String> {
    let mut svg = String::new();
    let height = REST + BAR * u32::try_from(report.rows.len()).unwrap_or(u32::MAX / BAR / 2);
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    draw(report, &area).map_err(|error| error.to_string())?;
    drop(area);
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Fault<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(report: &Report, area: &Area<'a>) -> Result<(), Fault<'a>> {
    area.fill(&WHITE)?;
    let title = format!("{} on {}: share of what the chip can do", report.kernel, report.device);
    let shares = report.rows.iter().map(|row| row.share());
    let largest = shares.filter(|share| share.is_finite()).fold(1.0, f64::max);
    let rows = report.rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..largest * 1.15, 0.0..rows.max(1.0))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .max_light_lines(1)
        .y_labels(0)
        .x_label_formatter(&percent)
        .x_desc("least time by the chip's table / measured time")
        .draw()?;
    for (at, row) in report.rows.iter().enumerate() {
        // The first row is on top.
        let bottom = rows - 1.0 - at as f64;
        let share = if row.share().is_finite() { row.share() } else { 0.0 };
        let mut bar =
            Rectangle::new([(0.0, bottom), (share, bottom + 1.0)], BLUE.mix(0.6).filled());
        bar.set_margin(6, 6, 0, 0);
        chart.draw_series(std::iter::once(bar))?;
        let text = |anchor| {
            ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(anchor, VPos::Center))
        };
        let (end, y) = chart.backend_coord(&(share, bottom + 0.5));
        let (start, _) = chart.backend_coord(&(0.0, bottom + 0.5));
        area.draw(&Text::new(percent(&share), (end + 6, y), text(HPos::Left)))?;
        area.draw(&Text::new(row.label(), (start - 8, y), text(HPos::Right)))?;
    }
    area.present()
}

fn percent(share: &f64) -> String {
    format!("{:.0} %", share * 100.0)
}
