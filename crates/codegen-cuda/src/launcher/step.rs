//! The steps of a program: the choice of a variant, and one function per launch.

use tilec_cpp::{Names, Writer};
use tilec_manifest::{
    Base, Formula, Launch, MapElement, Parameter, Step, Swizzle, TensorMap, Variant,
};

use super::expression::{expression, whole};
use super::{Of, condition, quote, return_error};

/// Writes a step, counted from 1; gives the name of its function.
pub(super) fn write(out: &mut Writer, of: &Of<'_>, step: &Step, number: usize) -> String {
    let function = format!("step_{number}");
    let mut names: Vec<Vec<String>> = Vec::new();
    for (at, variant) in step.variants.iter().enumerate() {
        let tag = |launch: usize| format!("{function}_{}", label(at, launch, variant, step));
        let launches = variant.launches.iter().enumerate();
        names.push(launches.map(|(l, launch)| write_one(out, of, launch, tag(l))).collect());
    }
    out.comment(&format!("Computes {}.", step.computes.join(", ")));
    out.block(&format!("inline const char *{function}(const Call &call)"), "", |out| {
        out.line("[[maybe_unused]] const Sizes &sizes = call.sizes;");
        for (variant, launches) in step.variants.iter().zip(&names) {
            write_choice(out, of, variant, launches);
        }
        if step.variants.last().is_none_or(|last| !last.when.is_empty()) {
            out.line("return \"no variant fits these sizes\";");
        }
    });
    out.line("");
    function
}

/// `a` for the first variant, and a number where a variant has several launches.
fn label(variant: usize, launch: usize, of: &Variant, step: &Step) -> String {
    let variant =
        if step.variants.len() == 1 { String::new() } else { format!("v{}", variant + 1) };
    let launch = if of.launches.len() == 1 { String::new() } else { format!("l{}", launch + 1) };
    if variant.is_empty() && launch.is_empty() { "launch".to_owned() } else { variant + &launch }
}

fn write_choice(out: &mut Writer, of: &Of<'_>, variant: &Variant, launches: &[String]) {
    let launch = |out: &mut Writer| {
        let (last, before) = match launches.split_last() {
            Some((last, before)) => (format!("return {last}(call);"), before),
            None => ("return nullptr;".to_owned(), launches),
        };
        for name in before {
            return_error(out, &format!("{name}(call)"));
        }
        out.line(last);
    };
    if variant.when.is_empty() {
        return launch(out);
    }
    let conditions: Vec<_> = variant.when.iter().map(|c| condition(of, c)).collect();
    out.block(&format!("if ({})", conditions.join(" && ")), "", launch);
}

/// One launch as a function of its own; gives its name.
fn write_one(out: &mut Writer, of: &Of<'_>, launch: &Launch, name: String) -> String {
    out.block(&format!("inline const char *{name}(const Call &call)"), "", |out| {
        out.line("[[maybe_unused]] const Sizes &sizes = call.sizes;");
        let [x, y, z] = &launch.grid;
        let grid = [x, y, z].map(|blocks| expression(of, blocks)).join(", ");
        out.line(format!("const Blocks grid = {{{grid}}};"));
        out.block("if (grid.none())", "", |out| {
            out.line("return nullptr;");
        });
        let passed = write_parameters(out, of, launch);
        let list = if passed.is_empty() { "nullptr".to_owned() } else { passed.join(", ") };
        out.line(format!("void *parameters[] = {{{list}}};"));
        out.line(format!(
            "return start({}, reinterpret_cast<const void *>(&::{}), grid, {}, {}, {}, parameters, \
             call.stream);",
            quote(&launch.function),
            launch.function,
            dim3(launch.block),
            dim3(launch.cluster),
            launch.shared_bytes
        ));
    });
    out.line("");
    name
}

fn dim3([x, y, z]: [u32; 3]) -> String {
    format!("dim3({x}, {y}, {z})")
}

/// The locals of a launch function.
struct Locals<'a> {
    of: &'a Of<'a>,
    names: Names,
    function: &'a str,
}

/// Writes what is passed into locals; gives the addresses of all.
fn write_parameters(out: &mut Writer, of: &Of<'_>, launch: &Launch) -> Vec<String> {
    let taken = ["call", "sizes", "grid", "parameters", "error", "start", "describe", "at"];
    let mut locals = Locals { of, names: Names::with(&taken), function: &launch.function };
    let parameters = launch.parameters.iter();
    parameters.map(|parameter| locals.write(out, parameter)).collect()
}

impl Locals<'_> {
    fn write(&mut self, out: &mut Writer, parameter: &Parameter) -> String {
        match parameter {
            Parameter::Pointer(Base::Argument(name)) | Parameter::Scalar(name) => {
                format!("at(call.args.{})", self.field(name))
            }
            Parameter::Pointer(base @ Base::Workspace(_)) => {
                let address = self.address(out, base);
                let local = self.names.make("scratch");
                out.line(format!("char *const {local} = {address};"));
                format!("at({local})")
            }
            Parameter::Size(formula) => format!("at({}.value)", self.size(out, formula)),
            Parameter::TensorMap(map) => format!("at({})", self.map(out, map)),
        }
    }

    fn field(&self, name: &str) -> &str {
        let position = self.of.manifest.arguments.iter().position(|argument| argument.name == name);
        &self.of.fields.arguments[position.expect("a manifest's launches pass its arguments")]
    }

    /// A local with the value of a formula, which fits.
    fn size(&mut self, out: &mut Writer, formula: &Formula) -> String {
        let base = match formula {
            Formula::Size(name) => name,
            Formula::Constant(_) | Formula::Apply(..) => "size",
        };
        self.integer(out, formula, base, &expression(self.of, formula))
    }

    /// A local with the value of a formula, which is this expression.
    fn integer(&mut self, out: &mut Writer, formula: &Formula, base: &str, value: &str) -> String {
        let local = self.names.make(base);
        out.line(format!("const Integer {local} = {value};"));
        // A size parameter itself has been checked.
        if matches!(formula, Formula::Apply(..)) {
            out.block(&format!("if (!{local}.fits)"), "", |out| {
                out.line(format!(
                    "return refuse(\"a number that %s needs does not fit into 64 bits; launch \
                     smaller sizes\", {});",
                    quote(self.function)
                ));
            });
        }
        local
    }

    fn address(&mut self, out: &mut Writer, base: &Base) -> String {
        match base {
            Base::Argument(name) => format!("call.args.{}", self.field(name)),
            Base::Workspace(Formula::Constant(0)) => "call.workspace".to_owned(),
            Base::Workspace(offset) => {
                let offset = match self.of.places.iter().position(|place| *place == offset) {
                    Some(at) => {
                        let place = format!("places::at_{}(sizes)", at + 1);
                        self.integer(out, offset, "place", &place)
                    }
                    None => self.size(out, offset),
                };
                format!("call.workspace + {offset}.value")
            }
        }
    }

    fn map(&mut self, out: &mut Writer, map: &TensorMap) -> String {
        let (base, of) = match &map.base {
            Base::Argument(name) => (format!("map_of_{name}"), name.as_str()),
            Base::Workspace(_) => ("map_of_scratch".to_owned(), "the workspace"),
        };
        let local = self.names.make(&base);
        let address = self.address(out, &map.base);
        out.line(format!("CUtensorMap {local} = {{}};"));
        let list = |formulas: &[Formula]| {
            let all: Vec<_> = formulas.iter().map(|f| whole(self.of, f)).collect();
            all.join(", ")
        };
        let tile: Vec<_> = map.tile.iter().map(u32::to_string).collect();
        let call = format!(
            "describe({local}, {}, {}, {address}, {{{}}}, {{{}}}, {{{}}}, {})",
            quote(of),
            element(map.element),
            list(&map.sizes),
            list(&map.strides),
            tile.join(", "),
            swizzle(map.swizzle)
        );
        return_error(out, &call);
        local
    }
}

fn element(element: MapElement) -> &'static str {
    match element {
        MapElement::U8 => "CU_TENSOR_MAP_DATA_TYPE_UINT8",
        MapElement::F16 => "CU_TENSOR_MAP_DATA_TYPE_FLOAT16",
        MapElement::Bf16 => "CU_TENSOR_MAP_DATA_TYPE_BFLOAT16",
        MapElement::F32 => "CU_TENSOR_MAP_DATA_TYPE_FLOAT32",
        MapElement::I32 => "CU_TENSOR_MAP_DATA_TYPE_INT32",
    }
}

fn swizzle(swizzle: Swizzle) -> &'static str {
    match swizzle {
        Swizzle::None => "CU_TENSOR_MAP_SWIZZLE_NONE",
        Swizzle::B32 => "CU_TENSOR_MAP_SWIZZLE_32B",
        Swizzle::B64 => "CU_TENSOR_MAP_SWIZZLE_64B",
        Swizzle::B128 => "CU_TENSOR_MAP_SWIZZLE_128B",
    }
}
