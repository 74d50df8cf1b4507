//! A kernel as one LLVM module: phases that fill buffers one after another, and
//! the two functions that callers see.
//!
//! ```text
//! i32 NAME_run(args)         checks the sizes, then runs the phases in order
//! i64 NAME_workspace(args)   bytes of workspace for these sizes and workers
//! ```
//!
//! A phase is cut into units, and units are dealt to tasks, which a callback of
//! the caller may run in parallel. Nothing is allocated: what is kept between
//! phases and what a task needs for itself lies in the workspace.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tilec_ir::tensor::{FactKind, Role};
use tilec_ir::{IntId, Kernel, Scalar};

use super::context::Context;
use super::function::{Function, Value};
use super::select::Extent;
use super::vector::Machine;
use crate::plan::{Buffer, Plan, Step};

/// How much work a phase is. The phases before it are done when this is asked.
#[derive(Debug)]
pub(crate) struct Work {
    /// i64: what is dealt to tasks.
    pub(crate) units: Value,
    /// double: elementary operations of all units together.
    pub(crate) cost: Value,
}

/// What a task does.
#[derive(Debug)]
pub(crate) struct Task {
    /// The units from here ..
    pub(crate) begin: Value,
    /// .. to before here.
    pub(crate) end: Value,
    /// Memory of its own.
    pub(crate) scratch: Value,
}

/// How much memory something takes.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    /// Elements of so many bytes.
    Elements { shape: Vec<IntId>, bytes: i64 },
    /// What a task keeps of a part of a row.
    Kept(Extent),
    /// What all parts of all rows keep.
    Merged(Extent),
}

/// Where the words of the argument structure are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    sizes: usize,
    inputs: usize,
    outputs: usize,
}

/// A module that is being written.
#[derive(Debug)]
pub(crate) struct Program<'k> {
    pub(crate) kernel: &'k Kernel,
    pub(crate) plan: &'k Plan,
    pub(crate) machine: Machine,
    functions: String,
    helpers: BTreeSet<String>,
    phases: usize,
    /// The phases of this step do nothing unless each of these is at least 1.
    needed: Vec<IntId>,
    /// By buffer: those of the plan, then what emitters asked for.
    buffers: Vec<Bytes>,
    /// By phase: what each of its tasks needs.
    scratch: Vec<Vec<Bytes>>,
}

/// Everything starts on a cache line of its own.
pub(crate) const ALIGNMENT: i64 = 64;

/// More bytes than any address space has; thousands of these fit 64 bits.
const TOO_MANY: i64 = 1 << 48;

/// Work that is worth a task of its own.
const GRAIN: f32 = 32768.0;

impl Words {
    pub(crate) fn of(kernel: &Kernel) -> Self {
        let count = |role| kernel.tensors_of(role).count();
        Self { sizes: kernel.sizes.len(), inputs: count(Role::Input), outputs: count(Role::Output) }
    }

    pub(crate) fn workspace(self) -> usize {
        self.sizes + self.inputs + self.outputs
    }

    pub(crate) fn workers(self) -> usize {
        self.workspace() + 1
    }

    pub(crate) fn parallel_for(self) -> usize {
        self.workspace() + 2
    }

    pub(crate) fn context(self) -> usize {
        self.workspace() + 3
    }

    /// The word of a tensor that the caller holds: inputs, then outputs, each in
    /// their order. Tensors are the first buffers.
    fn buffer(self, kernel: &Kernel, buffer: usize) -> Option<usize> {
        let mut held = [Role::Input, Role::Output].into_iter().flat_map(|r| kernel.tensors_of(r));
        held.position(|tensor| tensor.index() == buffer).map(|at| self.sizes + at)
    }
}

impl<'k> Program<'k> {
    pub(crate) fn new(kernel: &'k Kernel, plan: &'k Plan, machine: Machine) -> Self {
        let bytes = |b: &Buffer| Bytes::Elements {
            shape: b.shape.clone(),
            bytes: element_bytes(b.element),
        };
        Self {
            kernel,
            plan,
            machine,
            functions: String::new(),
            helpers: BTreeSet::new(),
            phases: 0,
            needed: Vec::new(),
            buffers: plan.buffers.iter().map(bytes).collect(),
            scratch: Vec::new(),
        }
    }

    /// The phases that follow belong to this step. Where one of its variables
    /// has no value, nothing of it is needed, nor is anything proved of it.
    pub(crate) fn begin_step(&mut self, step: &Step) {
        let vars = step.vars.iter().chain(&step.around);
        self.needed = vars.map(|&v| self.kernel.vars[v].range).collect();
        self.needed.sort_unstable();
        self.needed.dedup();
    }

    /// Adds a buffer that phases hand on; returns its number.
    pub(crate) fn buffer(&mut self, bytes: Bytes) -> usize {
        self.buffers.push(bytes);
        self.buffers.len() - 1
    }

    /// Adds a function that phases may call, once.
    pub(crate) fn helper(&mut self, name: &str, write: impl FnOnce(&str) -> String) {
        if self.helpers.insert(name.to_owned()) {
            let text = write(name);
            self.functions += &text;
        }
    }

    fn context(&self) -> Context<'k> {
        Context::new(self.kernel, self.plan, self.machine)
    }

    /// Loads `%n0`, `%n1`, ..: the sizes.
    fn load_sizes(&self, f: &mut Function) {
        for n in 0..self.kernel.sizes.len() {
            f.run(format_args!("%n{n}.at = getelementptr inbounds i64, ptr %args, i64 {n}"));
            f.run(format_args!("%n{n} = load i64, ptr %n{n}.at"));
        }
    }

    /// Adds a phase.
    pub(crate) fn phase(
        &mut self,
        scratch: Vec<Bytes>,
        work: impl FnOnce(&mut Context<'k>) -> Work,
        body: impl FnOnce(&mut Context<'k>, &Task),
    ) {
        let id = self.phases;
        self.phases += 1;
        self.scratch.push(scratch);
        self.write_units(id, work);
        let mut c = self.context();
        let [begin, end, scratch] = ["%begin", "%end", "%scratch"].map(Value::new);
        body(&mut c, &Task { begin, end, scratch });
        c.f.run("ret void");
        let mut parameters = String::from("ptr %args, i64 %begin, i64 %end, ptr noalias %scratch");
        for n in 0..self.kernel.sizes.len() {
            write!(parameters, ", i64 %n{n}").expect("a string takes all text");
        }
        for buffer in &c.used {
            write!(parameters, ", ptr noalias %t{buffer}").expect("a string takes all text");
        }
        let signature = format!("define internal void @p{id}.body({parameters}) noinline");
        self.functions += &c.f.finish(signature);
        self.write_task(id, &c.used.iter().copied().collect::<Vec<_>>());
    }

    /// `{ units, tasks } @pN.units(args)`
    fn write_units(&mut self, id: usize, work: impl FnOnce(&mut Context<'k>) -> Work) {
        let mut c = self.context();
        self.load_sizes(&mut c.f);
        let Work { mut units, cost } = work(&mut c);
        for &range in &self.needed {
            let range = c.int(range);
            let some = c.f.def(format_args!("icmp sgt i64 {range}, 0"));
            units = c.f.def(format_args!("select i1 {some}, i64 {units}, i64 0"));
        }
        let f = &mut c.f;
        let workers = f.load("i64", &Value::new("%args"), &index(Words::of(self.kernel).workers()));
        let most = f.def(format_args!("shl i64 {workers}, 3"));
        let most = f.max(&most, &1.into());
        let grains = f.def(format_args!("fdiv double {cost}, {GRAIN:e}"));
        let grains = f.def(format_args!("call i64 @llvm.fptosi.sat.i64.f64(double {grains})"));
        let tasks = f.max(&grains, &1.into());
        let tasks = f.min(&tasks, &most);
        let tasks = f.min(&tasks, &units);
        let pair = f.def(format_args!("insertvalue {{ i64, i64 }} poison, i64 {units}, 0"));
        let pair = f.def(format_args!("insertvalue {{ i64, i64 }} {pair}, i64 {tasks}, 1"));
        f.run(format_args!("ret {{ i64, i64 }} {pair}"));
        self.functions += &c
            .f
            .finish_plain(format_args!("define internal {{ i64, i64 }} @p{id}.units(ptr %args)"));
    }

    /// `void @pN(closure, task, worker)`: the share of one task.
    fn write_task(&mut self, id: usize, used: &[usize]) {
        let mut f = Function::default();
        f.run("%args = load ptr, ptr %closure");
        let tasks = f.load("i64", &Value::new("%closure"), &1.into());
        let pair = f.def(format_args!("call {{ i64, i64 }} @p{id}.units(ptr %args)"));
        let units = f.def(format_args!("extractvalue {{ i64, i64 }} {pair}, 0"));
        let share = |f: &mut Function, task: &Value| {
            let done = f.mul(task, &units);
            f.def(format_args!("udiv i64 {done}, {tasks}"))
        };
        let begin = share(&mut f, &Value::new("%task"));
        let next = f.add(&Value::new("%task"), &1.into());
        let end = share(&mut f, &next);
        self.load_sizes(&mut f);
        let args = Value::new("%args");
        let words = Words::of(self.kernel);
        let table = f.load("ptr", &args, &index(words.workspace()));
        let scratch = f.load("ptr", &table, &index(0));
        let bytes = f.load("i64", &table, &index(1));
        let offset = f.mul(&Value::new("%worker"), &bytes);
        let scratch = f.at("i8", &scratch, &offset);
        let mut call = format!("ptr %args, i64 {begin}, i64 {end}, ptr {scratch}");
        for n in 0..self.kernel.sizes.len() {
            write!(call, ", i64 %n{n}").expect("a string takes all text");
        }
        for &buffer in used {
            let pointer = match words.buffer(self.kernel, buffer) {
                Some(word) => f.load("ptr", &args, &index(word)),
                None => f.load("ptr", &table, &index(buffer + 2)),
            };
            write!(call, ", ptr {pointer}").expect("a string takes all text");
        }
        f.run(format_args!("call void @p{id}.body({call})"));
        f.run("ret void");
        let signature =
            format!("define internal void @p{id}(ptr %closure, i64 %task, i64 %worker)");
        self.functions += &f.finish_plain(signature);
    }

    /// `i64 @tile.layout(args, base, table)`: writes where each buffer lies,
    /// where scratch memory begins and how much each worker has; returns the
    /// bytes of the whole workspace.
    fn write_layout(&mut self) {
        let mut c = self.context();
        self.load_sizes(&mut c.f);
        let words = Words::of(self.kernel);
        let (base, table) = (Value::new("%base"), Value::new("%table"));
        let table_bytes = i64::try_from((self.buffers.len() + 2) * 8).expect("a table is small");
        let mut offset = aligned(&mut c.f, &table_bytes.into());
        for (n, buffer) in self.buffers.iter().enumerate() {
            if words.buffer(self.kernel, n).is_some() {
                continue;
            }
            let at = c.f.def(format_args!("getelementptr i8, ptr {base}, i64 {offset}"));
            c.f.store("ptr", &at, &table, &index(n + 2));
            let size = bytes_of(&mut c, buffer);
            offset = c.f.add(&offset, &size);
        }
        let at = c.f.def(format_args!("getelementptr i8, ptr {base}, i64 {offset}"));
        c.f.store("ptr", &at, &table, &index(0));
        let mut scratch = Value::from(0);
        for phase in std::mem::take(&mut self.scratch) {
            let mut sum = Value::from(0);
            for bytes in phase {
                let size = bytes_of(&mut c, &bytes);
                sum = c.f.add(&sum, &size);
            }
            scratch = c.f.max(&scratch, &sum);
        }
        c.f.store("i64", &scratch, &table, &index(1));
        let workers = c.f.load("i64", &Value::new("%args"), &index(words.workers()));
        let workers = c.f.max(&workers, &1.into());
        let all = c.f.mul(&scratch, &workers);
        let total = c.f.add(&offset, &all);
        c.f.run(format_args!("ret i64 {total}"));
        let signature = "define internal i64 @tile.layout(ptr %args, ptr %base, ptr %table)";
        self.functions += &c.f.finish_plain(signature);
    }

    /// The text of the module.
    pub(crate) fn finish(mut self) -> String {
        self.write_layout();
        self.write_workspace();
        self.write_run();
        self.write_parallel();
        self.functions
    }

    fn write_workspace(&mut self) {
        let words = self.buffers.len() + 2;
        let mut f = Function::default();
        f.run(format_args!("%table = alloca [{words} x i64]"));
        let total = f.def("call i64 @tile.layout(ptr %args, ptr %table, ptr %table)");
        f.run(format_args!("ret i64 {total}"));
        let name = &self.kernel.name;
        self.functions += &f.finish_plain(format_args!("define i64 @{name}_workspace(ptr %args)"));
    }

    fn write_run(&mut self) {
        let mut c = self.context();
        self.load_sizes(&mut c.f);
        let mut good = Value::new("true");
        let mut require = |c: &mut Context<'k>, relation: &str, a: &Value, b: &Value| {
            let holds = c.f.def(format_args!("icmp {relation} i64 {a}, {b}"));
            good = c.f.def(format_args!("and i1 {good}, {holds}"));
        };
        for n in 0..self.kernel.sizes.len() {
            require(&mut c, "sge", &Value::new(format_args!("%n{n}")), &0.into());
        }
        for fact in &self.kernel.facts {
            let (relation, a, b) = match fact.kind {
                FactKind::Equal(a, b) => ("eq", a, b),
                FactKind::AtMost(a, b) => ("sle", a, b),
                FactKind::Less(a, b) => ("slt", a, b),
                FactKind::Sorted(_) | FactKind::Finite(_) => continue,
            };
            let (a, b) = (c.int(a), c.int(b));
            require(&mut c, relation, &a, &b);
        }
        for id in self.kernel.tensors_of(Role::Input) {
            let tensor = &self.kernel.tensors[id];
            // No value is in 0 .. -1, so there must be no element either.
            if let Scalar::Idx(range) = tensor.element {
                let (count, range) = (c.product(&tensor.shape), c.int(range));
                let some = c.f.def(format_args!("icmp sgt i64 {count}, 0"));
                let some = c.f.def(format_args!("zext i1 {some} to i64"));
                require(&mut c, "sge", &range, &some);
            }
        }
        let mut f = c.f;
        f.run(format_args!("br i1 {good}, label %good, label %bad"));
        f.run("\nbad:\n  ret i32 1\n\ngood:");
        let table = f.load("ptr", &Value::new("%args"), &index(Words::of(self.kernel).workspace()));
        f.def(format_args!("call i64 @tile.layout(ptr %args, ptr {table}, ptr {table})"));
        for id in 0..self.phases {
            let pair = f.def(format_args!("call {{ i64, i64 }} @p{id}.units(ptr %args)"));
            let tasks = f.def(format_args!("extractvalue {{ i64, i64 }} {pair}, 1"));
            f.run(format_args!("call void @tile.parallel(ptr %args, i64 {tasks}, ptr @p{id})"));
        }
        f.run("ret i32 0");
        let name = &self.kernel.name;
        self.functions += &f.finish_plain(format_args!("define i32 @{name}_run(ptr %args)"));
    }

    /// `void @tile.parallel(args, tasks, body)`: through the caller's callback
    /// if there is one and more than one task, else one after another.
    fn write_parallel(&mut self) {
        let words = Words::of(self.kernel);
        let mut f = Function::default();
        let args = Value::new("%args");
        f.run("%closure = alloca [2 x i64]");
        f.run("store ptr %args, ptr %closure");
        f.store("i64", &Value::new("%tasks"), &Value::new("%closure"), &1.into());
        let callback = f.load("ptr", &args, &index(words.parallel_for()));
        let context = f.load("ptr", &args, &index(words.context()));
        let given = f.def(format_args!("icmp ne ptr {callback}, null"));
        let several = f.def("icmp sgt i64 %tasks, 1");
        let parallel = f.def(format_args!("and i1 {given}, {several}"));
        let mut branch = f.begin_if(&parallel);
        f.run(format_args!(
            "call void {callback}(ptr {context}, i64 %tasks, ptr %body, ptr %closure)"
        ));
        f.begin_else(&mut branch, &[]);
        let serial = f.begin_count(&Value::new("%tasks"));
        let task = &serial.index;
        f.run(format_args!("call void %body(ptr %closure, i64 {task}, i64 0)"));
        f.end_loop(serial, &[]);
        f.end_if(branch, &[], &[]);
        f.run("ret void");
        let signature = "define internal void @tile.parallel(ptr %args, i64 %tasks, ptr %body)";
        self.functions += &f.finish_plain(signature);
    }
}

/// The pointer to a buffer of the workspace, in code that belongs to no phase.
pub(crate) fn in_workspace(c: &mut Context<'_>, buffer: usize) -> Value {
    let words = Words::of(c.kernel);
    let table = c.f.load("ptr", &Value::new("%args"), &index(words.workspace()));
    c.f.load("ptr", &table, &index(buffer + 2))
}

fn index(word: usize) -> Value {
    Value::new(word)
}

/// `bytes` rounded up to a multiple of [`ALIGNMENT`].
fn aligned(f: &mut Function, bytes: &Value) -> Value {
    let above = f.add(bytes, &(ALIGNMENT - 1).into());
    f.def(format_args!("and i64 {above}, {}", -ALIGNMENT))
}

fn bytes_of(c: &mut Context<'_>, bytes: &Bytes) -> Value {
    let size = match bytes {
        Bytes::Elements { shape, bytes } => bytes_of_elements(c, shape, *bytes),
        Bytes::Kept(extent) => extent.kept_bytes(c),
        Bytes::Merged(extent) => extent.merged_bytes(c),
    };
    aligned(&mut c.f, &size)
}

/// At most [`TOO_MANY`]: buffers of steps have shapes that no tensor has, which
/// no launch has looked at.
fn bytes_of_elements(c: &mut Context<'_>, shape: &[IntId], bytes: i64) -> Value {
    let mut size = Value::from(bytes);
    let mut estimate = Value::new(format_args!("{bytes}.0"));
    for &dimension in shape {
        let dimension = c.int(dimension);
        let dimension = c.f.max(&dimension, &0.into());
        size = c.f.mul(&size, &dimension);
        let float = c.f.def(format_args!("sitofp i64 {dimension} to double"));
        estimate = c.f.def(format_args!("fmul double {estimate}, {float}"));
    }
    let fits = c.f.def(format_args!("fcmp olt double {estimate}, {TOO_MANY}.0"));
    c.f.def(format_args!("select i1 {fits}, i64 {size}, i64 {TOO_MANY}"))
}

/// Bytes of one element in memory.
pub(crate) fn element_bytes(element: Scalar) -> i64 {
    let bytes = tilec_ir::Element::of(element).bytes();
    i64::try_from(bytes).expect("elements are small")
}
