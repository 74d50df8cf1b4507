//! Launchers of many programs, compiled together as the host sees them.
//!
//! A launcher stands behind the device headers of its program and the declarations of
//! its kernels, which are compiled elsewhere. Programs with the same headers share a
//! unit, unless they share a name.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::nvcc::{self, Make};
use crate::pieces::{Piece, Pieces};

/// Launchers of one unit.
const MOST: usize = 16;

/// A launcher, and what it stands behind.
#[derive(Clone, Debug)]
pub(crate) struct Launcher<'a> {
    /// Of which program, as compilers are to say.
    pub(crate) program: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) pieces: &'a Pieces<'a>,
}

impl<'a> Launcher<'a> {
    /// What can be there once.
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let Pieces { kernels, launcher, .. } = self.pieces;
        kernels.iter().chain([launcher]).map(|piece| piece.name)
    }
}

/// Compiles launchers. An error is everything that nvcc said.
pub(crate) fn compile(launchers: &[Launcher<'_>]) -> Result<(), String> {
    let units = units(launchers);
    let said = nvcc::parallel(&units, |unit| {
        nvcc::compile(&text(&unit.launchers), unit.launchers[0].arch, Make::Object).err()
    });
    let said: String = said.into_iter().flatten().collect();
    if said.is_empty() { Ok(()) } else { Err(said) }
}

#[derive(Default)]
struct Unit<'a> {
    launchers: Vec<&'a Launcher<'a>>,
    names: BTreeSet<&'a str>,
}

impl<'a> Unit<'a> {
    fn takes(&self, launcher: &Launcher<'a>) -> bool {
        let alike = |other: &&Launcher<'_>| {
            (other.arch, other.pieces.headers) == (launcher.arch, launcher.pieces.headers)
        };
        self.launchers.len() < MOST
            && self.launchers.first().is_none_or(alike)
            && launcher.names().all(|name| !self.names.contains(name))
    }
}

fn units<'a>(launchers: &'a [Launcher<'a>]) -> Vec<Unit<'a>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for launcher in launchers {
        let at = units.iter().position(|unit| unit.takes(launcher)).unwrap_or_else(|| {
            units.push(Unit::default());
            units.len() - 1
        });
        units[at].names.extend(launcher.names());
        units[at].launchers.push(launcher);
    }
    units.sort_by_key(|unit| std::cmp::Reverse(unit.launchers.len()));
    units
}

fn text(launchers: &[&Launcher<'_>]) -> String {
    let mut text = launchers[0].pieces.headers.to_owned();
    for Launcher { program, pieces, .. } in launchers {
        let kernels = pieces.kernels.iter().map(|kernel| (kernel.line, declaration(kernel)));
        let launcher = (pieces.launcher.line, pieces.launcher.text.to_owned());
        for (line, piece) in kernels.chain([launcher]) {
            writeln!(text, "#line {line} \"{program}\"\n{piece}").expect("a string takes all text");
        }
    }
    text
}

/// A kernel without its body.
fn declaration(kernel: &Piece<'_>) -> String {
    let (head, _) = kernel.text.split_once("\n{\n").expect("a function has a body");
    format!("{head};")
}
