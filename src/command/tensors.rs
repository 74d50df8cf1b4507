//! The arrays of a run: given in files or drawn, shown in a table, written.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use tilec::arrays::{self, Format, draw, npy, safetensors};
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Data, Element, Kernel, Launch};

use super::Stop;

/// A tensor's name and the file it is read from or written to.
pub(crate) type Named = (String, PathBuf);

/// Parses `NAME=PATH`.
pub(crate) fn named(text: &str) -> Result<Named, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), path.into()))
        }
        _ => Err("write it as NAME=PATH, for example `x=x.npy`".to_owned()),
    }
}

/// Reads the inputs that are given, in the order of the kernel's inputs.
pub(crate) fn read(kernel: &Kernel, given: &[Named]) -> Result<Vec<Option<Array>>, Stop> {
    check_names(kernel, Role::Input, "input", given)?;
    let inputs = kernel.tensors_of(Role::Input).map(|tensor| {
        let tensor = &kernel.tensors[tensor];
        let file = given.iter().find(|(name, _)| *name == tensor.name);
        file.map(|(_, path)| read_one(tensor, path)).transpose()
    });
    inputs.collect()
}

/// Checks where outputs are to be written, so that writing them can be relied on;
/// gives the names with paths that are equal only if the files are the same.
pub(crate) fn destinations(kernel: &Kernel, wanted: &[Named]) -> Result<Vec<Named>, Stop> {
    check_names(kernel, Role::Output, "output", wanted)?;
    let mut resolved: Vec<Named> = Vec::new();
    for (name, path) in wanted {
        let format = Format::of(path).map_err(Stop::Usage)?;
        let target = writable(path)
            .map_err(|e| Stop::Usage(format!("`{}` cannot be written: {e}", path.display())))?;
        let other = resolved.iter().find(|(_, other)| *other == target);
        if let (Format::Npy, Some((other, _))) = (format, other) {
            return Err(Stop::Usage(format!(
                "`{}` is given for both `{other}` and `{name}`, but a .npy file holds one array; use .safetensors for several",
                path.display()
            )));
        }
        resolved.push((name.clone(), target));
    }
    Ok(resolved)
}

/// The absolute path of a file that exists and may be written, or that may be
/// made where it stands.
fn writable(path: &Path) -> std::io::Result<PathBuf> {
    if path.exists() {
        std::fs::OpenOptions::new().write(true).open(path)?;
        return path.canonicalize();
    }
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    let folder = folder.canonicalize()?;
    tempfile::NamedTempFile::new_in(&folder)?;
    Ok(path.file_name().map_or(folder.clone(), |name| folder.join(name)))
}

/// Every name is a tensor of that role, and none is given twice.
fn check_names(kernel: &Kernel, role: Role, what: &str, given: &[Named]) -> Result<(), Stop> {
    let names: Vec<_> = kernel.tensors_of(role).map(|t| kernel.tensors[t].name.as_str()).collect();
    for (position, (name, _)) in given.iter().enumerate() {
        if !names.contains(&name.as_str()) {
            return Err(Stop::Usage(format!(
                "kernel `{}` has no {what} `{name}`; its {what}s are {}",
                kernel.name,
                names.join(", ")
            )));
        }
        if given[..position].iter().any(|(earlier, _)| earlier == name) {
            return Err(Stop::Usage(format!("the {what} `{name}` is given twice")));
        }
    }
    Ok(())
}

fn read_one(tensor: &Tensor, path: &Path) -> Result<Array, Stop> {
    let shown = path.display();
    if tensor.shape.is_empty()
        && let Some(scalar) = scalar(tensor, &path.to_string_lossy())
    {
        return Ok(scalar);
    }
    let format = Format::of(path).map_err(Stop::Usage)?;
    if path.is_dir() {
        return Err(Stop::Usage(format!("`{shown}`, given for `{}`, is a directory", tensor.name)));
    }
    super::memory::check_file(path, &tensor.name)?;
    let bytes = std::fs::read(path).map_err(|e| {
        Stop::Usage(format!("`{shown}`, given for `{}`, cannot be read: {e}", tensor.name))
    })?;
    arrays::decode(format, &bytes, &tensor.name, Element::of(tensor.element))
        .map_err(|reason| Stop::Usage(format!("`{shown}`, given for `{}`, {reason}", tensor.name)))
}

/// A scalar written on the command line; `None` if the text is no value of its type.
fn scalar(tensor: &Tensor, text: &str) -> Option<Array> {
    let mut array = Array::zeros(Element::of(tensor.element), &[])?;
    match array.element {
        Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
            array.set_f32(0, text.parse().ok()?);
        }
        Element::I32 => array.set_i32(0, text.parse().ok()?),
        Element::I8 => array.set_i32(0, text.parse::<i8>().ok()?.into()),
        Element::U8 => array.set_i32(0, text.parse::<u8>().ok()?.into()),
        Element::Bool => array.set_bool(0, text.parse().ok()?),
    }
    Some(array)
}

/// Draws the inputs that are missing.
pub(crate) fn complete(
    kernel: &Kernel,
    launch: &Launch,
    inputs: Vec<Option<Array>>,
    seed: u64,
) -> Result<Vec<Array>, Stop> {
    let tensors = kernel.tensors_of(Role::Input);
    let complete = tensors.zip(inputs).map(|(tensor, input)| match input {
        Some(array) => Ok(array),
        None => draw::draw(kernel, launch, tensor, seed).ok_or_else(|| {
            Stop::Target(format!(
                "not enough memory for the input `{}`",
                kernel.tensors[tensor].name
            ))
        }),
    });
    complete.collect()
}

/// Writes the outputs that are asked for; tensors that name the same
/// `.safetensors` file share it.
pub(crate) fn write(kernel: &Kernel, outputs: &[Array], wanted: &[Named]) -> Result<(), Stop> {
    let output = |name: &str| {
        let position = kernel.tensors_of(Role::Output).position(|t| kernel.tensors[t].name == name);
        &outputs[position.expect("names of outputs have been checked")]
    };
    for (position, (name, path)) in wanted.iter().enumerate() {
        let bytes = match Format::of(path).map_err(Stop::Usage)? {
            Format::Npy => npy::encode(output(name)),
            Format::Safetensors
                if wanted[..position].iter().any(|(_, earlier)| earlier == path) =>
            {
                continue;
            }
            Format::Safetensors => {
                let together = wanted.iter().filter(|(_, other)| other == path);
                safetensors::encode(
                    &together.map(|(n, _)| (n.as_str(), output(n))).collect::<Vec<_>>(),
                )
            }
        };
        std::fs::write(path, bytes)
            .map_err(|e| Stop::Usage(format!("`{}` cannot be written: {e}", path.display())))?;
    }
    Ok(())
}

/// A table of tensors: name, type, shape, norm and where it came from.
pub(crate) fn table<'a>(rows: impl Iterator<Item = (&'a Tensor, &'a Array, String)>) -> String {
    let mut table = new_table(&["tensor", "type", "shape", "norm", ""]);
    for (tensor, array, origin) in rows {
        let shape: Vec<_> = array.shape.iter().map(ToString::to_string).collect();
        let (shape, norm) = (shape.join(" x "), norm(array));
        table.add_row([&tensor.name, array.element.name(), &shape, &norm, &origin]);
    }
    format!("{table}\n")
}

/// An empty table in the one style that the command line uses.
pub(crate) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header.iter().copied());
    table
}

/// The Euclidean norm of the finite elements, and how many are not finite; of a
/// scalar its value.
fn norm(array: &Array) -> String {
    if array.shape.is_empty() {
        return match &array.data {
            Data::I32(values) => values[0].to_string(),
            // Debug, which writes very large and very small numbers with an exponent.
            Data::F32(_) | Data::B16(_) | Data::B8(_) => format!("{:?}", array.get_f32(0)),
        };
    }
    let values = (0..array.len()).map(|i| f64::from(array.get_f32(i)));
    let (mut sum, mut nan, mut infinite) = (0.0, 0u64, 0u64);
    for value in values {
        nan += u64::from(value.is_nan());
        infinite += u64::from(value.is_infinite());
        sum += if value.is_finite() { value * value } else { 0.0 };
    }
    let mut text = format!("{:.6e}", f64::sqrt(sum));
    for (count, what) in [(nan, "NaN"), (infinite, "infinite")] {
        if count > 0 {
            text += &format!(" + {count} {what}");
        }
    }
    text
}
