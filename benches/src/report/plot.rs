//! The plots of the HTML page as inline SVG: no script, no file from outside.
//!
//! Colours are classes (`s0` is the subject, `s1` and up its peers), so that the page's style sheet decides them for
//! light and dark. Marks carry a `<title>`, which browsers show while the pointer rests on them.

use std::fmt::Write;

use crate::statistics::Spread;

const WIDTH: f64 = 1000.0;
const LABEL_WIDTH: f64 = 210.0;
const RIGHT_MARGIN: f64 = 70.0;
const AXIS_HEIGHT: f64 = 34.0;
const BAR_HEIGHT: f64 = 13.0;
const ROW_GAP: f64 = 12.0;

/// One labelled row with a mark per series.
pub(crate) struct Row<T> {
    pub(crate) label: String,
    /// By series; `series` of the drawing functions says which colour is whose.
    pub(crate) marks: Vec<T>,
}

/// Escapes text for HTML and SVG.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with three significant digits.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{}M", short(value / 1e6)),
        size if size >= 1e4 => format!("{}k", short(value / 1e3)),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => trimmed(format!("{value:.1}")),
        _ => trimmed(format!("{value:.2}")),
    }
}

/// Medians with whiskers from the worst to the best round, around the line of parity. The first series is 1.
pub(crate) fn ratios(rows: &[Row<Option<Spread>>]) -> String {
    let all = rows.iter().flat_map(|row| row.marks.iter().flatten());
    let (low, high) = all.fold((0.9f64, 1.1f64), |(low, high), one| (low.min(one.low), high.max(one.high)));
    let axis = Axis::logarithmic(low * 0.95, high * 1.05);
    let mut canvas = Canvas::new(rows.iter().map(|row| row.marks.len()));
    canvas.better_side(axis.place(1.0), axis.end());
    canvas.axis(&axis, |value| format!("{} x", short(value)));
    canvas.vertical(axis.place(1.0), "parity");
    for row in rows {
        canvas.label(&row.label, row.marks.len());
        for (index, mark) in row.marks.iter().enumerate() {
            let y = canvas.next_mark();
            let Some(spread) = mark else { continue };
            let class = index + 1;
            let (from, to, middle) =
                (axis.place(spread.low), axis.place(spread.high), axis.place(spread.median));
            let title = format!("{:.2} x ({:.2} to {:.2})", spread.median, spread.low, spread.high);
            canvas.add(&format!(
                "<g><title>{title}</title><line class=\"w s{class}\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" \
                 y2=\"{y:.1}\"/><circle class=\"s{class}\" cx=\"{middle:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>"
            ));
            canvas.value(to + 8.0, y, &format!("{:.2}", spread.median));
        }
        canvas.end_row();
    }
    canvas.finish()
}

/// Horizontal bars from zero, each row to its own scale: rows differ by orders of magnitude, servers by tens of percent.
pub(crate) fn bars(rows: &[Row<f64>]) -> String {
    let mut canvas = Canvas::new(rows.iter().map(|row| row.marks.len()));
    canvas.vertical(LABEL_WIDTH, "grid");
    for row in rows {
        canvas.label(&row.label, row.marks.len());
        let high = row.marks.iter().copied().fold(1e-9f64, f64::max);
        let axis = Axis::linear(0.0, high);
        for (class, value) in row.marks.iter().enumerate() {
            let y = canvas.next_mark();
            let (from, to) = (axis.place(0.0), axis.place(value.max(0.0)));
            canvas.add(&format!(
                "<rect class=\"s{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>",
                y - BAR_HEIGHT / 2.0 + 1.0,
                (to - from).max(1.0),
                BAR_HEIGHT - 2.0
            ));
            canvas.value(to + 6.0, y, &short(*value));
        }
        canvas.end_row();
    }
    canvas.finish()
}

/// Points of each series on a logarithmic axis, joined from the first to the last: percentiles, or single events.
pub(crate) fn points(rows: &[Row<Vec<f64>>], single_series: bool) -> String {
    let all = || rows.iter().flat_map(|row| row.marks.iter().flatten()).copied().filter(|value| *value > 0.0);
    let (low, high) = all().fold((f64::MAX, 1.0f64), |(low, high), one| (low.min(one), high.max(one)));
    let axis = Axis::logarithmic(low.min(high) * 0.85, high * 1.15);
    let mut canvas = Canvas::new(rows.iter().map(|row| row.marks.len()));
    canvas.axis(&axis, short);
    for (row_index, row) in rows.iter().enumerate() {
        canvas.label(&row.label, row.marks.len());
        for (index, values) in row.marks.iter().enumerate() {
            let class = if single_series { row_index } else { index };
            let y = canvas.next_mark();
            let places: Vec<(f64, f64)> = values
                .iter()
                .filter(|value| **value > 0.0)
                .map(|value| (axis.place(*value), *value))
                .collect();
            let from = places.iter().map(|place| place.0).fold(f64::MAX, f64::min);
            let to = places.iter().map(|place| place.0).fold(0.0, f64::max);
            if places.is_empty() {
                continue;
            }
            canvas.add(&format!(
                "<line class=\"w s{class}\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
            ));
            for (place, value) in &places {
                canvas.add(&format!(
                    "<circle class=\"s{class}\" cx=\"{place:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{value:.0}</title></circle>"
                ));
            }
            let largest = values.iter().copied().fold(0.0, f64::max);
            canvas.value(to + 8.0, y, &short(largest));
        }
        canvas.end_row();
    }
    canvas.finish()
}

/// Lines over a common x axis, one a series.
pub(crate) fn lines(series: &[Vec<(u64, f64)>], x_name: &str) -> String {
    const HEIGHT: f64 = 320.0;
    let (left, right, top, bottom) = (60.0, WIDTH - 20.0, 12.0, HEIGHT - 44.0);
    let points = || series.iter().flatten();
    let x_high = points().map(|point| point.0).max().unwrap_or(1) as f64;
    // Small servers start with odd figures: scale to what follows the first tenth, never below it.
    let settled = points().filter(|point| point.0 as f64 > x_high / 10.0).map(|point| point.1);
    let y_high = settled.fold(1.0f64, f64::max) * 1.08;
    let x_axis = Axis { logarithmic: false, low: 0.0, high: x_high, from: left, to: right };
    let y_axis = Axis { logarithmic: false, low: 0.0, high: y_high, from: bottom, to: top };
    let mut body = String::new();
    for tick in y_axis.ticks() {
        let y = y_axis.place(tick);
        push(
            &mut body,
            format!("<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"),
        );
        push(&mut body, text(left - 8.0, y + 4.0, "tick", "end", &short(tick)));
    }
    for tick in x_axis.ticks() {
        let x = x_axis.place(tick);
        push(&mut body, text(x, bottom + 18.0, "tick", "middle", &short(tick)));
    }
    push(&mut body, text((left + right) / 2.0, HEIGHT - 8.0, "tick", "middle", x_name));
    for (class, line) in series.iter().enumerate().rev() {
        let mut path = String::new();
        for (x, y) in line.iter().filter(|point| point.1 <= y_high) {
            let command = if path.is_empty() { 'M' } else { 'L' };
            push(&mut path, format!("{command}{:.1} {:.1}", x_axis.place(*x as f64), y_axis.place(*y)));
        }
        push(&mut body, format!("<path class=\"line s{class}\" d=\"{path}\"/>"));
    }
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">{body}</svg>")
}

/// From values to places.
struct Axis {
    logarithmic: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn linear(low: f64, high: f64) -> Axis {
        Axis { logarithmic: false, low, high, from: LABEL_WIDTH, to: WIDTH - RIGHT_MARGIN }
    }

    fn logarithmic(low: f64, high: f64) -> Axis {
        Axis { logarithmic: true, low, high, from: LABEL_WIDTH, to: WIDTH - RIGHT_MARGIN }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    fn end(&self) -> f64 {
        self.to
    }

    /// Between three and about ten round values inside the axis.
    fn ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low.max(1e-12)).log10();
        let steps: &[f64] = match (self.logarithmic, decades) {
            (true, ..=0.4) => &[1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
            (true, ..=1.2) => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            (true, ..=3.0) => &[1.0, 2.0, 5.0],
            (true, _) => &[1.0],
            (false, _) => return self.linear_ticks(),
        };
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
        all.filter(|tick| *tick >= self.low && *tick <= self.high).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 6.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let count = ((self.high - self.low) / step).floor() as usize;
        (0..=count).map(|index| self.low + index as f64 * step).collect()
    }
}

/// Rows below each other with labels on the left and an axis on top.
struct Canvas {
    height: f64,
    y: f64,
    body: String,
}

impl Canvas {
    fn new(marks_per_row: impl Iterator<Item = usize>) -> Canvas {
        let rows: f64 = marks_per_row.map(|marks| marks as f64 * BAR_HEIGHT + ROW_GAP).sum();
        Canvas { height: AXIS_HEIGHT + rows, y: AXIS_HEIGHT, body: String::new() }
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
    }

    fn axis(&mut self, axis: &Axis, shown: impl Fn(f64) -> String) {
        for tick in axis.ticks() {
            let x = axis.place(tick);
            self.add(&text(x, 16.0, "tick", "middle", &shown(tick)));
            let bottom = self.height - ROW_GAP / 2.0;
            self.add(&format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"22\" y2=\"{bottom:.1}\"/>"
            ));
        }
    }

    fn vertical(&mut self, x: f64, class: &str) {
        let bottom = self.height - ROW_GAP / 2.0;
        self.add(&format!(
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"22\" y2=\"{bottom:.1}\"/>"
        ));
    }

    fn better_side(&mut self, from: f64, to: f64) {
        let height = self.height - ROW_GAP / 2.0 - 22.0;
        self.add(&format!(
            "<rect class=\"better\" x=\"{from:.1}\" y=\"22\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            (to - from).max(0.0)
        ));
    }

    fn label(&mut self, label: &str, marks: usize) {
        let middle = self.y + marks as f64 * BAR_HEIGHT / 2.0 + 4.0;
        self.add(&text(LABEL_WIDTH - 12.0, middle, "label", "end", label));
    }

    /// The y of the next mark's middle.
    fn next_mark(&mut self) -> f64 {
        self.y += BAR_HEIGHT;
        self.y - BAR_HEIGHT / 2.0
    }

    fn value(&mut self, x: f64, y: f64, shown: &str) {
        self.add(&text(x, y + 3.5, "value", "start", shown));
    }

    fn end_row(&mut self) {
        self.y += ROW_GAP;
    }

    fn finish(self) -> String {
        format!("<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\">{}</svg>", self.height, self.body)
    }
}

fn text(x: f64, y: f64, class: &str, anchor: &str, shown: &str) -> String {
    let shown = escape(shown);
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{shown}</text>")
}

fn push(body: &mut String, element: String) {
    body.write_str(&element).expect("a String takes everything");
}

fn trimmed(number: String) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 1.0, 1.257, 12.34, 123.4, 9999.0, 12_340.0, 2_500_000.0].map(short);
        assert_eq!(shown, ["0", "1", "1.26", "12.3", "123", "9999", "12.3k", "2.5M"]);
    }

    #[test]
    fn parity_lies_where_the_axis_says_and_ticks_lie_inside() {
        let axis = Axis::logarithmic(0.5, 2.0);
        assert!((axis.place(1.0) - (axis.from + axis.to) / 2.0).abs() < 1e-9);
        for axis in
            [axis, Axis::logarithmic(3.0, 70_000.0), Axis::logarithmic(0.97, 1.3), Axis::linear(0.0, 731.0)]
        {
            let ticks = axis.ticks();
            assert!((3..=12).contains(&ticks.len()), "{ticks:?}");
            assert!(ticks.iter().all(|tick| *tick >= axis.low && *tick <= axis.high), "{ticks:?}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let row = Row { label: "<a & b>".into(), marks: vec![1.0, 2.0] };
        let drawn = bars(&[row]);
        assert!(drawn.contains("&lt;a &amp; b&gt;") && !drawn.contains("<a &"), "{drawn}");
    }
}
