//! Picks: tensors that hold places of an order. Where the keys are rounded, a
//! target may order near-ties otherwise. If its keys are within d of the
//! interpreter's, then so are its order statistics, and a right pick for a
//! place has a key within 2 d of the key that belongs there.
//!
//! The keys of picks are found by the interpreter: the equation of the picks is
//! replaced by `max[v](if v == pick[..] then key else -inf)`.

use super::Engine;
use super::measure::Difference;
use super::tolerance::{Sums, error_of, errors_for, size, terms};
use crate::arena::Id;
use crate::array::{Array, Element};
use crate::diagnostic::Diagnostic;
use crate::int::Atom;
use crate::launch::Launch;
use crate::tensor::{
    Binary, Equation, Expr, ExprKind, Kernel, Reduction, Role, Scalar, Tensor, Unary, Var,
};

/// The tensors that hold picks by keys that are rounded.
#[must_use]
pub fn uncertain_picks(kernel: &Kernel) -> Vec<Id<Tensor>> {
    // Whether a sum is rounded does not depend on how long it is.
    let sums = Sums { terms: &|_| 1.0, licenses: &[] };
    let errors = errors_for(kernel, &sums);
    let is_uncertain = |equation: &&Equation| {
        order_of(kernel, equation).is_some_and(|(_, key)| {
            kernel.exprs[key].ty.is_float() && error_of(kernel, &sums, &errors, key) > 0.0
        })
    };
    kernel.equations.iter().filter(is_uncertain).map(|equation| equation.tensor).collect()
}

/// The kernel with further tensors as outputs, after the outputs that it has
/// and in the order of its tensors: a target that runs it shows its picks.
#[must_use]
pub fn expose(kernel: &Kernel, tensors: &[Id<Tensor>]) -> Kernel {
    let mut exposed = kernel.clone();
    for &tensor in tensors {
        if exposed.tensors[tensor].role == Role::Local {
            exposed.tensors[tensor].role = Role::Output;
        }
    }
    exposed
}

/// The variable and the key of the order that an equation picks from, if its
/// value is such a pick.
fn order_of(kernel: &Kernel, equation: &Equation) -> Option<(Id<Var>, Id<Expr>)> {
    let ExprKind::Rank { var, key, .. } = kernel.exprs[order_node(kernel, equation)?].kind else {
        return None;
    };
    Some((var, key))
}

fn order_node(kernel: &Kernel, equation: &Equation) -> Option<Id<Expr>> {
    let mut value = equation.value;
    if let ExprKind::Int(int) = kernel.exprs[value].kind
        && let Some(Atom::Value(inner)) = kernel.ints.as_atom(int)
    {
        value = *inner;
    }
    matches!(kernel.exprs[value].kind, ExprKind::Rank { .. }).then_some(value)
}

/// Compares picks by their keys. `given` holds the picks of the target,
/// `computed` what follows from them; a mismatch is a pick that is out of
/// range, that is there twice, or whose key is not within the margin.
pub(super) fn compare(
    engine: &Engine<'_>,
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    given: &[(Id<Tensor>, Array)],
    computed: &[Option<Array>],
    tensor: Id<Tensor>,
) -> Result<Difference, Diagnostic> {
    let equation = kernel.equations.iter().find(|e| e.tensor == tensor);
    let equation = equation.expect("what is computed has an equation");
    let (_, theirs) = given.iter().find(|(id, _)| *id == tensor).expect("picks are given");
    let (var, key) = order_of(kernel, equation).expect("only picks are given");
    let mut difference = Difference { elements: theirs.len(), ..Difference::default() };
    if theirs.shape != launch.shapes[tensor.index()] || theirs.element != Element::I32 {
        difference.mismatches = theirs.len().max(1);
        return Ok(difference);
    }
    let mut others: Vec<_> = given.iter().filter(|(id, _)| *id != tensor).cloned().collect();
    let known = kernel.tensors.ids().zip(computed);
    others.extend(known.filter_map(|(id, array)| Some((id, array.clone()?))));
    let only = Kernel { equations: vec![equation.clone()], ..kernel.clone() };
    let run = |kernel: &Kernel, launch: &Launch, given: &[_]| {
        let computed = engine(kernel, launch, inputs, given)?;
        Ok(computed[tensor.index()].clone().expect("its equation is there"))
    };
    let ours = run(&only, launch, &others)?;
    let keys = KeysOfPicks::new(&only, launch);
    let keys_at = |array: &Array| {
        let mut given = others.clone();
        given.push((keys.picks, array.clone()));
        run(&keys.kernel, &keys.launch, &given)
    };
    let terms = |vars: &[Id<Var>]| terms(kernel, launch, vars);
    let sums = Sums { terms: &terms, licenses: &[] };
    let error = 8.0 * error_of(kernel, &sums, &errors_for(kernel, &sums), key);
    let judged = Judged {
        range: size(kernel, launch, kernel.vars[var].range),
        picks: theirs,
        keys: keys_at(&ours)?,
        found: keys_at(theirs)?,
        scale: run(&largest_key(&only), launch, &others)?,
        margin: 2.0 * error,
    };
    let place = place_dimension(kernel, equation);
    judged.count(&mut difference);
    if difference.mismatches == 0 && place.is_some_and(|place| has_duplicates(theirs, place)) {
        difference.mismatches = 1;
    }
    Ok(difference)
}

/// A kernel whose only equation gives the keys of the picks in a further tensor.
struct KeysOfPicks {
    kernel: Kernel,
    launch: Launch,
    picks: Id<Tensor>,
}

impl KeysOfPicks {
    fn new(only: &Kernel, launch: &Launch) -> Self {
        let (mut kernel, mut launch) = (only.clone(), launch.clone());
        let equation = kernel.equations[0].clone();
        let (var, key) = order_of(&kernel, &equation).expect("the equation picks");
        let tensor = kernel.tensors[equation.tensor].clone();
        let picks = kernel.tensors.push(Tensor { role: Role::Local, ..tensor });
        launch.shapes.push(launch.shapes[equation.tensor.index()].clone());
        let mut of_var = |var: Id<Var>| {
            let range = kernel.vars[var].range;
            kernel.ints.of_atom(Atom::Var(var), Some(range))
        };
        let index = equation.vars.iter().map(|&v| of_var(v)).collect();
        let here = of_var(var);
        let range = kernel.vars[var].range;
        let pick = kernel.ints.of_atom(Atom::Read(picks, index), Some(range));
        let here = push(&mut kernel, ExprKind::Int(here), Scalar::I32);
        let pick = push(&mut kernel, ExprKind::Int(pick), Scalar::I32);
        let test = ExprKind::Binary(Binary::Equal, here, pick);
        let test = push(&mut kernel, test, Scalar::Bool);
        let nothing = push(&mut kernel, ExprKind::Float(f32::NEG_INFINITY), Scalar::F32);
        let chosen = push(&mut kernel, ExprKind::Select(test, key, nothing), Scalar::F32);
        let kernel = with_maximum(kernel, var, chosen);
        Self { kernel, launch, picks }
    }
}

/// The kernel whose only equation gives the largest finite key, in size, of the
/// order that a pick is from.
fn largest_key(only: &Kernel) -> Kernel {
    let mut kernel = only.clone();
    let (var, key) = order_of(&kernel, &kernel.equations[0]).expect("the equation picks");
    let size = push(&mut kernel, ExprKind::Unary(Unary::Abs, key), Scalar::F32);
    let infinity = push(&mut kernel, ExprKind::Float(f32::INFINITY), Scalar::F32);
    let zero = push(&mut kernel, ExprKind::Float(0.0), Scalar::F32);
    let finite = ExprKind::Binary(Binary::Less, size, infinity);
    let finite = push(&mut kernel, finite, Scalar::Bool);
    let size = push(&mut kernel, ExprKind::Select(finite, size, zero), Scalar::F32);
    with_maximum(kernel, var, size)
}

fn push(kernel: &mut Kernel, kind: ExprKind, ty: Scalar) -> Id<Expr> {
    let span = kernel.equations[0].span;
    kernel.exprs.push(Expr { kind, ty, span })
}

/// The only equation with the value `max[var](body)`.
fn with_maximum(mut kernel: Kernel, var: Id<Var>, body: Id<Expr>) -> Kernel {
    let maximum = ExprKind::Reduce(Reduction::Max, vec![var], body);
    let value = push(&mut kernel, maximum, Scalar::F32);
    kernel.equations[0].value = value;
    let tensor = kernel.equations[0].tensor;
    kernel.tensors[tensor].element = Scalar::F32;
    kernel
}

struct Judged<'a> {
    range: i64,
    picks: &'a Array,
    /// By place: the key that belongs there.
    keys: Array,
    /// By place: the key that was picked.
    found: Array,
    /// By place: the largest key in size.
    scale: Array,
    /// How far the two keys may be apart, relative to the largest.
    margin: f64,
}

impl Judged<'_> {
    fn count(&self, difference: &mut Difference) {
        for at in 0..self.picks.len() {
            let inside = (0..self.range).contains(&i64::from(self.picks.get_i32(at)));
            if !inside || !self.is_near(at) {
                difference.mismatches += 1;
                difference.first_mismatch.get_or_insert(at);
            }
        }
    }

    fn is_near(&self, at: usize) -> bool {
        let (x, y) = (self.keys.get_f32(at), self.found.get_f32(at));
        let error = (f64::from(x) - f64::from(y)).abs();
        let allowed = self.margin * f64::from(self.scale.get_f32(at));
        x == y || x.is_nan() && y.is_nan() || error <= allowed
    }
}

/// Which dimension of the picks counts the places of one order, if one does.
fn place_dimension(kernel: &Kernel, equation: &Equation) -> Option<usize> {
    let ExprKind::Rank { place, .. } = kernel.exprs[order_node(kernel, equation)?].kind else {
        return None;
    };
    let Some(Atom::Var(place)) = kernel.ints.as_atom(place) else { return None };
    equation.vars.iter().position(|var| var == place)
}

/// Whether two places of one order hold the same pick.
fn has_duplicates(picks: &Array, place: usize) -> bool {
    let places = picks.shape[place];
    let stride: usize = picks.shape[place + 1..].iter().product();
    let contexts = (0..picks.len()).filter(|at| (at / stride).is_multiple_of(places));
    contexts.into_iter().any(|start| {
        let mut row: Vec<_> = (0..places).map(|p| picks.get_i32(start + p * stride)).collect();
        row.sort_unstable();
        row.windows(2).any(|pair| pair[0] == pair[1])
    })
}
