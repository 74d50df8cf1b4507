//! A tile program as text: what runs, when, and who chose it.
//!
//! ```text
//! tile program gemm on h200 (sm_90a)
//!
//! step 0: c
//!   when M <= 16 and K % 16 == 0
//!     gemm_c_few_16x64  by model: reads b once
//!       grid        at most 132 blocks of 384 threads, ceil(N / 64) items
//!       tile        m 16, n 64, k 512; operands swapped
//!       ...
//! workspace
//!   acc           4*M*N bytes at 0
//! ```

use std::fmt::Write;

use crate::int::IntId;
use crate::int_text::show;
use crate::tensor::Kernel;
use crate::tile::{
    Accumulate, Body, Bound, By, Candidates, Condition, Dual, Exchange, Grid, Op, Pipeline,
    Program, Put, Scratch, Select, Side, Step, Stepped, Variant,
};

/// The whole program.
#[must_use]
pub fn print(program: &Program) -> String {
    let kernel = &program.plan.kernel;
    let mut out = format!("tile program {} on {} ({})\n", kernel.name, program.chip, program.arch);
    for (at, step) in program.steps.iter().enumerate() {
        out += &print_step(program, at, step);
    }
    if !program.workspace.is_empty() {
        out += "\nworkspace\n";
    }
    for piece in &program.workspace {
        let holds = match piece.holds {
            Scratch::Tensor(tensor) => kernel.tensors[tensor].name.clone(),
            Scratch::Partials(at) => format!("partial sums of step {at}"),
            Scratch::Counters(at) => format!("counters of step {at}"),
        };
        let (bytes, offset) = (show(kernel, piece.bytes), show(kernel, piece.offset));
        line(&mut out, &format!("  {holds:<13} {bytes} bytes at {offset}"));
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes all text");
}

fn print_step(program: &Program, at: usize, step: &Step) -> String {
    let kernel = &program.plan.kernel;
    let covers = &program.plan.regions[step.region].covers;
    let tensors = covers.iter().map(|&at| kernel.equations[at].tensor);
    let names: Vec<_> = tensors.map(|tensor| kernel.tensors[tensor].name.as_str()).collect();
    let mut out = format!("\nstep {at}: {}\n", names.join(", "));
    for variant in &step.variants {
        out += &print_variant(kernel, variant);
    }
    out
}

fn print_variant(kernel: &Kernel, variant: &Variant) -> String {
    let mut out = String::new();
    let when: Vec<_> =
        variant.when.iter().map(|condition| condition_text(kernel, condition)).collect();
    let when =
        if when.is_empty() { "always".to_owned() } else { format!("when {}", when.join(" and ")) };
    line(&mut out, &format!("  {when}"));
    line(&mut out, &format!("    {}  by {}", variant.kernel.name, variant.chosen_by));
    if let Body::Within(step) = variant.kernel.body {
        field(&mut out, "within", &format!("step {step}, a dual contraction"));
        return out;
    }
    let threads = variant.kernel.threads;
    let grid = match variant.kernel.grid {
        Grid::PerItem { items } => {
            format!("{} blocks of {threads} threads", show(kernel, items))
        }
        Grid::Persistent { items, blocks } => format!(
            "at most {blocks} blocks of {threads} threads for {} items",
            show(kernel, items)
        ),
    };
    field(&mut out, "grid", &grid);
    match &variant.kernel.body {
        Body::Pipeline(pipeline) => print_pipeline(&mut out, pipeline),
        Body::Stepped(stepped) => print_stepped(&mut out, stepped),
        Body::Rows(rows) => {
            let held = rows.held.map_or("read again for each pass".to_owned(), |held| {
                format!("{held} elements of a row held by each thread")
            });
            field(
                &mut out,
                "rows",
                &format!(
                    "{} threads a row, {} rows a block, {} elements at once, {held}",
                    rows.threads_per_row, rows.rows_per_block, rows.vector
                ),
            );
        }
        Body::Scan(scan) => {
            field(&mut out, "scan", &format!("{} elements a thread", scan.per_thread))
        }
        Body::Points(points) => field(
            &mut out,
            "points",
            &format!("{} at once, {} threads each", points.vector, points.threads_per_point),
        ),
        Body::Select(select) => print_select(&mut out, kernel, select),
        Body::Ranks(ranks) => field(&mut out, "ranks", &format!("{} keys at a time", ranks.chunk)),
        Body::Within(_) => {}
    }
    out
}

fn field(out: &mut String, name: &str, text: &str) {
    line(out, &format!("      {name:<11} {text}"));
}

/// `a <= b`, or `x % 16 == 0` for what was taken apart as a remainder.
fn condition_text(kernel: &Kernel, condition: &Condition) -> String {
    let text = |id: IntId| show(kernel, id);
    match *condition {
        Condition::Equal(a, b) => format!("{} == {}", text(a), text(b)),
        Condition::AtMost(a, b) => format!("{} <= {}", text(a), text(b)),
    }
}

fn print_stepped(out: &mut String, stepped: &Stepped) {
    let [m, n, k] = stepped.tile;
    let split =
        if stepped.split > 1 { format!(", k in {} parts", stepped.split) } else { String::new() };
    field(out, "tile", &format!("m {m}, n {n}, k {k}; {} stages{split}", stepped.stages));
    let [rows, columns] = stepped.part;
    field(out, "unit", &format!("{:?}, parts of {rows} x {columns}", stepped.unit).to_lowercase());
    field(
        out,
        "copies",
        &format!("{} and {} elements at once", stepped.vector[0], stepped.vector[1]),
    );
    if let Some(every) = stepped.promote {
        field(out, "sums", &format!("added up in f32 every {every} of k"));
    }
}

fn print_select(out: &mut String, kernel: &Kernel, select: &Select) {
    let candidates = |of: &Candidates| {
        let bound = match of.bound {
            Bound::Candidates => String::new(),
            Bound::Sample => ", bounded by a sample".to_owned(),
            Bound::Row { per_thread } => format!(", bounded by a row of {per_thread} each"),
        };
        format!(
            "{} threads take {} elements each, {} at once; room for {} candidates{bound}",
            of.threads, of.per_thread, select.vector, of.capacity
        )
    };
    match &select.by {
        By::Warp { per_lane, packed } => {
            let (vector, bits) = (select.vector, if *packed { 32 } else { 64 });
            let text =
                format!("a warp per row, {per_lane} of {bits} bits a lane, {vector} at once");
            field(out, "select", &text);
        }
        By::Block(of) => field(out, "select", &format!("a block per row; {}", candidates(of))),
        By::Parts(parts) => {
            let (length, count, kept) = (show(kernel, parts.length), parts.count, parts.kept);
            let text = format!("{count} parts of {length} elements keep at most {kept} each");
            field(out, "select", &text);
            field(out, "part", &candidates(&parts.part));
            field(out, "join", &candidates(&parts.join));
        }
    }
}

fn print_pipeline(out: &mut String, pipeline: &Pipeline) {
    let [m, n, k] = pipeline.tile;
    let swapped = if pipeline.swapped { "; b on the row side" } else { "" };
    field(out, "tile", &format!("m {m}, n {n}, k {k}{swapped}"));
    if let Some(Dual { products: [first, second], .. }) = pipeline.dual {
        let half = pipeline.output_columns();
        let text = format!("{half} columns each of steps {first} and {second}, which share a");
        field(out, "dual", &text);
    }
    if pipeline.split > 1 {
        let meet = match pipeline.exchange {
            Exchange::None => "do not meet",
            Exchange::Cluster => "meet in the cluster",
            Exchange::Workspace => "meet in the workspace",
        };
        field(out, "split", &format!("k in {} parts that {meet}", pipeline.split));
    }
    if pipeline.cluster > 1 {
        let shared = match pipeline.multicast {
            Some(side) => format!(" that share {}", side_name(side)),
            None => String::new(),
        };
        field(out, "cluster", &format!("{} blocks{shared}", pipeline.cluster));
    }
    let raster = pipeline.raster;
    field(out, "order", &format!("bands of {} tiles of {}", raster.width, side_name(raster.band)));
    let instruction = pipeline.instruction;
    field(
        out,
        "instruction",
        &format!(
            "{} x {} x {} of {:?} and {:?}",
            instruction.rows,
            instruction.columns,
            instruction.depth,
            instruction.elements[0],
            instruction.elements[1]
        ),
    );
    let sums = match pipeline.accumulate {
        Accumulate::InPlace => "in place".to_owned(),
        Accumulate::Promote(every) => format!("added up every {every} of k"),
        Accumulate::Scale(every) => format!("scaled and added up every {every} of k"),
    };
    field(out, "sums", &sums);
    for channel in &pipeline.channels {
        let multicast = if channel.multicast { ", multicast" } else { "" };
        field(
            out,
            "channel",
            &format!(
                "{}: {} slots of {} bytes for {} of k, {} readers{multicast}",
                channel.name, channel.depth, channel.slot_bytes, channel.k, channel.consumers
            ),
        );
    }
    for role in &pipeline.roles {
        let registers =
            role.registers.map_or(String::new(), |count| format!(", {count} registers"));
        let name = format!("{:?}", role.kind).to_lowercase();
        field(
            out,
            &name,
            &format!(
                "{} x {} warps{registers}: {}",
                role.instances,
                role.warps,
                ops_text(pipeline, &role.body)
            ),
        );
    }
    field(
        out,
        "shared",
        &format!(
            "{} bytes, {} of them for results{}",
            pipeline.shared_bytes,
            pipeline.staging_bytes,
            match pipeline.put {
                Put::Rows => "",
                Put::Boxes => ", which leave as boxes",
            }
        ),
    );
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::A => "a",
        Side::B => "b",
    }
}

/// `fill, each operands { receive operands, multiply, release operands }, put`. Loops nest
/// no deeper than there are channels.
fn ops_text(pipeline: &Pipeline, ops: &[Op]) -> String {
    let name = |channel: usize| {
        pipeline.channels.get(channel).map_or("?", |channel| channel.name.as_str()).to_owned()
    };
    let text = |op: &Op| match op {
        Op::EachBlock(channel, body) => {
            format!("each {} {{ {} }}", name(*channel), ops_text(pipeline, body))
        }
        Op::Send(channel) => format!("send {}", name(*channel)),
        Op::Receive(channel) => format!("receive {}", name(*channel)),
        Op::Release(channel) => format!("release {}", name(*channel)),
        Op::Multiply(channel) => format!("multiply {}", name(*channel)),
        Op::Fill => "fill".to_owned(),
        Op::Accumulate => "accumulate".to_owned(),
        Op::Exchange => "exchange".to_owned(),
        Op::Put => "put".to_owned(),
    };
    ops.iter().map(text).collect::<Vec<_>>().join(", ")
}
