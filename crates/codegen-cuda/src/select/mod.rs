//! The first elements of rows, in order: by warps, by blocks, or by parts of rows.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]
//!     for each row m:
//!         own = the words of some x[m, n] with n below them     (keys.rs)
//!         warp: few within a bound, each put in its place       (warp.rs)
//!         block: candidates, of which the first are sorted      (block.rs, parts.rs)
//!                fewer, where a bound is known before           (bound.rs)
//!         index[m, s] = n of the s-th, and what is gathered     (put)
//! ```
//!
//! An element is one number, its key as a word that sorts as the language orders and its
//! index below that; no two are the same, so equal keys keep the lower index first.

mod block;
mod bound;
mod keys;
mod parts;
mod warp;

use tilec_ir::plan::{self, RegionKind};
use tilec_ir::tensor::Equation;
use tilec_ir::tile::{Body, By, Candidates, Step, Variant};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::Function;
use crate::points::{declare_count, decompose};
use crate::text::Text;

/// What is selected, for all of its kernels.
#[derive(Debug)]
struct Selected<'p> {
    select: &'p plan::Select,
    /// The equation of the index, then those of what is gathered.
    equations: Vec<&'p Equation>,
    /// Elements that a thread reads at once.
    vector: u32,
}

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let region = &cx.program.plan.regions[step.region];
    let (Body::Select(body), RegionKind::Select(select)) = (&variant.kernel.body, &region.kind)
    else {
        unreachable!("called for selections")
    };
    let of = Selected { select, equations: cx.equations(step), vector: body.vector };
    match &body.by {
        &By::Warp { per_lane, packed } => {
            vec![warp::emit(cx, &of, &variant.kernel, per_lane, packed)]
        }
        By::Block(candidates) => vec![block::emit(cx, &of, &variant.kernel, *candidates)],
        By::Parts(parts) => parts::emit(cx, &of, &variant.kernel, parts, step.region),
    }
}

/// Names that lines are written with as they stand; nothing that has a name has them.
const FIXED: [&str; 10] = [
    "AHEAD",
    "CAPACITY",
    "HELD",
    "PARTS",
    "PER_LANE",
    "PER_THREAD",
    "Selection",
    "THREADS",
    "lane",
    "of_warp",
];

/// Keeps these names for this function.
fn claim(f: &mut Function<'_, '_>) {
    for name in FIXED {
        let claimed = f.local(name);
        debug_assert_eq!(claimed, name, "no tensor and no size has it");
    }
}

/// The names of a row while it is searched.
#[derive(Debug)]
struct Row {
    /// The values of [`plan::Select::rows`].
    vars: Vec<String>,
    /// Its number.
    row: String,
}

impl Selected<'_> {
    /// Cites the equations.
    fn cite(&self, f: &mut Function<'_, '_>) {
        for equation in &self.equations {
            f.cite(equation);
        }
    }

    /// Declares the number of rows, the length of a row, and how many of its first
    /// elements are wanted; leaves where that is none.
    fn sizes(&self, f: &mut Function<'_, '_>) -> Sizes {
        let rows = declare_count(f, &self.select.rows, "rows");
        let length = f.int(self.select.length);
        let length = f.declare("long long", "length", length.to_string());
        let (first, count) = (f.int(self.select.first), f.int(self.select.count));
        let wanted = if first.to_string() == "0" { count } else { Text::sum(&count, &first) };
        let wanted = f.declare("long long", "wanted", wanted.to_string());
        f.line(format!("if ({wanted} <= 0) return;"));
        Sizes { rows, length, wanted }
    }

    /// Binds the variables of a row.
    fn bind_row(&self, f: &mut Function<'_, '_>, row: &str) -> Row {
        let vars = decompose(f, &self.select.rows, row);
        Row { vars, row: row.to_owned() }
    }

    /// Whether what is stored depends on the place, as it does unless only the first is wanted.
    fn tells_places(&self, f: &Function<'_, '_>) -> bool {
        self.select.place.is_some() || f.kernel.ints.as_constant(self.select.first) != Some(0)
    }

    /// Stores the index at a place, by the C++ names of both, and what is gathered there.
    fn put(&self, f: &mut Function<'_, '_>, row: &Row, place: &str, chosen: &str) {
        let first = f.int(self.select.first).to_string();
        let bound = match self.select.place {
            Some(_) if first == "0" => place.to_owned(),
            Some(var) => {
                f.line(format!("if ({place} < {first}) continue;"));
                let name = f.kernel.vars[var].name.clone();
                f.declare("long long", &name, format!("{place} - {}", Text::atom(first.clone())))
            }
            None => {
                if first != "0" {
                    f.line(format!("if ({place} != {first}) continue;"));
                }
                String::new()
            }
        };
        self.put_index(f, &bound, chosen);
        for (gathered, equation) in self.select.gathered.iter().zip(&self.equations[1..]) {
            for (&var, name) in gathered.rows.iter().zip(&row.vars) {
                f.bind(var, name.clone());
            }
            if let Some(var) = gathered.place {
                f.bind(var, bound.clone());
            }
            let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
            f.store(equation.tensor, &index, equation.value);
        }
    }

    /// Stores the index if it is asked for; whoever reads it is given it.
    fn put_index(&self, f: &mut Function<'_, '_>, place: &str, chosen: &str) {
        let equation = self.equations[0];
        if let Some(var) = self.select.place {
            f.bind(var, place);
        }
        let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
        let held = index.iter().map(ToString::to_string).collect();
        f.hold(equation.tensor, held, Text::atom(chosen));
        if self.select.stored {
            f.store_encoded(equation.tensor, &index, &Text::atom(chosen));
        }
    }
}

/// The C++ names of sizes.
#[derive(Debug)]
struct Sizes {
    rows: String,
    length: String,
    wanted: String,
}

/// The names of a block's candidates.
#[derive(Debug)]
struct Block {
    candidates: Candidates,
    /// The selection in shared memory.
    name: String,
}

impl Block {
    /// Begins a function that selects: declares the selection and the sizes.
    fn begin(f: &mut Function<'_, '_>, of: &Selected<'_>, candidates: Candidates) -> (Self, Sizes) {
        claim(f);
        f.need(Header::Select);
        let Candidates { threads, per_thread, capacity, .. } = candidates;
        f.line(format!(
            "constexpr int THREADS = {threads}, PER_THREAD = {per_thread}, CAPACITY = {capacity};"
        ));
        f.line("using Selection = tilec::Selection<THREADS, CAPACITY>;");
        let bytes = candidates.shared_bytes();
        f.line(format!(
            "static_assert(sizeof(Selection) == {bytes}, \"shared memory is that of the launch\");"
        ));
        f.line("extern __shared__ __align__(1024) unsigned char shared[];");
        let name = f.local("found");
        f.line(format!("Selection& {name} = *reinterpret_cast<Selection*>(shared);"));
        (Self { candidates, name }, of.sizes(f))
    }

    /// Stores the candidates, which are in order, at the places from `done` on.
    fn put(&self, f: &mut Function<'_, '_>, of: &Selected<'_>, row: &Row, done: &str, now: &str) {
        let i = f.local("i");
        f.open(&format!("for (unsigned {i} = threadIdx.x; {i} < {now}; {i} += THREADS)"));
        let place = if of.tells_places(f) {
            f.declare("long long", "place", format!("{done} + {i}").replace("0 + ", ""))
        } else {
            String::new()
        };
        let chosen = format!("tilec::index_of({}.candidates[{i}])", self.name);
        let chosen = f.declare("int", "chosen", format!("static_cast<int>({chosen})"));
        of.put(f, row, &place, &chosen);
        f.close();
    }
}

/// `a < b ? a : b`
fn least(a: &str, b: &str) -> String {
    format!("{a} < {b} ? {a} : {b}")
}
