//! Tensors read through DLPack's exchange API: a table of C functions that a framework
//! hangs on its tensor type as `__dlpack_c_exchange_api__` (DLPack 1.3; PyTorch since
//! 2.10). It shows a tensor's address, shape and type, and the current stream, in a
//! few nanoseconds, without a copy, a capsule or an owner.
//!
//! The layouts follow `dlpack.h`, which keeps them for all of version 1.
#![allow(unsafe_code, reason = "DLPack is a C interface")]

use std::ffi::{CStr, c_int, c_void};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyType};

/// The major version of DLPack whose layouts these are.
const MAJOR: u32 = 1;

/// `kDLCUDA` of DLPack.
pub(crate) const CUDA: i32 = 2;

/// Where a tensor lies.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DlDevice {
    pub(crate) kind: i32,
    pub(crate) index: i32,
}

/// The type of elements.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DlType {
    pub(crate) code: u8,
    pub(crate) bits: u8,
    pub(crate) lanes: u16,
}

/// A tensor; its shape and strides belong to whoever showed it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct DlTensor {
    pub(crate) data: *mut c_void,
    pub(crate) device: DlDevice,
    pub(crate) rank: i32,
    pub(crate) element: DlType,
    pub(crate) shape: *const i64,
    pub(crate) strides: *const i64,
    pub(crate) byte_offset: u64,
}

impl DlTensor {
    pub(crate) const EMPTY: Self = Self {
        data: std::ptr::null_mut(),
        device: DlDevice { kind: 0, index: 0 },
        rank: 0,
        element: DlType { code: 0, bits: 0, lanes: 0 },
        shape: std::ptr::null(),
        strides: std::ptr::null(),
        byte_offset: 0,
    };

    /// Where its first element lies.
    pub(crate) fn address(&self) -> u64 {
        self.data as u64 + self.byte_offset
    }

    /// Its dimensions, as long as the tensor is not changed.
    pub(crate) fn dimensions(&self) -> &[i64] {
        let rank = usize::try_from(self.rank).unwrap_or(0);
        if rank == 0 || self.shape.is_null() {
            return &[];
        }
        // SAFETY: DLPack says that `shape` has `rank` elements while the tensor lives,
        // and the caller holds the tensor.
        unsafe { std::slice::from_raw_parts(self.shape, rank) }
    }

    /// Its strides in elements; `None` for row-major order.
    pub(crate) fn strides(&self) -> Option<&[i64]> {
        if self.strides.is_null() {
            return None;
        }
        // SAFETY: as for the shape.
        Some(unsafe { std::slice::from_raw_parts(self.strides, self.dimensions().len()) })
    }

    /// Whether its elements are dense and row-major. Where there is none, or a
    /// dimension is 1, strides mean nothing.
    pub(crate) fn is_contiguous(&self) -> bool {
        let (shape, Some(strides)) = (self.dimensions(), self.strides()) else { return true };
        let mut expected: i64 = 1;
        shape.contains(&0)
            || shape.iter().zip(strides).rev().all(|(&size, &stride)| {
                let fits = size == 1 || stride == expected;
                expected = expected.saturating_mul(size);
                fits
            })
    }
}

type Show = unsafe extern "C" fn(*mut c_void, *mut DlTensor) -> c_int;
type CurrentStream = unsafe extern "C" fn(i32, i32, *mut *mut c_void) -> c_int;

/// The table, as `DLPackExchangeAPI` lays it out.
#[repr(C)]
struct Table {
    major: u32,
    minor: u32,
    previous: *const Table,
    allocate: *const c_void,
    own: *const c_void,
    wrap: *const c_void,
    show: Option<Show>,
    stream: Option<CurrentStream>,
}

/// The functions of one framework that are called here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    show: Show,
    stream: CurrentStream,
}

const NAME: &CStr = c"dlpack_exchange_api";

impl Exchange {
    /// The table on a type; `None` where it has none, or one of another version.
    pub(crate) fn of(kind: &Bound<'_, PyType>) -> Option<Self> {
        let attribute = kind.getattr(intern!(kind.py(), "__dlpack_c_exchange_api__")).ok()?;
        let capsule = attribute.cast_into::<PyCapsule>().ok()?;
        let mut table =
            capsule.pointer_checked(Some(NAME)).ok()?.as_ptr().cast_const().cast::<Table>();
        while !table.is_null() {
            // SAFETY: DLPack says that the tables of the chain live as long as the
            // process; their heads are alike in all versions.
            let (major, previous) = unsafe { ((*table).major, (*table).previous) };
            if major == MAJOR {
                // SAFETY: as above, and of the version whose layout this is.
                let (show, stream) = unsafe { ((*table).show, (*table).stream) };
                return Some(Self { show: show?, stream: stream? });
            }
            table = previous;
        }
        None
    }

    /// What the tensor is, without a new owner: good as long as `object` is held and
    /// not changed.
    pub(crate) fn show(self, object: &Bound<'_, PyAny>) -> PyResult<DlTensor> {
        let mut shown = DlTensor::EMPTY;
        // SAFETY: the object is of the type that the table was found on, the
        // interpreter's lock is held, and `shown` outlives the call.
        let failed = unsafe { (self.show)(object.as_ptr().cast(), &raw mut shown) };
        if failed == 0 { Ok(shown) } else { Err(PyErr::fetch(object.py())) }
    }

    /// The framework's current stream on a GPU, a `cudaStream_t` as a number.
    pub(crate) fn stream(self, py: Python<'_>, device: i32) -> PyResult<u64> {
        let mut stream = std::ptr::null_mut();
        // SAFETY: the interpreter's lock is held, and `stream` outlives the call.
        let failed = unsafe { (self.stream)(CUDA, device, &raw mut stream) };
        if failed == 0 { Ok(stream as u64) } else { Err(PyErr::fetch(py)) }
    }
}

/// The type of an object, as an address that is compared with known ones.
pub(crate) fn type_address(object: &Bound<'_, PyAny>) -> usize {
    // SAFETY: every object has a type.
    unsafe { ffi::Py_TYPE(object.as_ptr()) as usize }
}
