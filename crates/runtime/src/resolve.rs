//! What a launch with certain sizes does: a [`Manifest`] with every formula
//! computed, so that a repeated launch computes none.
//!
//! Everything is computed exactly; sizes that a check refuses, and numbers that
//! leave their range, are [`Error::Refused`] with the sentence that the C launcher
//! has for them. Nothing here needs a GPU.

#[cfg(test)]
mod tests;

use tilec_manifest::{
    Argument, Base, Formula, Launch, Manifest, MapElement, Parameter, Swizzle, TensorMap, sentences,
};

use crate::error::Error;

/// A launch of a whole program with certain sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Bytes of scratch memory.
    pub workspace_bytes: u64,
    /// The bytes of each argument, in the order of the manifest.
    pub argument_bytes: Vec<u64>,
    /// Launches with at least one block, in order.
    pub launches: Vec<ResolvedLaunch>,
}

/// One launch of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedLaunch {
    /// The function's name.
    pub function: String,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: [u32; 3],
    /// Blocks of a cluster.
    pub cluster: [u32; 3],
    /// Dynamic shared memory.
    pub shared_bytes: u32,
    /// What is passed.
    pub parameters: Vec<Passed>,
}

/// What is passed for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The address of this place.
    Address(Place),
    /// The scalar at this position of the arguments.
    Scalar(usize),
    /// This integer.
    Size(i64),
    /// A tensor map; `None` is 128 zero bytes.
    Map(Option<ResolvedMap>),
}

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the argument at this position.
    Argument(usize),
    /// So many bytes into the workspace.
    Workspace(u64),
}

/// A tensor map but for its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedMap {
    /// Where the tensor starts.
    pub base: Place,
    /// What it is called in messages.
    pub name: String,
    /// The type of its elements.
    pub element: MapElement,
    /// Elements per dimension, innermost first.
    pub sizes: Vec<u64>,
    /// Bytes from one to the next, of all dimensions but the first.
    pub strides: Vec<u64>,
    /// Elements of a box per dimension.
    pub tile: Vec<u32>,
    /// How rows of a box are permuted.
    pub swizzle: Swizzle,
}

/// Computes everything that a launch with these sizes, in the order of the
/// manifest, needs.
pub fn resolve(manifest: &Manifest, sizes: &[i64]) -> Result<Resolved, Error> {
    let context = Context { manifest, sizes };
    context.check_sizes()?;
    let argument_bytes = manifest.arguments.iter().map(|argument| context.bytes(argument));
    let argument_bytes = argument_bytes.collect::<Result<_, _>>()?;
    let workspace_bytes = context.natural(&manifest.workspace_bytes, "the workspace")?;
    let mut launches = Vec::new();
    for step in &manifest.steps {
        let mut variants = step.variants.iter();
        let holds = |size| move |c: &tilec_manifest::Condition| c.holds(size) == Some(true);
        let value = |name: &str| context.size(name);
        let chosen = variants.find(|variant| variant.when.iter().all(holds(&value)));
        let chosen = chosen.ok_or_else(|| {
            Error::Manifest(format!("no variant of {} fits these sizes", step.computes.join(", ")))
        })?;
        for launch in &chosen.launches {
            launches.extend(context.launch(launch)?);
        }
    }
    Ok(Resolved { workspace_bytes, argument_bytes, launches })
}

struct Context<'a> {
    manifest: &'a Manifest,
    sizes: &'a [i64],
}

impl Context<'_> {
    fn size(&self, name: &str) -> Option<i64> {
        let at = self.manifest.sizes.iter().position(|size| size.name == name)?;
        self.sizes.get(at).copied()
    }

    fn check_sizes(&self) -> Result<(), Error> {
        let parameters = &self.manifest.sizes;
        if self.sizes.len() != parameters.len() {
            return Err(Error::Refused(format!(
                "{} sizes are given, and {} has {}",
                self.sizes.len(),
                self.manifest.kernel,
                parameters.len()
            )));
        }
        for (parameter, value) in parameters.iter().zip(self.sizes) {
            if !(0..=sentences::LARGEST_SIZE).contains(value) {
                return Err(Error::Refused(sentences::size(&parameter.name, value)));
            }
        }
        for check in &self.manifest.checks {
            if check.condition.holds(&|name| self.size(name)) != Some(true) {
                return Err(Error::Refused(check.message.clone()));
            }
        }
        Ok(())
    }

    fn bytes(&self, argument: &Argument) -> Result<u64, Error> {
        let mut bytes = u64::from(argument.element_bytes);
        for (at, formula) in argument.shape.iter().enumerate() {
            let dimension = self.value(formula, &argument.name)?;
            let inside =
                u64::try_from(dimension).ok().filter(|_| dimension <= sentences::LARGEST_SIZE);
            let inside = inside.ok_or_else(|| {
                Error::Refused(sentences::dimension(&argument.name, at, dimension))
            })?;
            let too_many = || Error::Refused(sentences::elements(&argument.name));
            bytes =
                bytes.checked_mul(inside).filter(|&b| b <= i64::MAX as u64).ok_or_else(too_many)?;
        }
        Ok(bytes)
    }

    fn value(&self, formula: &Formula, what: &str) -> Result<i64, Error> {
        let value = formula.eval(&|name| self.size(name));
        value.ok_or_else(|| Error::Refused(sentences::overflow(what)))
    }

    fn natural(&self, formula: &Formula, what: &str) -> Result<u64, Error> {
        let value = self.value(formula, what)?;
        u64::try_from(value).map_err(|_| Error::Refused(sentences::overflow(what)))
    }

    /// `None` where the grid has no block.
    fn launch(&self, launch: &Launch) -> Result<Option<ResolvedLaunch>, Error> {
        let name = &launch.function;
        let mut grid = [0; 3];
        for (at, formula) in launch.grid.iter().enumerate() {
            let blocks = self.natural(formula, name)?;
            let fits = blocks <= sentences::LARGEST_GRID[at].cast_unsigned();
            grid[at] = u32::try_from(blocks)
                .ok()
                .filter(|_| fits)
                .ok_or_else(|| Error::Refused(sentences::grid(name)))?;
        }
        if grid.contains(&0) {
            return Ok(None);
        }
        let Launch { block, cluster, shared_bytes, .. } = *launch;
        let parameters = launch.parameters.iter().map(|parameter| self.parameter(parameter, name));
        let parameters = parameters.collect::<Result<_, _>>()?;
        let function = name.clone();
        Ok(Some(ResolvedLaunch { function, grid, block, cluster, shared_bytes, parameters }))
    }

    fn parameter(&self, parameter: &Parameter, function: &str) -> Result<Passed, Error> {
        Ok(match parameter {
            Parameter::Pointer(base) => Passed::Address(self.place(base, function)?),
            Parameter::Scalar(name) => Passed::Scalar(self.argument(name)?),
            Parameter::Size(formula) => Passed::Size(self.value(formula, function)?),
            Parameter::TensorMap(map) => Passed::Map(self.map(map, function)?),
        })
    }

    fn place(&self, base: &Base, function: &str) -> Result<Place, Error> {
        Ok(match base {
            Base::Argument(name) => Place::Argument(self.argument(name)?),
            Base::Workspace(offset) => Place::Workspace(self.natural(offset, function)?),
        })
    }

    fn argument(&self, name: &str) -> Result<usize, Error> {
        let position = self.manifest.arguments.iter().position(|argument| argument.name == name);
        position.ok_or_else(|| Error::Manifest(format!("there is no argument `{name}`")))
    }

    /// `None` where a dimension is 0: no map describes that.
    fn map(&self, map: &TensorMap, function: &str) -> Result<Option<ResolvedMap>, Error> {
        let all = |formulas: &[Formula]| {
            let values = formulas.iter().map(|formula| self.natural(formula, function));
            values.collect::<Result<Vec<_>, _>>()
        };
        let (sizes, strides) = (all(&map.sizes)?, all(&map.strides)?);
        let rank = sizes.len();
        if !(1..=5).contains(&rank) || strides.len() != rank - 1 || map.tile.len() != rank {
            return Err(Error::Manifest(format!("a tensor map of {function} has no valid rank")));
        }
        let name = match &map.base {
            Base::Argument(name) => name.clone(),
            Base::Workspace(_) => "the workspace".to_owned(),
        };
        let resolved = ResolvedMap {
            base: self.place(&map.base, function)?,
            name,
            element: map.element,
            sizes,
            strides,
            tile: map.tile.clone(),
            swizzle: map.swizzle,
        };
        Ok((!resolved.sizes.contains(&0)).then_some(resolved))
    }
}
