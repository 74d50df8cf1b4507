//! Chooses how each region of a plan is cut.
//!
//! ```text
//! plan, chip, tile blocks --tune--> choices per region --tile--> tile program
//! ```
//!
//! A tile block wins, then the measured table of the chip, then a model that reads
//! nothing but the chip's table; every choice says which. A region's choices are in
//! order of preference, each with its conditions on sizes, and the last has none.
//! Settings that do not fit the region or the chip are mistakes of the user.

mod block;
mod boxed;
mod contract;
pub(crate) mod cut;
mod dual;
mod few;
pub(crate) mod product;
pub(crate) mod registers;
mod rows;
pub(crate) mod select;
pub(crate) mod settings;
pub(crate) mod stepped;
pub(crate) mod symbols;
mod wide;

use tilec_ir::plan::{Part, Plan, RegionKind};
use tilec_ir::tensor::{ExprKind, Kernel, Tiling};
use tilec_ir::{Diagnostic, IntId, Kind};
use tilec_target::Chip;

pub use cut::{Choice, Cut, PipelineCut};
pub use settings::{Settings, Wanted, kind_name};

use settings::{Given, is_rank};
use symbols::Symbols;

/// A plan with the choices of its regions, in the same order.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// What is computed.
    pub plan: Plan,
    /// How, in order of preference; never empty.
    pub regions: Vec<Vec<Choice>>,
}

/// Chooses the cuts of every region. `source` is the kernel that tile blocks name
/// equations of.
///
/// # Errors
/// Settings that do not fit, and sizes too complex to cut.
pub fn tune(
    plan: Plan,
    source: &Kernel,
    chip: &Chip,
    tilings: &[&Tiling],
) -> Result<Tuned, Vec<Diagnostic>> {
    let mut plan = plan;
    let mut diagnostics = Vec::new();
    let given = settings::by_region(&plan, source, chip, tilings, &mut diagnostics);
    let mut regions = Vec::new();
    for (at, given) in given.iter().enumerate() {
        match region(&mut plan, at, chip, &dual::apart(given), &mut diagnostics) {
            Some(choices) => regions.push(choices),
            None => diagnostics.push(too_complex(&plan, at)),
        }
    }
    if diagnostics.is_empty() {
        dual::choose(&mut plan, chip, &given, &mut regions, &mut diagnostics);
    }
    if diagnostics.is_empty() { Ok(Tuned { plan, regions }) } else { Err(diagnostics) }
}

/// The region's sizes are past what can be stated.
pub(crate) fn too_complex(plan: &Plan, region: usize) -> Diagnostic {
    let equation = &plan.kernel.equations[plan.regions[region].covers[0]];
    let name = &plan.kernel.tensors[equation.tensor].name;
    Diagnostic::new(
        Kind::TooLarge,
        equation.span,
        format!("the number of elements of `{name}` is too long a formula to launch with"),
    )
    .help("bind some sizes with --set, or give sums of sizes a name of their own")
}

fn region(
    plan: &mut Plan,
    at: usize,
    chip: &Chip,
    given: &Given<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Choice>> {
    let region = plan.regions[at].clone();
    let mut sizes = Symbols::new(&mut plan.kernel);
    Some(match &region.kind {
        RegionKind::Contract(contract) => {
            return contract::choices(&mut sizes, contract, chip, given, diagnostics);
        }
        RegionKind::Rowwise(rowwise) => {
            let choices = rows::rowwise(&mut sizes, &region, rowwise, &given.settings);
            choices.unwrap_or_else(|message| {
                let span = given.places.last().map_or_else(Default::default, |place| place.span);
                let help = "make rows or warps smaller";
                diagnostics.push(Diagnostic::new(Kind::BadSetting, span, message).help(help));
                Vec::new()
            })
        }
        RegionKind::Scan(scan) => {
            let length = sizes.range(scan.to);
            vec![rows::scan(&mut sizes, length)]
        }
        // Counting is all there is: `compile_plan` leaves no selection.
        RegionKind::Select(of) => select::choices(&mut sizes, of, chip)?,
        RegionKind::Grouped(_) | RegionKind::Histogram(_) => {
            unreachable!("these were taken apart")
        }
        // Slots are few, and their neighbors are those along the columns.
        RegionKind::Combine(_) => vec![rows::points(&mut sizes, None)],
        RegionKind::Pointwise => vec![rows::pointwise(&mut sizes, &region)],
        RegionKind::Generic { .. } if is_rank(sizes.kernel, &region) => vec![rows::ranks()],
        RegionKind::Generic { .. } => {
            let reduced = reduced(&mut sizes, region.covers[0]);
            vec![rows::points(&mut sizes, reduced)]
        }
    })
}

/// The length of the reduction that an equation is, if it is one.
fn reduced(sizes: &mut Symbols<'_>, equation: usize) -> Option<IntId> {
    let kernel = &sizes.kernel;
    let root = kernel.equations[equation].value;
    let root = match kernel.exprs[root].kind {
        ExprKind::Select(_, then, _) => then,
        _ => root,
    };
    let ExprKind::Reduce(_, vars, _) = &kernel.exprs[root].kind else { return None };
    let vars = vars.clone();
    sizes.ranges(&vars)
}

/// Whether an equation of a rowwise region is stored, by its part.
pub(crate) fn is_stored(part: &Part) -> bool {
    match part {
        Part::Reduction { stored, .. } | Part::PerRow { stored, .. } | Part::Map { stored, .. } => {
            *stored
        }
    }
}
