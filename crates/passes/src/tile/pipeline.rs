//! The two skeletons of pipelines: who sends, receives and releases what.
//!
//! ```text
//! wide      load    each operands { send operands, send scales }
//!           compute fill, each operands { receive both, multiply, accumulate, release both }, put
//! swapped   load    each operands { send operands }
//!           scale   each scales { send scales }
//!           compute fill, each scales { receive scales, each operands { .. }, release scales },
//!                   exchange, put
//! ```
//!
//! In the wide one scales come with the operands of the same block of `k`; in the
//! swapped one, whose blocks are short, those of several blocks come at once.

use tilec_ir::tile::{
    Accumulate, Channel, Exchange, Instruction, Op, Pipeline, Put, Raster, Role, RoleKind, Side,
    Source,
};

use crate::tune::cut::{INSTRUCTION_ROWS, PipelineCut, instruction_depth};
use crate::tune::product::{Layout, Product, bytes};
use crate::tune::registers;
use crate::tune::symbols::Symbols;

const OPERANDS: usize = 0;
const SCALES: usize = 1;

/// Blocks of `k` whose scales come at once in the swapped skeleton.
pub(crate) const SCALES_AT_ONCE: u32 = 8;

/// Columns of a box of 16-bit results: the 128 bytes that a swizzle takes.
const BOX_COLUMNS: u32 = 64;

/// The shape of a pipeline: all but what depends on sizes.
pub(crate) struct Skeleton {
    pub(crate) channels: Vec<Channel>,
    pub(crate) roles: Vec<Role>,
    pub(crate) staging_bytes: u32,
    pub(crate) shared_bytes: u32,
}

/// The pipeline of a cut; `None` where its tile counts are too complex to state.
pub(crate) fn pipeline(
    sizes: &mut Symbols<'_>,
    product: &Product,
    cut: &PipelineCut,
) -> Option<Pipeline> {
    let tiles = [
        sizes.ceil(product.m, cut.tile[0])?,
        sizes.ceil(product.n, cut.output_columns())?,
        product.batch,
    ];
    let Skeleton { channels, roles, staging_bytes, shared_bytes } = skeleton(product, cut);
    let elements = product.operands.each_ref().map(|matrix| matrix.element);
    let k_major = product
        .operands
        .each_ref()
        .map(|matrix| matrix.lies().is_some_and(|lies| lies.layout == Layout::K));
    Some(Pipeline {
        tile: cut.tile,
        swapped: cut.swapped,
        tiles,
        dual: cut.dual,
        split: cut.split,
        exchange: if cut.split > 1 { Exchange::Cluster } else { Exchange::None },
        cluster: cut.cluster,
        multicast: cut.share,
        raster: Raster { band: if cut.swapped { Side::B } else { Side::A }, width: cut.band },
        instruction: Instruction {
            rows: INSTRUCTION_ROWS,
            columns: cut.columns,
            depth: instruction_depth(elements[0]),
            elements,
            k_major,
        },
        accumulate: cut.accumulate,
        partials: cut.partials,
        streams: cut.swapped.then_some(Side::B),
        put: if boxes(product, cut) { Put::Boxes } else { Put::Rows },
        channels,
        roles,
        staging_bytes,
        shared_bytes,
    })
}

/// Whether results may leave as boxes of 64 columns.
fn boxes(product: &Product, cut: &PipelineCut) -> bool {
    // Four boxes on top of scales and their partial sums are more than registers hold.
    let scaled = matches!(cut.accumulate, Accumulate::Scale(_));
    let fits = !scaled || cut.tile[1] <= 3 * BOX_COLUMNS;
    product.epilogue.boxed
        && cut.dual.is_none()
        && fits
        && !cut.swapped
        && cut.tile[1] >= BOX_COLUMNS
}

/// The items of a pipeline's grid: tiles of clusters.
pub(crate) fn items(sizes: &mut Symbols<'_>, pipeline: &Pipeline) -> Option<tilec_ir::IntId> {
    let [mut m, mut n, batch] = pipeline.tiles;
    match pipeline.multicast {
        // Those that share `b` take tiles below each other.
        Some(Side::B) => m = sizes.ceil(m, pipeline.sharers())?,
        Some(Side::A) => n = sizes.ceil(n, pipeline.sharers())?,
        None => {}
    }
    sizes.product([m, n, batch])
}

/// Channels, roles and budgets of a cut.
pub(crate) fn skeleton(product: &Product, cut: &PipelineCut) -> Skeleton {
    let channels = channels(product, cut);
    let staging_bytes = staging_bytes(cut);
    let slots: u32 = channels.iter().map(|channel| channel.depth * channel.slot_bytes).sum();
    let barriers = channels.iter().map(|channel| channel.depth).sum();
    let shared_bytes = slots + staging_bytes + Pipeline::barrier_bytes(barriers);
    let registers = registers::asked(product, cut);
    let roles = if cut.swapped {
        swapped_roles(cut, &channels, registers)
    } else {
        wide_roles(cut, &channels, registers)
    };
    Skeleton { channels, roles, staging_bytes, shared_bytes }
}

fn channels(product: &Product, cut: &PipelineCut) -> Vec<Channel> {
    let k_bytes = cut.tile[2] * bytes(product.operands[0].element);
    let mut channels = vec![Channel {
        name: "operands".to_owned(),
        source: Source::Operands,
        k: cut.tile[2],
        depth: cut.stages,
        slot_bytes: (cut.tile[0] + cut.tile[1]) * k_bytes,
        consumers: cut.instances,
        multicast: cut.share.is_some(),
    }];
    let Accumulate::Scale(period) = cut.accumulate else { return channels };
    let periods = |k: u32| k / period;
    let (k, depth, floats) = if cut.swapped {
        let k = SCALES_AT_ONCE * product.k_block();
        let depth = if cut.tile[0] > 64 { 3 } else { 4 };
        // Those along the columns of the output are multiplied in as they are loaded. Four
        // words more, so that periods that are written at once lie in different banks.
        (k, depth, periods(k) * (cut.tile[0] + 4))
    } else {
        // As many along the columns as blocks of 8 that may differ.
        let columns = (cut.tile[1] / 8).next_multiple_of(4);
        (cut.tile[2], cut.stages, periods(cut.tile[2]) * (cut.tile[0] + columns))
    };
    channels.push(Channel {
        name: "scales".to_owned(),
        source: Source::Scales,
        k,
        depth,
        slot_bytes: (4 * floats).next_multiple_of(16),
        consumers: cut.instances,
        multicast: false,
    });
    channels
}

/// Wide: two buffers of 16 rows of 128 bytes per warp. Swapped: the sums of the tile,
/// one plane for each instance of the same rows, padded against bank conflicts.
fn staging_bytes(cut: &PipelineCut) -> u32 {
    if cut.swapped {
        let planes = (cut.instances * INSTRUCTION_ROWS / cut.tile[1]).max(1);
        planes * cut.tile[0] * (cut.tile[1] + 4) * 4
    } else {
        cut.instances * 4 * 2 * 16 * 128
    }
}

/// Registers that loading and multiplying roles ask for.
type Registers = (Option<u32>, Option<u32>);

fn wide_roles(cut: &PipelineCut, channels: &[Channel], (load, compute): Registers) -> Vec<Role> {
    let sends = (0..channels.len()).map(Op::Send).collect();
    let receives = (0..channels.len()).map(Op::Receive);
    let releases = (0..channels.len()).map(Op::Release);
    let mut block: Vec<Op> = receives.collect();
    block.push(Op::Multiply(OPERANDS));
    block.extend((cut.partials > 0).then_some(Op::Accumulate));
    block.extend(releases);
    let body = vec![Op::Fill, Op::EachBlock(OPERANDS, block), Op::Put];
    vec![
        Role {
            kind: RoleKind::Compute,
            warps: 4,
            instances: cut.instances,
            registers: compute,
            body,
        },
        Role {
            kind: RoleKind::Load,
            warps: 4,
            instances: 1,
            registers: load,
            body: vec![Op::EachBlock(OPERANDS, sends)],
        },
    ]
}

fn swapped_roles(cut: &PipelineCut, channels: &[Channel], (load, compute): Registers) -> Vec<Role> {
    let scaled = channels.len() > SCALES;
    let loader = |warps, channel| Role {
        kind: RoleKind::Load,
        warps,
        instances: 1,
        registers: load,
        body: vec![Op::EachBlock(channel, vec![Op::Send(channel)])],
    };
    let mut roles = vec![loader(if scaled { 1 } else { 4 }, OPERANDS)];
    roles.extend(scaled.then(|| loader(3, SCALES)));
    let mut block = vec![Op::Receive(OPERANDS), Op::Multiply(OPERANDS)];
    block.extend((cut.partials > 0).then_some(Op::Accumulate));
    block.push(Op::Release(OPERANDS));
    let blocks = Op::EachBlock(OPERANDS, block);
    let all = if scaled {
        let chunk = vec![Op::Receive(SCALES), blocks, Op::Release(SCALES)];
        Op::EachBlock(SCALES, chunk)
    } else {
        blocks
    };
    let mut body = vec![Op::Fill, all];
    body.extend((cut.split > 1).then_some(Op::Exchange));
    body.push(Op::Put);
    roles.push(Role {
        kind: RoleKind::Compute,
        warps: 4,
        instances: cut.instances,
        registers: compute,
        body,
    });
    roles
}
