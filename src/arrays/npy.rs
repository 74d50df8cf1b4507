//! NumPy's `.npy`, through the crate npyz. FP8 and bf16 travel as uint8 and
//! uint16 bit patterns, because NumPy has no such types; f16 also as float16.

use half::f16;
use npyz::{DType, NpyFile, Order, TypeStr, WriteOptions, WriterBuilder};
use tilec_ir::{Array, Data, Element};

/// Reads an array whose elements are to be of type `wanted`.
pub fn decode(bytes: &[u8], wanted: Element) -> Result<Array, String> {
    check_header(bytes).map_err(|reason| format!("is not a .npy file: {reason}"))?;
    let file = NpyFile::new(bytes).map_err(|e| format!("is not a .npy file: {e}"))?;
    let shape: Vec<usize> = dimensions(file.shape())?;
    let order = file.order();
    let DType::Plain(dtype) = file.dtype() else {
        return Err("holds records, not a plain array".to_owned());
    };
    let data = elements(file, &dtype, wanted)?;
    if shape.iter().try_fold(1, |count: usize, &d| count.checked_mul(d)) != Some(data.len()) {
        return Err("is damaged: its shape and its data differ".to_owned());
    }
    let data = if order == Order::Fortran { to_row_major(data, &shape) } else { data };
    Ok(Array { element: wanted, shape, data })
}

/// Writes an array, as the types NumPy knows.
#[must_use]
pub fn encode(array: &Array) -> Vec<u8> {
    let mut out = Vec::new();
    match (&array.data, array.element) {
        (Data::F32(x), _) => write(&mut out, &array.shape, x.iter().copied()),
        (Data::I32(x), _) => write(&mut out, &array.shape, x.iter().copied()),
        (Data::B16(x), Element::F16) => {
            write(&mut out, &array.shape, x.iter().map(|&b| f16::from_bits(b)))
        }
        (Data::B16(x), _) => write(&mut out, &array.shape, x.iter().copied()),
        (Data::B8(x), Element::I8) => {
            write(&mut out, &array.shape, x.iter().map(|&b| b.cast_signed()))
        }
        (Data::B8(x), Element::Bool) => write(&mut out, &array.shape, x.iter().map(|&b| b != 0)),
        (Data::B8(x), _) => write(&mut out, &array.shape, x.iter().copied()),
    }
    out
}

/// The deepest nesting of brackets in a header: records have a few levels.
const DEEPEST_HEADER: usize = 8;

/// Refuses headers that the reader would recurse on, reserve memory for or
/// overflow with: the text is a dictionary of Python, with whatever in it.
fn check_header(bytes: &[u8]) -> Result<(), &'static str> {
    let header = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, rest @ ..] => {
            rest.get(..u16::from_le_bytes([*a, *b]).into())
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', _, _, a, b, c, d, rest @ ..] => {
            let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d]));
            length.ok().and_then(|length| rest.get(..length))
        }
        _ => return Err("it does not begin as one"),
    };
    let header = header.ok_or("its header is cut off")?;
    let mut depth = 0usize;
    for byte in header {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_HEADER {
            return Err("its header is nested too deeply");
        }
    }
    // The numbers of a header are its dimensions and a few small ones.
    let numbers = header.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let mut values = numbers.map(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    let product = values.try_fold(1u64, |product, n| product.checked_mul(n?.max(1)));
    product.map(|_| ()).ok_or("its shape has more elements than can be counted")
}

fn dimensions(shape: &[u64]) -> Result<Vec<usize>, String> {
    let fits = |&d: &u64| {
        usize::try_from(d)
            .map_err(|_| format!("has a dimension of {d}, too large for this machine"))
    };
    shape.iter().map(fits).collect()
}

fn elements(file: NpyFile<&[u8]>, dtype: &TypeStr, wanted: Element) -> Result<Data, String> {
    // `|`, `<` and `>` are byte orders, which npyz takes care of.
    let written = dtype.to_string();
    let kind = written.trim_start_matches(['|', '<', '>', '=']);
    match (wanted, kind) {
        (Element::F32, "f4") => Ok(Data::F32(read(file)?)),
        (Element::I32, "i4") => Ok(Data::I32(read(file)?)),
        (Element::F16, "f2") => {
            Ok(Data::B16(read::<f16>(file)?.into_iter().map(f16::to_bits).collect()))
        }
        (Element::Bf16 | Element::F16, "u2") => Ok(Data::B16(read(file)?)),
        (Element::F8E4M3 | Element::F8E5M2 | Element::U8, "u1") => Ok(Data::B8(read(file)?)),
        (Element::I8, "i1") => {
            Ok(Data::B8(read::<i8>(file)?.into_iter().map(i8::cast_unsigned).collect()))
        }
        (Element::Bool, "b1") => {
            Ok(Data::B8(read::<bool>(file)?.into_iter().map(u8::from).collect()))
        }
        _ => Err(format!(
            "holds {}, but {} is needed: {}",
            readable(kind),
            wanted.name(),
            advice(wanted)
        )),
    }
}

fn read<T: npyz::Deserialize>(file: NpyFile<&[u8]>) -> Result<Vec<T>, String> {
    file.into_vec().map_err(|e| format!("is damaged: {e}"))
}

/// NumPy's name of a type such as `f8`.
fn readable(kind: &str) -> String {
    let bits = kind
        .get(1..)
        .and_then(|n| n.parse::<u32>().ok())
        .map_or(0, |bytes| bytes.saturating_mul(8));
    match kind.get(..1) {
        Some("f") => format!("float{bits}"),
        Some("i") => format!("int{bits}"),
        Some("u") => format!("uint{bits}"),
        Some("b") => "bool".to_owned(),
        _ => format!("`{kind}`"),
    }
}

fn advice(wanted: Element) -> &'static str {
    match wanted {
        Element::F32 => "save it with .astype(np.float32)",
        Element::I32 => "save it with .astype(np.int32)",
        Element::Bf16 => {
            "save .astype(ml_dtypes.bfloat16).view(np.uint16), its bits, or use .safetensors"
        }
        Element::F16 => "save it with .astype(np.float16)",
        Element::F8E4M3 => {
            "save .astype(ml_dtypes.float8_e4m3fn).view(np.uint8), its bits, or use .safetensors"
        }
        Element::F8E5M2 => {
            "save .astype(ml_dtypes.float8_e5m2).view(np.uint8), its bits, or use .safetensors"
        }
        Element::I8 => "save it with .astype(np.int8)",
        Element::U8 => "save it with .astype(np.uint8)",
        Element::Bool => "save it with .astype(bool)",
    }
}

fn to_row_major(data: Data, shape: &[usize]) -> Data {
    match data {
        Data::F32(x) => Data::F32(transpose(&x, shape)),
        Data::I32(x) => Data::I32(transpose(&x, shape)),
        Data::B16(x) => Data::B16(transpose(&x, shape)),
        Data::B8(x) => Data::B8(transpose(&x, shape)),
    }
}

/// Column-major elements in row-major order.
fn transpose<T: Copy>(elements: &[T], shape: &[usize]) -> Vec<T> {
    let strides: Vec<usize> =
        shape.iter().scan(1, |next, &d| Some(std::mem::replace(next, *next * d))).collect();
    let mut at = vec![0; shape.len()];
    let mut out = Vec::with_capacity(elements.len());
    for _ in 0..elements.len() {
        out.push(elements[at.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()]);
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    out
}

fn write<T: npyz::AutoSerialize>(
    out: &mut Vec<u8>,
    shape: &[usize],
    elements: impl Iterator<Item = T>,
) {
    let shape: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
    let options = WriteOptions::new().default_dtype().shape(&shape).writer(out);
    let mut writer = options.begin_nd().expect("writing to memory succeeds");
    writer.extend(elements).expect("writing to memory succeeds");
    writer.finish().expect("as many elements as the shape says");
}
