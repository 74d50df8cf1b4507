//! Broken tile programs are caught: each field of a program that verifies is changed,
//! and the verifier must say what is wrong.

use tilec_ir::tile::verify::{Limits, verify};
use tilec_ir::tile::{
    Accumulate, Body, Condition, Exchange, Grid, Op, Pipeline, Program, Put, Side, Stepped, Variant,
};
use tilec_passes::{compile_plan, normalize, recognize, specialize};

const LIMITS: Limits = Limits { shared_bytes: 232_448, registers: 65_536, cluster: 16 };

const GEMM: &str = "
kernel g[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K], sa: f32[M, ceil(K / 128)],
    sb: f32[ceil(N / 128), ceil(K / 128)]) -> (c: bf16[M, N])
{
    acc[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
    c[m, n]   = bf16(acc[m, n])
}";

const SOFTMAX: &str = "
kernel softmax[M, N](x: f32[M, N]) -> (y: f32[M, N])
{
    top[m]   = max[n](x[m, n])
    total[m] = sum[n](exp(x[m, n] - top[m]))
    y[m, n]  = exp(x[m, n] - top[m]) / total[m]
}";

/// What is stored between two products has a place.
const TWO: &str = "
kernel two[M, N](x: f32[M, N], w: f32[N, N]) -> (z: f32[M, N])
{
    y[m, n] = sum[k](x[m, k] * w[n, k])
    z[m, n] = sum[k](y[m, k] * w[k, n])
}";

fn program(text: &str, set: &[(&str, i64)]) -> Program {
    let checked = tilec_frontend::check(text);
    let kernel =
        checked.module.kernels.first().unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let set: Vec<_> = set.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let plan = recognize(&normalize(&specialize(kernel, &set).expect("the sizes exist")));
    let h200 = tilec_target::chip("h200").expect("it has a table");
    let program = compile_plan(plan, kernel, h200, &[]).expect("it compiles");
    assert_eq!(verify(&program, &LIMITS), Ok(()));
    program
}

#[track_caller]
fn check(program: &Program, change: impl FnOnce(&mut Program), expected: &str) {
    let mut broken = program.clone();
    change(&mut broken);
    let fault = verify(&broken, &LIMITS).expect_err(expected);
    assert!(fault.contains(expected), "`{fault}` does not say `{expected}`");
}

fn variant(program: &mut Program) -> &mut Variant {
    &mut program.steps[0].variants[0]
}

fn pipeline(program: &mut Program) -> &mut Pipeline {
    let Body::Pipeline(body) = &mut variant(program).kernel.body else { panic!("no pipeline") };
    body
}

fn stepped(program: &mut Program) -> &mut Stepped {
    let Some(Variant { kernel, .. }) = program.steps[0].variants.last_mut() else { panic!("none") };
    let Body::Stepped(body) = &mut kernel.body else { panic!("not stepped") };
    body
}

#[test]
fn steps_variants_and_names() {
    let good = program(GEMM, &[]);
    let one = good.plan.kernel.ints.clone().constant(1);
    check(&good, |p| p.steps.clear(), "steps are of the regions");
    check(&good, |p| p.steps[0].variants.clear(), "no variant");
    check(
        &good,
        |p| p.steps[0].variants.last_mut().expect("one").when.push(Condition::Equal(one, one)),
        "conditions",
    );
    check(
        &good,
        |p| p.steps[0].variants[1].kernel.name = p.steps[0].variants[0].kernel.name.clone(),
        "taken",
    );
    check(&good, |p| variant(p).kernel.name = "a__b".to_owned(), "identifier");
    check(&good, |p| variant(p).kernel.threads += 1, "threads");
    check(&good, |p| variant(p).kernel.threads += 32, "roles of");
    let rows = variant(&mut program(SOFTMAX, &[])).kernel.body.clone();
    check(&good, |p| variant(p).kernel.body = rows, "another kind of region");
}

#[test]
fn tiles_clusters_and_budgets() {
    let good = program(GEMM, &[("M", 4096), ("N", 4096), ("K", 7168)]);
    check(&good, |p| pipeline(p).tile[0] = 100, "not made of");
    check(&good, |p| pipeline(p).tile[0] = 192, "instances");
    check(&good, |p| pipeline(p).instruction.columns = 96, "not made of");
}

#[test]
fn parts_of_a_pipeline() {
    let good = program(GEMM, &[("M", 4000), ("N", 4352), ("K", 4096)]);
    let zero = good.plan.kernel.ints.clone().constant(0);
    let square = program(GEMM, &[("M", 4096), ("N", 4096), ("K", 7168)]);
    check(&square, |p| pipeline(p).swapped = true, "for results");
    let in_boxes = |p: &mut Program| (pipeline(p).swapped, pipeline(p).put) = (true, Put::Boxes);
    check(&square, in_boxes, "as wide as its boxes");
    check(&good, |p| pipeline(p).tiles[0] = zero, "tile counts");
    check(&good, |p| pipeline(p).split = 2, "parts meet");
    check(&good, |p| pipeline(p).exchange = Exchange::Cluster, "parts meet");
    check(&good, |p| pipeline(p).cluster = 3, "cover the output");
    check(&good, |p| pipeline(p).cluster = 32, "a cluster of 32");
    check(&good, |p| pipeline(p).multicast = None, "share");
    check(&good, |p| pipeline(p).multicast = Some(Side::B), "work items");
    check(&good, |p| pipeline(p).accumulate = Accumulate::InPlace, "partial sums");
    check(&good, |p| pipeline(p).accumulate = Accumulate::Promote(128), "partial sums");
    check(&good, |p| pipeline(p).accumulate = Accumulate::Scale(96), "partial sums");
    check(&good, |p| pipeline(p).partials = 0, "partial sums");
    check(&good, |p| pipeline(p).partials = 3, "registers");
    check(&good, |p| pipeline(p).staging_bytes += 16, "shared memory");
    check(&good, |p| pipeline(p).shared_bytes -= 16, "shared memory");
    check(&good, |p| pipeline(p).roles[0].instances += 1, "instances");
    check(&good, |p| pipeline(p).roles[0].registers = Some(248), "registers");
    check(&good, |p| pipeline(p).roles[1].registers = Some(23), "registers");
    let blocks = |p: &mut Program, count: u32| {
        let Grid::Persistent { blocks, .. } = &mut variant(p).kernel.grid else { panic!("grid") };
        *blocks = count;
    };
    check(&good, |p| blocks(p, 131), "in clusters of");
    check(
        &good,
        |p| variant(p).kernel.grid = Grid::Persistent { items: zero, blocks: 132 },
        "cover",
    );
    check(&good, |p| variant(p).kernel.grid = Grid::PerItem { items: zero }, "persistent");
}

#[test]
fn channels() {
    let good = program(GEMM, &[("M", 4096), ("N", 4096), ("K", 7168)]);
    let block = |p: &mut Program, change: &dyn Fn(&mut Vec<Op>)| {
        let body = &mut pipeline(p).roles[0].body;
        let block = body
            .iter_mut()
            .find_map(|op| if let Op::EachBlock(_, block) = op { Some(block) } else { None });
        change(block.expect("it loops"));
    };
    check(&good, |p| block(p, &|ops| ops.retain(|op| *op != Op::Release(0))), "not held");
    check(&good, |p| block(p, &|ops| ops.retain(|op| *op != Op::Release(1))), "released 0 times");
    check(&good, |p| block(p, &|ops| ops.push(Op::Release(1))), "released 2 times");
    check(&good, |p| block(p, &|ops| ops.retain(|op| *op != Op::Receive(1))), "received 0");
    check(&good, |p| block(p, &|ops| ops.push(Op::Send(1))), "for each other's");
    check(&good, |p| block(p, &|ops| ops.retain(|op| *op != Op::Multiply(0))), "fill, multiply");
    check(&good, |p| block(p, &|ops| ops.push(Op::Receive(7))), "no channel");
    check(
        &good,
        |p| pipeline(p).roles[0].body.retain(|op| *op != Op::Put),
        "fill, multiply and put",
    );
    check(&good, |p| pipeline(p).roles[0].body.reverse(), "fill, multiply and put");
    check(&good, |p| pipeline(p).roles[0].body.push(Op::Put), "twice");
    check(&good, |p| pipeline(p).roles[1].body.clear(), "does not only send");
    check(&good, |p| pipeline(p).channels[0].depth = 0, "nothing in it");
    check(&good, |p| pipeline(p).channels[0].consumers = 1, "read by");
    check(&good, |p| pipeline(p).channels[1].k *= 2, "pace");
    check(&good, |p| pipeline(p).channels[0].slot_bytes += 8, "16 bytes");
    // The one that loads waits for a slot that is given back only after the next comes.
    let deadlock = |p: &mut Program| {
        block(p, &|ops| {
            ops.retain(|op| !matches!(op, Op::Receive(_)));
            ops.splice(0..0, [Op::Receive(1), Op::Receive(0)]);
        });
        pipeline(p).roles[1].body =
            vec![Op::EachBlock(0, vec![Op::Send(0)]), Op::EachBlock(1, vec![Op::Send(1)])];
    };
    check(&good, deadlock, "for ever");
}

#[test]
fn stepped_contractions() {
    let good = program(GEMM, &[]);
    check(&good, |p| stepped(p).tile[0] = 48, "not made of");
    check(&good, |p| stepped(p).part = [0, 32], "empty");
    check(&good, |p| stepped(p).part = [16, 32], "parts of a block");
    check(&good, |p| stepped(p).promote = None, "never applied");
    check(&good, |p| stepped(p).promote = Some(96), "added up");
    check(&good, |p| stepped(p).stages = 0, "no stages");
    check(&good, |p| stepped(p).stages = 99, "shared memory");
    check(&good, |p| stepped(p).split = 2, "cover");
}

#[test]
fn rows() {
    let good = program(SOFTMAX, &[]);
    let rows = |p: &mut Program, change: &dyn Fn(&mut tilec_ir::tile::Rows)| {
        let Body::Rows(rows) = &mut variant(p).kernel.body else { panic!("no rows") };
        change(rows);
    };
    check(&good, |p| rows(p, &|r| r.threads_per_row = 24), "share a row");
    check(&good, |p| rows(p, &|r| r.rows_per_block += 1), "in a block of");
    check(&good, |p| rows(p, &|r| r.vector = 3), "at once");
    check(&good, |p| rows(p, &|r| r.held = Some(0)), "are held");
}

#[test]
fn workspaces() {
    let good = program(TWO, &[]);
    assert_eq!(good.workspace.len(), 1);
    let one = good.plan.kernel.ints.clone().constant(1);
    check(&good, |p| p.workspace.clear(), "has no place");
    check(&good, |p| p.workspace.push(p.workspace[0].clone()), "two places");
    check(&good, |p| p.workspace[0].offset = one, "256");
}
