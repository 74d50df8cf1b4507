//! Plans as text, with the names of the source.
//!
//! ```text
//! 1  contraction  acc, c
//!      m       m < M
//!      n       n < N
//!      k       k < K
//!      a       f8e4m3  a[m, k]
//!      b       f8e4m3  b[n, k]
//!      scale   sa[m, k / 128]  each m, 128 of k
//!      sum     f32, stays in registers
//!      then    c: bf16[m < M, n < N] = bf16(acc[m, n])
//! ```

mod grouped;
mod work;

use std::fmt::{self, Write};

use crate::arena::Id;
use crate::int_text::show;
use crate::plan::{
    Contract, EquationAt, Operand, Part, Plan, Region, RegionKind, Rowwise, Scale, Select, Varies,
};
use crate::print::{binders, print_equation, print_expr, scalar};
use crate::tensor::{Order, Var};
use crate::walk::{bound, postorder};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan of {}", self.kernel.name)?;
        for (at, region) in self.regions.iter().enumerate() {
            writeln!(f, "\n{:>2}  {}", at + 1, title(self, region))?;
            for line in lines(self, region) {
                writeln!(f, "      {}", line.trim_end())?;
            }
        }
        if !self.declined.is_empty() {
            f.write_str("\ndeclined\n")?;
        }
        for declined in &self.declined {
            let name = name(self, declined.equation);
            writeln!(f, "    {name}: no {}: {}", declined.pattern, declined.reason)?;
        }
        Ok(())
    }
}

/// "contraction  acc, c": what a region is, and what it makes.
#[must_use]
pub fn title(plan: &Plan, region: &Region) -> String {
    let names: Vec<_> = region.covers.iter().map(|&at| name(plan, at)).collect();
    format!("{}  {}", region.kind.name(), names.join(", "))
}

/// What was found in a region, a line for each thing.
#[must_use]
pub fn lines(plan: &Plan, region: &Region) -> Vec<String> {
    match &region.kind {
        RegionKind::Contract(contract) => of_contract(plan, contract),
        RegionKind::Grouped(of) => grouped::of_grouped(plan, of),
        RegionKind::Combine(combine) => grouped::of_combine(plan, combine),
        RegionKind::Histogram(histogram) => grouped::of_histogram(plan, histogram),
        RegionKind::Select(select) => of_select(plan, select),
        RegionKind::Rowwise(rowwise) => of_rowwise(plan, region, rowwise),
        RegionKind::Scan(scan) => {
            let kernel = &plan.kernel;
            let ends = if scan.exclusive { "before" } else { "up to" };
            let (from, to) = (&kernel.vars[scan.from].name, &kernel.vars[scan.to].name);
            vec![
                entry("rows", &all_or(&binders(kernel, &scan.rows), "one")),
                entry("along", &format!("{}, {ends} {to}", binders(kernel, &[scan.from]))),
                entry("value", &format!("{} by {from}", print_expr(kernel, scan.value))),
            ]
        }
        RegionKind::Pointwise => {
            region.covers.iter().flat_map(|&at| equation(plan, "", at)).collect()
        }
        RegionKind::Generic { why } => {
            let mut lines = equation(plan, "", region.covers[0]);
            lines.push(entry("because", why));
            lines
        }
    }
}

/// The least that a region must do whatever it becomes, of a grouped product: its useful
/// operations, and the bytes of matrices, as formulas over sizes.
#[must_use]
pub fn least(plan: &Plan, region: &Region) -> Vec<String> {
    match &region.kind {
        RegionKind::Grouped(of) => work::of_grouped(plan, of),
        RegionKind::Contract(_)
        | RegionKind::Combine(_)
        | RegionKind::Histogram(_)
        | RegionKind::Select(_)
        | RegionKind::Rowwise(_)
        | RegionKind::Scan(_)
        | RegionKind::Pointwise
        | RegionKind::Generic { .. } => Vec::new(),
    }
}

impl RegionKind {
    /// In a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contract(_) => "contraction",
            Self::Grouped(_) => "grouped contraction",
            Self::Combine(_) => "combine",
            Self::Histogram(_) => "histogram",
            Self::Rowwise(_) => "rowwise",
            Self::Scan(_) => "scan",
            Self::Select(_) => "selection",
            Self::Pointwise => "pointwise",
            Self::Generic { .. } => "loops",
        }
    }
}

fn name(plan: &Plan, at: EquationAt) -> String {
    plan.kernel.tensors[plan.kernel.equations[at].tensor].name.clone()
}

fn entry(what: &str, text: &str) -> String {
    format!("{what:<8}{text}")
}

fn all_or(text: &str, empty: &str) -> String {
    if text.is_empty() { empty.to_owned() } else { text.to_owned() }
}

fn equation(plan: &Plan, what: &str, at: EquationAt) -> Vec<String> {
    let text = print_equation(&plan.kernel, &plan.kernel.equations[at]);
    let lines = text.lines().enumerate().map(|(line, text)| {
        let text = text.strip_prefix("    ").unwrap_or(text);
        match (line, what) {
            (_, "") => text.to_owned(),
            (0, _) => entry(what, text),
            _ => entry("", text),
        }
    });
    lines.collect()
}

fn of_contract(plan: &Plan, contract: &Contract) -> Vec<String> {
    let kernel = &plan.kernel;
    let mut lines = Vec::new();
    let axes =
        [("batch", &contract.batch), ("m", &contract.m), ("n", &contract.n), ("k", &contract.k)];
    for (what, vars) in axes.into_iter().filter(|(_, vars)| !vars.is_empty()) {
        lines.push(entry(what, &binders(kernel, vars)));
    }
    lines.push(entry("a", &operand(plan, &contract.a)));
    lines.push(entry("b", &operand(plan, &contract.b)));
    lines.extend(of_product(plan, contract));
    lines.extend(contract.epilogue.iter().flat_map(|&at| equation(plan, "then", at)));
    lines
}

/// What becomes of the products of two operands.
fn of_product(plan: &Plan, contract: &Contract) -> Vec<String> {
    let kernel = &plan.kernel;
    let scales = contract.scales.iter().map(|scale| entry("scale", &scale_text(plan, scale)));
    let mut lines: Vec<_> = scales.collect();
    if let Some(coefficient) = contract.coefficient {
        lines.push(entry("times", &print_expr(kernel, coefficient)));
    }
    let stored = if contract.stored { "stored" } else { "not stored" };
    lines.push(entry("sum", &format!("{}, {stored}", scalar(kernel, contract.accumulator))));
    if let Some(guard) = contract.guard {
        lines.push(entry("where", &print_expr(kernel, guard)));
    }
    if let Some(filled) = contract.filled {
        lines.push(entry("rows", &format!("the first {}", print_expr(kernel, filled))));
    }
    lines
}

fn operand(plan: &Plan, operand: &Operand) -> String {
    let element = scalar(&plan.kernel, operand.element);
    let how = if operand.read.is_some() { "" } else { ", computed" };
    format!("{element:<6}  {}{how}", print_expr(&plan.kernel, operand.expr))
}

fn scale_text(plan: &Plan, scale: &Scale) -> String {
    let mut text = if scale.inverse { "1 / ".to_owned() } else { String::new() };
    text += &print_expr(&plan.kernel, scale.expr);
    for (axis, varies) in [("m", scale.m), ("n", scale.n)] {
        let _ = match varies {
            Varies::No => Ok(()),
            Varies::Each => write!(text, ", each {axis}"),
            Varies::Blocks(length) => write!(text, ", {length} of {axis}"),
        };
    }
    format!("{text}, {} of k", scale.block)
}

fn of_rowwise(plan: &Plan, region: &Region, rowwise: &Rowwise) -> Vec<String> {
    let kernel = &plan.kernel;
    let mut lines = vec![
        entry("rows", &all_or(&binders(kernel, &rowwise.rows), "one")),
        entry("length", &show(kernel, rowwise.length)),
    ];
    lines.extend(rowwise.segment.map(|elements| entry("segment", &elements.to_string())));
    for (part, &at) in rowwise.parts.iter().zip(&region.covers) {
        let own = |segment: Option<Id<Var>>| if segment.is_some() { " of segments" } else { "" };
        let what = match part {
            Part::Reduction { segment, .. } => format!("reduction{}", own(*segment)),
            Part::PerRow { segment: Some(_), .. } => "per segment".to_owned(),
            Part::PerRow { segment: None, .. } => "per row".to_owned(),
            Part::Map { .. } => "map".to_owned(),
        };
        let stored = if part.stored() { "stored" } else { "not stored" };
        lines.push(format!("{what}, {stored}"));
        lines.extend(equation(plan, "", at).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

fn of_select(plan: &Plan, select: &Select) -> Vec<String> {
    let kernel = &plan.kernel;
    let end = match select.order {
        Order::Ascending => "smallest",
        Order::Descending => "largest",
    };
    let mut lines = vec![
        entry("rows", &all_or(&binders(kernel, &select.rows), "one")),
        entry("along", &format!("{}, {end} first", binders(kernel, &[select.column]))),
        entry("key", &print_expr(kernel, select.key)),
    ];
    let optional = [("until", select.limit), ("where", select.guard)];
    let optional = optional.into_iter().filter_map(|(what, expr)| Some((what, expr?)));
    lines.extend(optional.map(|(what, expr)| entry(what, &print_expr(kernel, expr))));
    lines.push(entry("places", &places(plan, select)));
    lines.push(entry("index", if select.stored { "stored" } else { "not stored" }));
    let show = |int| show(kernel, int);
    let staged = select.stages.iter().map(|stage| {
        let (chunks, length) = (show(stage.chunks), show(stage.length));
        entry("staged", &format!("{} of each of {chunks} pieces of {length}", show(stage.kept)))
    });
    lines.extend(staged);
    lines.extend(select.gathered.iter().flat_map(|one| equation(plan, "then", one.equation)));
    lines
}

/// "s < S", "P + s, s < S", or "3": the places that are wanted.
fn places(plan: &Plan, select: &Select) -> String {
    let kernel = &plan.kernel;
    let Some(place) = select.place else { return show(kernel, select.first) };
    let from = match kernel.ints.as_constant(select.first) {
        Some(0) => String::new(),
        _ => format!("{} + {}, ", show(kernel, select.first), kernel.vars[place].name),
    };
    format!("{from}{}", binders(kernel, &[place]))
}

impl Part {
    /// Whether it must be stored.
    #[must_use]
    pub fn stored(&self) -> bool {
        match self {
            Self::Reduction { stored, .. }
            | Self::PerRow { stored, .. }
            | Self::Map { stored, .. } => *stored,
        }
    }
}

impl Plan {
    /// The text with names that do not depend on those of the source, but for
    /// sizes: equal for two spellings of one program.
    #[must_use]
    pub fn without_names(&self) -> String {
        let mut plan = self.clone();
        let kernel = &mut plan.kernel;
        kernel.name = "kernel".to_owned();
        for id in self.kernel.tensors.ids() {
            kernel.tensors[id].name = format!("t{}", id.index());
        }
        for equation in &self.kernel.equations {
            let mut vars = equation.vars.clone();
            for expr in postorder(&self.kernel, equation.value) {
                vars.extend(bound(&self.kernel.exprs[expr].kind));
            }
            for (at, &var) in vars.iter().enumerate() {
                kernel.vars[var].name = format!("i{at}");
            }
        }
        plan.to_string()
    }
}
