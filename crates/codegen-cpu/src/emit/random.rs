//! Philox4x32-10 and stochastic rounding, as `tilec_ir::philox` and
//! `tilec_ir::formats` define them.

use tilec_ir::Scalar;
use tilec_ir::formats::Format;

use super::context::Context;
use super::function::Value;

impl Context<'_> {
    /// The first word of Philox4x32-10: the seed is the key, the rest the counter.
    pub(crate) fn random(&mut self, words: &[Value]) -> Value {
        let word = |n: usize| words.get(n).cloned().unwrap_or_else(|| 0.into());
        let mut counter = [word(1), word(2), word(3), word(4)];
        let mut key = [word(0), 0.into()];
        for _ in 0..10 {
            let (high0, low0) = self.wide_product(0xd251_1f53, &counter[0]);
            let (high1, low1) = self.wide_product(0xcd9e_8d57, &counter[2]);
            let first = self.mix(&high1, &counter[1], &key[0]);
            let third = self.mix(&high0, &counter[3], &key[1]);
            counter = [first, low1, third, low0];
            key = [(0x9e37_79b9u32, &key[0]), (0xbb67_ae85, &key[1])]
                .map(|(step, word)| self.f.def(format_args!("add i32 {word}, {step}")));
        }
        counter[0].clone()
    }

    fn mix(&mut self, a: &Value, b: &Value, c: &Value) -> Value {
        let ab = self.f.def(format_args!("xor i32 {a}, {b}"));
        self.f.def(format_args!("xor i32 {ab}, {c}"))
    }

    /// The upper and the lower half of a product.
    fn wide_product(&mut self, factor: u32, word: &Value) -> (Value, Value) {
        let wide = self.f.def(format_args!("zext i32 {word} to i64"));
        let product = self.f.def(format_args!("mul i64 {wide}, {factor}"));
        let high = self.f.def(format_args!("lshr i64 {product}, 32"));
        let narrow = [high, product].map(|x| self.f.def(format_args!("trunc i64 {x} to i32")));
        let [high, low] = narrow;
        (high, low)
    }

    /// `value` rounded to a narrow type by 32 random bits. All of it is exact
    /// in f64, as in the reference.
    pub(crate) fn round_stochastic(&mut self, to: Scalar, value: &Value, bits: &Value) -> Value {
        let Some(format) = Format::of(to) else { return value.clone() };
        let saturates = matches!(format, Format::F8E4M3 | Format::F8E5M2);
        let (mantissa, lowest) = match format {
            Format::F8E4M3 => (3, -6),
            Format::F8E5M2 => (2, -14),
            Format::Bf16 => (7, -126),
            Format::F16 => (10, -14),
        };
        let largest = format.largest();
        let f = &mut self.f;
        let size = f.def(format_args!("call float @llvm.fabs.f32(float {value})"));
        let wide = f.def(format_args!("fpext float {size} to double"));
        // 2^(exponent - mantissa), built in the exponent field.
        let word = f.def(format_args!("bitcast double {wide} to i64"));
        let exponent = f.def(format_args!("lshr i64 {word}, 52"));
        let exponent = f.max(&exponent, &(1023 + lowest).into());
        let field = f.def(format_args!("sub i64 {exponent}, {mantissa}"));
        let field = f.def(format_args!("shl i64 {field}, 52"));
        let quantum = f.def(format_args!("bitcast i64 {field} to double"));
        let steps = f.def(format_args!("fdiv double {wide}, {quantum}"));
        let floor = f.def(format_args!("call double @llvm.floor.f64(double {steps})"));
        let rest = f.def(format_args!("fsub double {steps}, {floor}"));
        let rest = f.def(format_args!("fmul double {rest}, 4294967296.0"));
        let random = f.def(format_args!("uitofp i32 {bits} to double"));
        let up = f.def(format_args!("fcmp olt double {random}, {rest}"));
        let up = f.def(format_args!("uitofp i1 {up} to double"));
        let steps = f.def(format_args!("fadd double {floor}, {up}"));
        let rounded = f.def(format_args!("fmul double {steps}, {quantum}"));
        let narrow = f.def(format_args!("fptrunc double {rounded} to float"));
        let limit: Value = largest.into();
        let past: Value = if saturates { largest } else { f32::INFINITY }.into();
        let above = f.def(format_args!("fcmp ogt float {narrow}, {limit}"));
        let narrow = f.def(format_args!("select i1 {above}, float {past}, float {narrow}"));
        // Infinity has no quantum: the steps above gave NaN for it.
        let infinite = f.def(format_args!("fcmp oeq float {size}, {}", Value::from(f32::INFINITY)));
        let narrow = f.def(format_args!("select i1 {infinite}, float {past}, float {narrow}"));
        let signed =
            f.def(format_args!("call float @llvm.copysign.f32(float {narrow}, float {value})"));
        let is_nan = f.def(format_args!("fcmp uno float {value}, {value}"));
        f.def(format_args!("select i1 {is_nan}, float {value}, float {signed}"))
    }
}
