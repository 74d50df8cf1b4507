//! What the quick way asks of PyTorch, looked up once.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use tilec_ir::Element;

use crate::cuda_exchange::{DlType, Exchange, type_address};
use crate::cuda_fast::Output;

/// A PyTorch that has DLPack's exchange API.
pub(crate) struct Torch {
    pub(crate) exchange: Exchange,
    /// `torch.Tensor` and `torch.nn.Parameter`, held so that their addresses stay theirs.
    plain: [Py<PyType>; 2],
    is_grad_enabled: Py<PyAny>,
    /// The module that knows whether gradients are carried forward.
    forward: Option<Py<PyAny>>,
    empty: Py<PyAny>,
}

static TORCH: PyOnceLock<Option<Torch>> = PyOnceLock::new();

impl Torch {
    /// PyTorch, if the program has imported it and it is recent enough.
    pub(crate) fn get(py: Python<'_>) -> PyResult<Option<&Self>> {
        if let Some(torch) = TORCH.get(py) {
            return Ok(torch.as_ref());
        }
        let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
        if !modules.contains(intern!(py, "torch"))? {
            return Ok(None);
        }
        Ok(TORCH.get_or_try_init(py, || Self::find(py))?.as_ref())
    }

    fn find(py: Python<'_>) -> PyResult<Option<Self>> {
        let torch = py.import("torch")?;
        let tensor = torch.getattr("Tensor")?.cast_into::<PyType>()?;
        let Some(exchange) = Exchange::of(&tensor) else { return Ok(None) };
        let parameter = torch.getattr("nn")?.getattr("Parameter")?.cast_into::<PyType>()?;
        let forward = torch.getattr("autograd").and_then(|it| it.getattr("forward_ad"));
        Ok(Some(Self {
            exchange,
            plain: [tensor.unbind(), parameter.unbind()],
            is_grad_enabled: torch.getattr("is_grad_enabled")?.unbind(),
            forward: forward.ok().map(Bound::unbind),
            empty: torch.getattr("empty")?.unbind(),
        }))
    }

    /// Whether its type is one of PyTorch's own, whose tensors have memory, and not a
    /// class that stands for tensors elsewhere.
    pub(crate) fn is_plain_tensor(&self, object: &Bound<'_, PyAny>) -> bool {
        let kind = type_address(object);
        self.plain.iter().any(|plain| plain.as_ptr() as usize == kind)
    }

    /// As the operators of PyTorch see it: not where gradients are switched off.
    pub(crate) fn wants_gradient(&self, tensor: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = tensor.py();
        Ok(tensor.getattr(intern!(py, "requires_grad"))?.is_truthy()?
            && self.is_grad_enabled.bind(py).call0()?.is_truthy()?)
    }

    /// Whether any tensor may carry a gradient forward.
    pub(crate) fn carries_forward(&self, py: Python<'_>) -> bool {
        let level = |module: &Py<PyAny>| {
            module.bind(py).getattr(intern!(py, "_current_level"))?.extract::<i64>()
        };
        // Where PyTorch no longer says so, the ordinary way asks each tensor.
        self.forward.as_ref().is_some_and(|module| level(module).map_or(true, |level| level >= 0))
    }

    /// Whether it is the lazily negated view of something.
    pub(crate) fn is_negated(&self, tensor: &Bound<'_, PyAny>) -> PyResult<bool> {
        tensor.call_method0(intern!(tensor.py(), "is_neg"))?.is_truthy()
    }

    /// A tensor for an output, on the current stream.
    pub(crate) fn empty<'py>(
        &self,
        py: Python<'py>,
        output: &Output,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.empty.bind(py).call(output.arguments.bind(py), Some(output.keywords.bind(py)))
    }
}

/// The element type of this name in a manifest.
pub(crate) fn element(name: &str) -> Option<Element> {
    use Element::{Bf16, Bool, F8E4M3, F8E5M2, F16, F32, I8, I32, U8};
    let all = [F32, Bf16, F16, F8E4M3, F8E5M2, I32, I8, U8, Bool];
    // An `idx` of any range is stored as an i32.
    all.into_iter().find(|e| e.name() == name).or_else(|| (name == "idx").then_some(I32))
}

/// An element type as DLPack writes it: `DLDataTypeCode` and bits.
pub(crate) fn dlpack_type(element: Element) -> DlType {
    let (code, bits) = match element {
        Element::I32 => (0, 32),
        Element::I8 => (0, 8),
        Element::U8 => (1, 8),
        Element::F32 => (2, 32),
        Element::F16 => (2, 16),
        Element::Bf16 => (4, 16),
        Element::Bool => (6, 8),
        Element::F8E4M3 => (10, 8),
        Element::F8E5M2 => (12, 8),
    };
    DlType { code, bits, lanes: 1 }
}

/// PyTorch's current stream on a GPU, a `cudaStream_t` as a number; the default stream
/// where PyTorch is not in use.
pub(crate) fn current_stream(py: Python<'_>, device: i32) -> PyResult<u64> {
    if let Some(torch) = Torch::get(py)? {
        return torch.exchange.stream(py, device);
    }
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    if !modules.contains(intern!(py, "torch"))? {
        return Ok(0);
    }
    let stream = py.import("torch.cuda")?.call_method1("current_stream", (device,))?;
    stream.getattr("cuda_stream")?.extract()
}
