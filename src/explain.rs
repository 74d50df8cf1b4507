//! What the compiler makes of a kernel, in words: its signature, where its
//! sizes come from, the facts that it rests on, its canonical equations with the
//! form that recognizers will see, and the least work of layers of experts. What they found is [`regions`]; what programs
//! for Tensix cores do is [`tensix()`].

mod regions;
mod tensix;

pub use regions::{found, regions};
pub use tensix::tensix;

use std::fmt::Write;

use tilec_ir::plan::text;
use tilec_ir::tensor::{Equation, FactKind, Order, Reduction, SettingValue, Tiling};
use tilec_ir::{Kernel, Module, launch, print};
use tilec_passes::{Body, Canonical, Stated, normalize, recognize};

/// Explains the kernels of a module, or `only` one; tile blocks only of `chip`, if
/// one is given.
#[must_use]
pub fn explain(module: &Module, only: Option<&str>, chip: Option<&str>) -> String {
    let mut out = String::new();
    let kernels = module.kernels.iter().enumerate();
    for (position, kernel) in kernels.filter(|(_, k)| only.is_none_or(|only| only == k.name)) {
        if !out.is_empty() {
            out.push('\n');
        }
        kernel_text(&mut out, kernel);
        let tilings = module.tilings.iter().filter(|tiling| tiling.kernel == position);
        for tiling in tilings.filter(|tiling| chip.is_none_or(|chip| chip == tiling.chip)) {
            tiling_text(&mut out, kernel, tiling);
        }
    }
    out
}

fn kernel_text(out: &mut String, kernel: &Kernel) {
    line(out, format_args!("{}", print::header(kernel).trim_end()));
    let width = kernel.sizes.iter().map(|(_, size)| size.name.len()).max().unwrap_or(0);
    let name = |tensor| &kernel.tensors[tensor].name;
    for ((id, size), teller) in kernel.sizes.iter().zip(launch::tellers(kernel)) {
        let told = match (teller.map(name), size.default) {
            (Some(input), None) => format!("told by the shape of {input}"),
            (Some(input), Some(value)) => format!("told by the shape of {input}, else {value}"),
            (None, Some(value)) => format!("{value}, unless --set says otherwise"),
            (None, None) => match launch::teller(kernel, id).map(name) {
                Some(input) => format!("given with --set, or told by {input} once the others are"),
                None => "must be given with --set".to_owned(),
            },
        };
        line(out, format_args!("  size {:<width$}  {told}", size.name));
    }
    for fact in &kernel.facts {
        let when = match fact.kind {
            FactKind::Equal(..) | FactKind::AtMost(..) | FactKind::Less(..) => "at every launch",
            FactKind::Sorted(_) | FactKind::Finite(_) => "by `run --check`, on the data",
        };
        line(out, format_args!("  fact {}  checked {when}", fact.text));
    }
    let canonical = normalize(kernel);
    line(out, format_args!("  canonical equations:"));
    for (equation, stated) in canonical.kernel().equations.iter().zip(canonical.equations()) {
        let text = print::print_equation(canonical.kernel(), equation);
        line(out, format_args!("    {}", text.trim().replace('\n', "\n    ")));
        line(out, format_args!("      {}", form(&canonical, equation, stated)));
    }
    line(out, format_args!("  on the CPU, the equations are compiled as they stand in the source"));
    let plan = recognize(&canonical);
    for region in &plan.regions {
        let least = text::least(&plan, region);
        if !least.is_empty() {
            line(
                out,
                format_args!("  on any target at least, for the {}:", text::title(&plan, region)),
            );
            least.iter().for_each(|least| line(out, format_args!("    {least}")));
        }
    }
}

/// The form of an equation, as recognizers see it.
fn form(canonical: &Canonical, equation: &Equation, stated: &Stated) -> String {
    let kernel = canonical.kernel();
    let names = |vars: &[_]| print::binders(kernel, vars);
    let form = match &stated.body {
        Body::Sum { vars, terms } => {
            let over = format!("sum over {}", names(vars));
            let factors: Vec<_> = terms.iter().map(|term| term.factors.len()).collect();
            match factors.as_slice() {
                [_] | [] if factors.iter().all(|&count| count < 2) => over,
                _ => format!("{over} of products of {} factors", counts(&factors)),
            }
        }
        Body::Reduce { op, vars, .. } => format!("{} over {}", reduction(*op), names(vars)),
        Body::Rank { var, order, .. } => {
            let first = if *order == Order::Descending { "largest" } else { "smallest" };
            format!("selection over {}, {first} first", names(&[*var]))
        }
        Body::Map(_) if equation.vars.is_empty() => "a scalar".to_owned(),
        Body::Map(_) => "pointwise".to_owned(),
    };
    if stated.guard.is_some() { format!("{form}, only where it is needed") } else { form }
}

/// "2", "1 and 2", "1, 2 and 4"
fn counts(counts: &[usize]) -> String {
    let texts: Vec<_> = counts.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}

fn reduction(op: Reduction) -> &'static str {
    match op {
        Reduction::Sum => "sum",
        Reduction::Prod => "product",
        Reduction::Max => "maximum",
        Reduction::Min => "minimum",
    }
}

fn tiling_text(out: &mut String, kernel: &Kernel, tiling: &Tiling) {
    line(out, format_args!("  tile block for {}, not used on the CPU:", tiling.chip));
    for entry in &tiling.entries {
        let key = entry.region.map_or(&kernel.name, |tensor| &kernel.tensors[tensor].name);
        let settings = entry.settings.iter().map(|setting| match &setting.value {
            SettingValue::Integer(value) => format!("{} = {value}", setting.name),
            SettingValue::Word(word) => format!("{} = {word}", setting.name),
        });
        line(out, format_args!("    {key}: {}", settings.collect::<Vec<_>>().join(", ")));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes all text");
}
