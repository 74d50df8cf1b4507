//! Mistakes of the user, as data: a kind, a sentence, the places that conflict,
//! and a way out. Rendering is the driver's.

use std::ops::Range;

/// A range of bytes of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of a byte range. Sources are limited far below 4 GB.
    #[must_use]
    pub fn new(range: Range<usize>) -> Self {
        let at = |x: usize| u32::try_from(x).expect("sources are limited to a few megabytes");
        Self { start: at(range.start), end: at(range.end) }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// As a range of byte offsets.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Whether a diagnostic stops the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program has no meaning.
    Error,
    /// The program has one, but probably not the one that was meant.
    Warning,
}

/// A place that takes part in a mistake, and what is the matter there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is the matter there; may be empty for the main place.
    pub text: String,
}

/// One mistake of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which mistake.
    pub kind: Kind,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The main place first, then the uses it conflicts with. Empty for
    /// mistakes that have no place in the source, such as those of a launch.
    pub labels: Vec<Label>,
    /// The way out: the missing fact, the nearest name, the conversion to write.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at one place.
    pub fn new(kind: Kind, span: Span, message: impl Into<String>) -> Self {
        let labels = vec![Label { span, text: String::new() }];
        Self { kind, message: message.into(), labels, help: None }
    }

    /// A mistake that has no place in the source.
    pub fn global(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Says what is the matter at the main place.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Adds a place that the main one conflicts with.
    #[must_use]
    pub fn with(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Whether it stops the compiler.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Every mistake that tilec reports. A test fails when one has no case
        /// under `tests/cases/errors/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All kinds, in the order of the enum.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable name used in JSON output and in the cases.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

kinds! {
    // Text.
    /// The source is over the limit of size.
    SourceTooLarge = "source-too-large",
    /// A character that no token begins with.
    UnknownCharacter = "unknown-character",
    /// A number out of range or malformed.
    BadNumber = "bad-number",
    /// Something else should stand here; the message lists what could.
    Expected = "expected",
    /// A bracket that is never closed.
    Unclosed = "unclosed",
    /// Nested deeper than the limit.
    NestedTooDeep = "nested-too-deep",
    /// Expands to more nodes than the limit.
    TooLarge = "too-large",
    /// So many mistakes that the rest is not shown.
    TooManyErrors = "too-many-errors",

    // Names.
    /// No such tensor, size or index variable.
    UnknownName = "unknown-name",
    /// No such function.
    UnknownFunction = "unknown-function",
    /// A reserved word or a built-in name used as a name.
    ReservedName = "reserved-name",
    /// Two definitions of one name.
    DuplicateName = "duplicate-name",
    /// An index variable that shares its name with something else in the kernel.
    NameConflict = "name-conflict",
    /// A tensor with two equations.
    DuplicateEquation = "duplicate-equation",
    /// An output without an equation.
    MissingEquation = "missing-equation",
    /// An equation for an input.
    EquationForInput = "equation-for-input",
    /// Equations that need each other.
    Cycle = "cycle",
    /// A function that calls itself.
    RecursiveFunction = "recursive-function",
    /// Something that may not stand in the body of a function.
    NotInFunction = "not-in-function",
    /// An input that nothing reads.
    UnusedInput = "unused-input",
    /// An equation that no output needs.
    UnusedEquation = "unused-equation",

    // Shapes of expressions.
    /// Wrong number of indices.
    IndexCount = "index-count",
    /// Wrong number of arguments.
    ArgumentCount = "argument-count",

    // Types.
    /// Two types that don't meet.
    TypeMismatch = "type-mismatch",
    /// A value stored narrower than it is, without a conversion.
    NeedsConversion = "needs-conversion",
    /// A conversion that does not exist.
    BadConversion = "bad-conversion",
    /// Two integer literals under `/`.
    LiteralDivision = "literal-division",
    /// A fractional literal where an integer is needed.
    FractionForInteger = "fraction-for-integer",
    /// A test that is not a bool.
    NotATest = "not-a-test",

    // Sizes, ranges and bounds.
    /// An index variable whose range nothing tells.
    UnknownRange = "unknown-range",
    /// An index variable that ranges over different sizes.
    ConflictingRanges = "conflicting-ranges",
    /// An access that is not proved in range.
    OutOfRange = "out-of-range",
    /// A declared dimension that the equation does not fill exactly.
    WrongDimension = "wrong-dimension",
    /// A divisor that is not proved positive.
    DivisorNotPositive = "divisor-not-positive",
    /// A division in a size that is not proved exact.
    InexactDivision = "inexact-division",
    /// An integer that is not proved to fit its idx type.
    NotProvedIndex = "not-proved-index",
    /// A range that must not be empty and may be.
    MayBeEmpty = "may-be-empty",
    /// A fact that cannot be stated, such as `sorted` of something that is no input.
    BadFact = "bad-fact",
    /// Facts that contradict each other.
    Contradiction = "contradiction",
    /// A size parameter without a default that nothing depends on.
    UnusedSize = "unused-size",

    // Tile blocks.
    /// A tile block for a kernel that is not in the file.
    UnknownKernel = "unknown-kernel",
    /// A chip that no table describes.
    UnknownChip = "unknown-chip",
    /// A key that is neither an equation of the kernel nor the kernel.
    UnknownRegion = "unknown-region",
    /// A setting given twice, or two tile blocks for one kernel and chip.
    DuplicateSetting = "duplicate-setting",
    /// A setting that the reference doesn't list.
    UnknownSetting = "unknown-setting",
    /// A value that the setting does not take.
    BadSetting = "bad-setting",

    // Targets.
    /// Something that the target has no way to run.
    NotExpressible = "not-expressible",

    // Launches.
    /// A size that is neither bound nor told by an input.
    UnboundSize = "unbound-size",
    /// Inputs that tell two values of one size.
    SizeConflict = "size-conflict",
    /// A `where` fact that does not hold for these sizes.
    FactViolated = "fact-violated",
    /// An input of the wrong rank.
    WrongRank = "wrong-rank",
    /// A size or a dimension past 2^31 - 1, or negative.
    SizeOutOfRange = "size-out-of-range",
    /// Index arithmetic that would leave i32 at these sizes.
    IndexOverflow = "index-overflow",
    /// A name given to `--set`, `--input` or `--output` that the kernel lacks.
    UnknownArgument = "unknown-argument",
    /// Data that breaks `sorted` or `finite`, or an index out of range (debug launches).
    BadData = "bad-data",
    /// Not enough memory for the tensors of this launch.
    OutOfMemory = "out-of-memory",
}

impl Kind {
    /// Whether it stops the compiler.
    #[must_use]
    pub fn severity(self) -> Severity {
        if matches!(self, Self::UnusedInput | Self::UnusedEquation) {
            Severity::Warning
        } else {
            Severity::Error
        }
    }
}
