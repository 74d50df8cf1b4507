//! One LLVM function as text: values, loops and branches.
//!
//! Text keeps what is generated readable next to what generates it, and LLVM's
//! own parser and verifier check it before anything runs. Blocks and values are
//! numbered (`%v7`, `b3`), so that equal input gives equal bytes.

use std::fmt::{self, Display, Write as _};
use std::rc::Rc;

/// An operand: `%v7`, `0`, `0x36A0000000000000`, `@select`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value(Rc<str>);

/// A function that is being written; the end of the text is the current block.
#[derive(Debug, Default)]
pub(crate) struct Function {
    text: String,
    names: usize,
}

/// A counted loop between [`Function::begin_loop`] and [`Function::end_loop`].
#[derive(Debug)]
pub(crate) struct Loop {
    id: usize,
    /// Runs from `low` to `high - 1`.
    pub(crate) index: Value,
    /// What the loop carries, as it enters an iteration.
    pub(crate) carried: Vec<Value>,
    types: Vec<&'static str>,
    step: Value,
}

/// An `if` between [`Function::begin_if`] and [`Function::end_if`].
#[derive(Debug)]
pub(crate) struct Branch {
    id: usize,
    then: Vec<Value>,
}

impl Value {
    pub(crate) fn new(text: impl Display) -> Self {
        Self(text.to_string().into())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::new(value)
    }
}

impl From<f32> for Value {
    /// LLVM writes a float as the bits of the double of the same value.
    fn from(value: f32) -> Self {
        Self::new(format_args!("0x{:016X}", f64::from(value).to_bits()))
    }
}

impl Function {
    /// The text of the function; its last block must have been ended.
    /// `signature` is what stands before the body: `define internal void @f(ptr %x)`.
    pub(crate) fn finish(self, signature: impl Display) -> String {
        format!("{signature} #0 {{\nentry:\n{}}}\n\n", self.text)
    }

    /// The same for a function that runs seldom and does little, so that LLVM
    /// spends no time on it.
    pub(crate) fn finish_plain(self, signature: impl Display) -> String {
        format!("{signature} #1 {{\nentry:\n{}}}\n\n", self.text)
    }

    /// How much was written, roughly in instructions.
    pub(crate) fn size(&self) -> usize {
        self.names
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    /// An instruction without a result.
    pub(crate) fn run(&mut self, instruction: impl Display) {
        writeln!(self.text, "  {instruction}").expect("a string takes all text");
    }

    /// An instruction with a result.
    pub(crate) fn def(&mut self, instruction: impl Display) -> Value {
        let value = Value::new(format_args!("%v{}", self.name()));
        writeln!(self.text, "  {value} = {instruction}").expect("a string takes all text");
        value
    }

    fn label(&mut self, label: impl Display) {
        writeln!(self.text, "{label}:").expect("a string takes all text");
    }

    /// `base + offset * size of ty`
    pub(crate) fn at(&mut self, ty: &str, base: &Value, offset: &Value) -> Value {
        self.def(format_args!("getelementptr inbounds {ty}, ptr {base}, i64 {offset}"))
    }

    pub(crate) fn load(&mut self, ty: &str, base: &Value, offset: &Value) -> Value {
        let at = self.at(ty, base, offset);
        self.def(format_args!("load {ty}, ptr {at}"))
    }

    pub(crate) fn store(&mut self, ty: &str, value: &Value, base: &Value, offset: &Value) {
        let at = self.at(ty, base, offset);
        self.run(format_args!("store {ty} {value}, ptr {at}"));
    }

    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.def(format_args!("add i64 {a}, {b}"))
    }

    pub(crate) fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.def(format_args!("sub i64 {a}, {b}"))
    }

    pub(crate) fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.def(format_args!("mul i64 {a}, {b}"))
    }

    /// The smaller of two i64.
    pub(crate) fn min(&mut self, a: &Value, b: &Value) -> Value {
        self.def(format_args!("call i64 @llvm.smin.i64(i64 {a}, i64 {b})"))
    }

    /// The larger of two i64.
    pub(crate) fn max(&mut self, a: &Value, b: &Value) -> Value {
        self.def(format_args!("call i64 @llvm.smax.i64(i64 {a}, i64 {b})"))
    }

    /// `ceil(a / b)` of two i64, `a` at least 0 and `b` at least 1.
    pub(crate) fn ceil_div(&mut self, a: &Value, b: &Value) -> Value {
        let above = self.add(a, b);
        let above = self.sub(&above, &1.into());
        self.def(format_args!("udiv i64 {above}, {b}"))
    }

    /// `(a / b, a % b)` of two i64, `a` at least 0 and `b` at least 1.
    pub(crate) fn div_rem(&mut self, a: &Value, b: &Value) -> (Value, Value) {
        let quotient = self.def(format_args!("udiv i64 {a}, {b}"));
        let remainder = self.def(format_args!("urem i64 {a}, {b}"));
        (quotient, remainder)
    }

    /// `for index in low .. high step step`, with values that it carries along.
    pub(crate) fn begin_loop(
        &mut self,
        (low, high, step): (&Value, &Value, &Value),
        carry: &[(&'static str, Value)],
    ) -> Loop {
        let id = self.name();
        self.run(format_args!("br label %pre{id}"));
        self.label(format_args!("pre{id}"));
        self.run(format_args!("br label %head{id}"));
        self.label(format_args!("head{id}"));
        let phi = |f: &mut Self, ty: &str, first: &Value, name: String| {
            f.run(format_args!("{name} = phi {ty} [{first}, %pre{id}], [{name}.next, %latch{id}]"));
            Value::new(name)
        };
        let index = phi(self, "i64", low, format!("%i{id}"));
        let mut carried = Vec::new();
        for (n, (ty, first)) in carry.iter().enumerate() {
            carried.push(phi(self, ty, first, format!("%c{id}.{n}")));
        }
        let more = self.def(format_args!("icmp slt i64 {index}, {high}"));
        self.run(format_args!("br i1 {more}, label %body{id}, label %exit{id}"));
        self.label(format_args!("body{id}"));
        let types = carry.iter().map(|(ty, _)| *ty).collect();
        Loop { id, index, carried, types, step: step.clone() }
    }

    /// `for index in 0 .. high`
    pub(crate) fn begin_count(&mut self, high: &Value) -> Loop {
        self.begin_loop((&0.into(), high, &1.into()), &[])
    }

    /// Ends the body; `carry` is what the next iteration gets. Returns what the
    /// loop carried out.
    pub(crate) fn end_loop(&mut self, ended: Loop, carry: &[Value]) -> Vec<Value> {
        let Loop { id, index, carried, types, step } = ended;
        assert_eq!(carry.len(), carried.len(), "a loop carries on all that it carries");
        self.run(format_args!("br label %latch{id}"));
        self.label(format_args!("latch{id}"));
        for ((name, ty), value) in carried.iter().zip(types).zip(carry) {
            self.run(format_args!("{name}.next = bitcast {ty} {value} to {ty}"));
        }
        self.run(format_args!("{index}.next = add nsw i64 {index}, {step}"));
        self.run(format_args!("br label %head{id}"));
        self.label(format_args!("exit{id}"));
        carried
    }

    /// Begins the branch that is taken when `test` is true.
    pub(crate) fn begin_if(&mut self, test: &Value) -> Branch {
        let id = self.name();
        self.run(format_args!("br i1 {test}, label %then{id}, label %else{id}"));
        self.label(format_args!("then{id}"));
        Branch { id, then: Vec::new() }
    }

    /// Ends that branch with its values and begins the other.
    pub(crate) fn begin_else(&mut self, branch: &mut Branch, values: &[Value]) {
        let id = branch.id;
        branch.then = values.to_vec();
        self.run(format_args!("br label %then.end{id}"));
        self.label(format_args!("then.end{id}"));
        self.run(format_args!("br label %join{id}"));
        self.label(format_args!("else{id}"));
    }

    /// Ends the other branch; returns the values of the branch taken.
    pub(crate) fn end_if(
        &mut self,
        branch: Branch,
        types: &[&str],
        values: &[Value],
    ) -> Vec<Value> {
        let Branch { id, then } = branch;
        self.run(format_args!("br label %else.end{id}"));
        self.label(format_args!("else.end{id}"));
        self.run(format_args!("br label %join{id}"));
        self.label(format_args!("join{id}"));
        let joined = types.iter().zip(then.iter().zip(values));
        joined
            .map(|(ty, (a, b))| {
                self.def(format_args!("phi {ty} [{a}, %then.end{id}], [{b}, %else.end{id}]"))
            })
            .collect()
    }

    /// Ends an `if` without values and without a body in its other branch.
    pub(crate) fn end_then(&mut self, mut branch: Branch) {
        self.begin_else(&mut branch, &[]);
        self.end_if(branch, &[], &[]);
    }
}
