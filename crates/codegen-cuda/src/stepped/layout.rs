//! What a stepped contraction is made of: the units that multiply, the tiles in
//! shared memory, and the way in which each operand gets there.

use tilec_ir::plan::{Axis, Contract, Operand, Told};
use tilec_ir::tensor::{Equation, Tensor, Var};
use tilec_ir::tile::{self, Unit};
use tilec_ir::{Id, IntId, Kernel, Scalar};

use crate::device::Header;
use crate::types;

/// The most pieces of an operand's tile that a thread holds in registers.
const MOST_HELD: u32 = 8;

/// The numbers of a stepped contraction.
#[derive(Debug)]
pub(super) struct Layout<'p> {
    pub(super) contract: &'p Contract,
    /// The equation of the sum.
    pub(super) sum: &'p Equation,
    /// Rows of `a`, rows of `b`, elements of k.
    pub(super) tile: [u32; 3],
    /// Rows and columns of a warp's or, on plain units, a thread's part.
    pub(super) part: [u32; 2],
    pub(super) stages: u32,
    pub(super) unit: Unit,
    pub(super) split: u32,
    pub(super) promote: Option<u32>,
    pub(super) threads: u32,
    pub(super) a: Side<'p>,
    pub(super) b: Side<'p>,
}

/// An operand.
#[derive(Debug)]
pub(super) struct Side<'p> {
    /// "a" or "b", for names.
    pub(super) name: &'static str,
    pub(super) operand: &'p Operand,
    /// Whether its rows are the rows of the result.
    pub(super) is_a: bool,
    /// Rows of a tile.
    pub(super) rows: u32,
    /// Elements of k of a tile.
    pub(super) depth: u32,
    /// What the unit reads.
    pub(super) element: Scalar,
    /// Whether lines of the tile lie along k; else along the rows.
    pub(super) k_inner: bool,
    /// Elements from one line to the next.
    pub(super) line: u32,
    pub(super) way: Way,
}

/// How an operand gets into shared memory.
#[derive(Debug)]
pub(super) enum Way {
    /// A strided tensor, as its elements are, by asynchronous copies of so many.
    Copied(Strided, u32),
    /// A strided tensor through registers, so many elements at once.
    Held(Strided, u32),
    /// A strided tensor, element by element: there are too many to hold them.
    Moved(Strided),
    /// Computed element by element.
    Computed,
}

/// Where a plain operand lies: element (row, k) is `row_stride * row + k_stride * k`
/// from its batch's first.
#[derive(Clone, Debug)]
pub(super) struct Strided {
    pub(super) tensor: Id<Tensor>,
    /// By dimension: its place, and the sizes whose product is the stride.
    pub(super) batch: Vec<(Begin, Vec<IntId>)>,
    pub(super) row: Vec<IntId>,
    pub(super) k: Vec<IntId>,
}

/// Where an operand's batch begins along a dimension.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin {
    /// At the batch variable at this position.
    Variable(usize),
    /// At an index that is data.
    Index(IntId),
    /// At what is the index of row 0.
    Row(IntId),
}

impl Strided {
    /// Whether k, not a row, is innermost.
    pub(super) fn is_along_k(&self) -> bool {
        self.k.is_empty() || !self.row.is_empty()
    }

    /// Whether either is innermost, so that neighbors are neighbors in memory.
    fn has_lines(&self) -> bool {
        self.k.is_empty() || self.row.is_empty()
    }
}

impl<'p> Layout<'p> {
    pub(super) fn new(
        kernel: &Kernel,
        contract: &'p Contract,
        sum: &'p Equation,
        body: &tile::Stepped,
    ) -> Self {
        let [m, n, k] = body.tile;
        let parts = (m / body.part[0]) * (n / body.part[1]);
        let is_plain = body.unit == Unit::Scalar;
        let element = |operand: &Operand| unit_element(body.unit, contract.accumulator, operand);
        let side = |name, is_a, operand: &'p Operand, rows: u32, vector: u32| {
            let element = element(operand);
            let threads = if is_plain { parts } else { 32 * parts };
            let pieces = (rows * k / vector.max(1)).div_ceil(threads);
            let own = if is_a { &contract.m } else { &contract.n };
            let strided =
                strided(kernel, operand).or_else(|| gathered(kernel, contract, operand, own));
            let way = way(kernel, strided, element, vector, body.unit, pieces);
            let k_inner = k_inner(&way, body.unit, element);
            // An odd number of 16 bytes keeps neighboring lines in different banks.
            let along = if k_inner { k } else { rows };
            let line = along + 16 / types::bytes(element);
            Side { name, operand, is_a, rows, depth: k, element, k_inner, line, way }
        };
        Self {
            contract,
            sum,
            tile: body.tile,
            part: body.part,
            stages: body.stages.max(2),
            unit: body.unit,
            split: body.split.max(1),
            promote: body.promote,
            threads: if is_plain { parts } else { 32 * parts },
            a: side("a", true, &contract.a, m, body.vector[0]),
            b: side("b", false, &contract.b, n, body.vector[1]),
        }
    }

    /// Whether the unit is a matrix unit.
    pub(super) fn is_matrix(&self) -> bool {
        self.unit != Unit::Scalar
    }

    /// Whether some operand comes by asynchronous copies.
    pub(super) fn copies(&self) -> bool {
        [&self.a, &self.b].iter().any(|side| matches!(side.way, Way::Copied(..)))
    }

    /// Whether one operand of a batch is copied while the other is computed.
    pub(super) fn copies_beside_computing(&self) -> bool {
        let sides = [&self.a, &self.b];
        !self.contract.batch.is_empty()
            && sides.iter().any(|side| matches!(side.way, Way::Copied(..)))
            && sides.iter().any(|side| matches!(side.way, Way::Computed))
    }

    /// Whether some operand is written to its tile at once.
    pub(super) fn fills(&self) -> bool {
        [&self.a, &self.b].iter().any(|side| !matches!(side.way, Way::Held(..)))
    }

    /// Whether some operand goes through registers.
    pub(super) fn holds(&self) -> bool {
        [&self.a, &self.b].iter().any(|side| matches!(side.way, Way::Held(..)))
    }

    /// Dynamic shared memory: the stages, and later the sums in the same place.
    pub(super) fn shared_bytes(&self) -> u32 {
        let sums = self.tile[0] * (self.tile[1] + 4) * 4;
        (self.stages * (self.a.bytes() + self.b.bytes())).max(sums)
    }

    /// The C++ type of a sum.
    pub(super) fn sum_type(&self) -> &'static str {
        types::element(self.contract.accumulator)
    }

    /// The device headers that every such function needs.
    pub(super) fn headers(&self) -> Vec<Header> {
        let multiply = if self.is_matrix() { Header::Fragment } else { Header::Outer };
        vec![Header::Shared, Header::Lines, multiply]
    }

    /// The instruction, as a structure of mma.cuh.
    pub(super) fn instruction(&self) -> String {
        let name = |side: &Side<'_>| match side.element {
            Scalar::F8E4M3 => "E4m3",
            Scalar::F8E5M2 => "E5m2",
            Scalar::U8 => "U8",
            Scalar::F32
            | Scalar::Bf16
            | Scalar::F16
            | Scalar::I32
            | Scalar::I8
            | Scalar::Bool
            | Scalar::Idx(_) => "I8",
        };
        match self.unit {
            Unit::Bf16 => "tilec::MmaBf16".to_owned(),
            Unit::F16 => "tilec::MmaF16".to_owned(),
            Unit::Tf32 => "tilec::MmaTf32".to_owned(),
            Unit::I8 | Unit::Fp8 => format!("tilec::Mma{}{}", name(&self.a), name(&self.b)),
            Unit::Scalar => unreachable!("plain arithmetic has no instruction"),
        }
    }
}

impl Side<'_> {
    /// Bytes of a tile.
    pub(super) fn bytes(&self) -> u32 {
        let lines = if self.k_inner { self.rows } else { self.depth };
        lines * self.line * types::bytes(self.element)
    }

    /// "M_TILE" or "N_TILE".
    pub(super) fn tile_name(&self) -> &'static str {
        if self.is_a { "M_TILE" } else { "N_TILE" }
    }

    /// "m" or "n".
    pub(super) fn axis(&self) -> &'static str {
        if self.is_a { "m" } else { "n" }
    }
}

/// What the unit reads of an operand.
fn unit_element(unit: Unit, accumulator: Scalar, operand: &Operand) -> Scalar {
    match unit {
        Unit::Scalar => accumulator,
        Unit::Bf16 => Scalar::Bf16,
        Unit::F16 => Scalar::F16,
        Unit::Tf32 => Scalar::F32,
        Unit::Fp8 => operand.element,
        Unit::I8 if operand.element == Scalar::U8 => Scalar::U8,
        Unit::I8 => Scalar::I8,
    }
}

/// Matrix units read lines along k; 16-bit elements they can also read across. Plain
/// units read lines along the rows.
fn k_inner(way: &Way, unit: Unit, element: Scalar) -> bool {
    if unit == Unit::Scalar {
        return false;
    }
    match way {
        Way::Copied(strided, _) | Way::Held(strided, _) | Way::Moved(strided) => {
            strided.is_along_k() || types::bytes(element) != 2
        }
        Way::Computed => true,
    }
}

fn way(
    kernel: &Kernel,
    strided: Option<Strided>,
    element: Scalar,
    vector: u32,
    unit: Unit,
    pieces: u32,
) -> Way {
    let Some(strided) = strided else { return Way::Computed };
    let vector = if strided.has_lines() { vector.max(1) } else { 1 };
    let stored = kernel.tensors[strided.tensor].element;
    // Lines of shared memory lie as those of the tensor do.
    let alike = match unit {
        Unit::Scalar => !strided.is_along_k(),
        Unit::Bf16 | Unit::F16 | Unit::Tf32 | Unit::I8 | Unit::Fp8 => {
            strided.is_along_k() || types::bytes(element) == 2
        }
    };
    let bytes = vector * types::bytes(stored);
    if stored == element && alike && strided.has_lines() && matches!(bytes, 4 | 8 | 16) {
        return Way::Copied(strided, vector);
    }
    if pieces > MOST_HELD { Way::Moved(strided) } else { Way::Held(strided, vector) }
}

/// Where an operand lies, if it is a plain read whose elements mean what they hold.
fn strided(kernel: &Kernel, operand: &Operand) -> Option<Strided> {
    let read = operand.read.as_ref()?;
    let tensor = &kernel.tensors[read.tensor];
    // What is stored as 0 or 1, or is clamped when it is read, is not its bits.
    if matches!(tensor.element, Scalar::Bool | Scalar::Idx(_)) || tensor.shape.is_empty() {
        return None;
    }
    let after = |at: usize| tensor.shape[at + 1..].to_vec();
    let mut found =
        Strided { tensor: read.tensor, batch: Vec::new(), row: Vec::new(), k: Vec::new() };
    let (mut row, mut k) = (None, None);
    for (at, axis) in read.axes.iter().enumerate() {
        match axis {
            Axis::Batch(batch) => found.batch.push((Begin::Variable(*batch), after(at))),
            Axis::Row(_) => row = Some(at),
            Axis::K(_) => k = Some(at),
        }
    }
    // An operand without rows is a vector: its one row has no stride.
    found.k = after(k?);
    match row {
        Some(row) => found.row = after(row),
        None => return None,
    }
    Some(found)
}

/// Where an operand lies whose batch begins where data says.
fn gathered(
    kernel: &Kernel,
    contract: &Contract,
    operand: &Operand,
    rows: &[Id<Var>],
) -> Option<Strided> {
    let (tensor, dims) = contract.gathered(kernel, operand, rows)?;
    let Tensor { element, shape, .. } = &kernel.tensors[tensor];
    if matches!(element, Scalar::Bool | Scalar::Idx(_)) {
        return None;
    }
    let mut found = Strided { tensor, batch: Vec::new(), row: Vec::new(), k: Vec::new() };
    for (at, dim) in dims.into_iter().enumerate() {
        let after = shape[at + 1..].to_vec();
        match dim {
            Told::Row => found.row = after,
            Told::RowFrom(index) => {
                found.batch.push((Begin::Row(index), after.clone()));
                found.row = after;
            }
            Told::K => found.k = after,
            Told::Batch(index) => found.batch.push((Begin::Index(index), after)),
        }
    }
    Some(found)
}
