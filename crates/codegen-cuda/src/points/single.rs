//! A thread for each point, or for several that are neighbors along the innermost
//! variable.

use tilec_ir::tensor::Equation;

use super::{declare_count, decompose};
use crate::device::Header;
use crate::function::Function;
use crate::text::Text;

pub(super) fn write(f: &mut Function<'_, '_>, equations: &[&Equation], _vector: u32, threads: u32) {
    f.need(Header::Index);
    let vars = &equations[0].vars;
    let count = declare_count(f, vars, "points");
    let point = f.local("point");
    let first = format!("{point} = blockIdx.x * {threads}ll + threadIdx.x");
    let step = format!("{point} += gridDim.x * {threads}ll");
    f.open(&format!("for (long long {first}; {point} < {count}; {step})"));
    let names = decompose(f, vars, &point);
    for (at, equation) in equations.iter().enumerate() {
        for (&var, name) in equation.vars.iter().zip(&names) {
            f.bind(var, name.clone());
        }
        let index: Vec<_> = names.iter().cloned().map(Text::atom).collect();
        one(f, equation, &index, at + 1 < equations.len());
    }
    f.close();
}

/// One equation at one point.
fn one(f: &mut Function<'_, '_>, equation: &Equation, index: &[Text], read_later: bool) {
    f.cite(equation);
    let tensor = equation.tensor;
    let stored = f.cx.is_stored(tensor);
    if !read_later {
        return if stored { f.store(tensor, index, equation.value) };
    }
    let element = f.kernel.tensors[tensor].element;
    let class = crate::types::Class::of(element);
    let value = f.value(equation.value);
    let name = f.cx.names.tensor(tensor).to_owned() + "_here";
    let value = Text::atom(f.declare(class.cpp(), &name, value.to_string()));
    f.hold(tensor, index.iter().map(ToString::to_string).collect(), value.clone());
    if stored {
        let encoded = f.encode(element, &value);
        f.store_encoded(tensor, index, &encoded);
    }
}
