//! In which format an operand is multiplied, and whether that loses anything.

use tilec_ir::dataflow::Format;
use tilec_ir::plan;
use tilec_ir::tensor::{ExprKind, Kernel, Role, Scalar};
use tilec_ir::{Diagnostic, Kind};

use crate::dataflow::Draft;
use crate::tune::settings::{Given, Settings};

/// How an operand that is a plain read is multiplied.
pub(super) struct Plain {
    pub(super) format: Format,
    pub(super) fraction_bits: u32,
}

/// How a plain read is multiplied as it is; `None` where the vector unit comes first.
pub(super) fn plain(
    draft: &Draft<'_>,
    operand: &plan::Operand,
    settings: &Settings,
) -> Result<Option<Plain>, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let Some(element) = stored(kernel, operand) else { return Ok(None) };
    let plain = |format, fraction_bits| Ok(Some(Plain { format, fraction_bits }));
    match element {
        Scalar::Bf16 if settings.bfp8 && is_input(kernel, operand) => plain(Format::Bfp8, 6),
        Scalar::Bf16 => plain(Format::Bf16, 7),
        Scalar::F16 => plain(Format::F16, 10),
        Scalar::F32 if settings.tf32 || significant_bits(operand.element) <= 10 => {
            plain(Format::F32, 10)
        }
        Scalar::F32 => Err(no_license(kernel, operand)),
        Scalar::F8E4M3 if settings.fp8_native => native_e4m3(draft, operand),
        Scalar::F8E5M2 if settings.fp8_native => plain(Format::NativeE5M2, 2),
        Scalar::F8E4M3 | Scalar::F8E5M2 => Ok(None),
        Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Bool | Scalar::Idx(_) => Ok(None),
    }
}

fn is_input(kernel: &Kernel, operand: &plan::Operand) -> bool {
    match kernel.exprs[operand.expr].kind {
        ExprKind::Read(tensor, _) => kernel.tensors[tensor].role == Role::Input,
        _ => false,
    }
}

/// A word that changes neither operand is refused: who wrote it thinks that it does.
pub(super) fn check_words(
    kernel: &Kernel,
    contract: &plan::Contract,
    given: &Given<'_>,
) -> Result<(), Diagnostic> {
    let either = |holds: &dyn Fn(&plan::Operand) -> bool| holds(&contract.a) || holds(&contract.b);
    let bf16 = |x: &plan::Operand| stored(kernel, x) == Some(Scalar::Bf16) && is_input(kernel, x);
    let fp8 =
        |x: &plan::Operand| matches!(stored(kernel, x), Some(Scalar::F8E4M3 | Scalar::F8E5M2));
    let idle = given.places.iter().find_map(|setting| match setting.name.as_str() {
        "fp8" if !either(&fp8) => Some((setting.span, "fp8 = native", "an FP8 tensor")),
        "storage" if !either(&bf16) => Some((setting.span, "storage = bfp8", "a bf16 input")),
        _ => None,
    });
    let Some((span, word, wanted)) = idle else { return Ok(()) };
    let message = format!("`{word}` changes nothing: neither factor is {wanted} as it is stored");
    Err(Diagnostic::new(Kind::BadSetting, span, message)
        .with(kernel.exprs[contract.a.expr].span, "one factor")
        .with(kernel.exprs[contract.b.expr].span, "the other factor")
        .help("take it out, or multiply tensors that it is for"))
}

fn native_e4m3(draft: &Draft<'_>, operand: &plan::Operand) -> Result<Option<Plain>, Diagnostic> {
    if draft.tensix().native_e4m3 {
        return Ok(Some(Plain { format: Format::NativeE4M3, fraction_bits: 3 }));
    }
    let span = draft.plan.kernel.exprs[operand.expr].span;
    let message = format!("{} has no f8e4m3 of its own", draft.chip.title);
    Err(Diagnostic::new(Kind::BadSetting, span, message)
        .here("`fp8 = native` is set for this product")
        .help("take `fp8 = native` out: decoding is exact; or multiply f8e5m2"))
}

/// The 16-bit format that holds what the vector unit makes.
pub(super) fn widened(
    kernel: &Kernel,
    operand: &plan::Operand,
    other: Option<Scalar>,
) -> Result<Format, Diagnostic> {
    match (operand.element, other) {
        // Half of e5m2's subnormals are subnormals of f16, which the matrix unit drops.
        (Scalar::F16 | Scalar::F8E4M3, Some(Scalar::F16)) => Ok(Format::F16),
        (Scalar::Bf16 | Scalar::F8E4M3 | Scalar::F8E5M2, _) => Ok(Format::Bf16),
        (Scalar::F16, _) => Ok(Format::F16),
        (Scalar::U8 | Scalar::I8 | Scalar::Bool, _) => Ok(Format::Bf16),
        (Scalar::F32 | Scalar::I32 | Scalar::Idx(_), _) => Err(no_license(kernel, operand)),
    }
}

/// The bits of the fraction of a type's values.
pub(super) fn significant_bits(element: Scalar) -> u32 {
    match element {
        Scalar::F8E5M2 => 2,
        Scalar::F8E4M3 => 3,
        Scalar::Bf16 | Scalar::I8 | Scalar::U8 | Scalar::Bool => 7,
        Scalar::F16 => 10,
        Scalar::F32 => 23,
        Scalar::I32 | Scalar::Idx(_) => 31,
    }
}

/// The type of the elements that a plain operand reads.
pub(super) fn stored(kernel: &Kernel, operand: &plan::Operand) -> Option<Scalar> {
    let mut expr = operand.expr;
    loop {
        match kernel.exprs[expr].kind {
            ExprKind::Read(tensor, _) => return Some(kernel.tensors[tensor].element),
            // Widening keeps the value.
            ExprKind::Convert(inner) if kernel.exprs[expr].ty == Scalar::F32 => expr = inner,
            _ => return None,
        }
    }
}

fn no_license(kernel: &Kernel, operand: &plan::Operand) -> Diagnostic {
    let span = kernel.exprs[operand.expr].span;
    let message = "the matrix unit of Tensix multiplies f32 factors as tf32, with 10 fraction bits";
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here("this factor has 23")
        .help("allow it with `tf32 = yes` in a tile block, or convert the factors to bf16 or f16")
}
