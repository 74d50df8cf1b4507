//! Storage formats: from memory to values and back, bit for bit as
//! `tilec_ir::formats` says, in straight lines that LLVM can vectorize.

use tilec_ir::Scalar;

use super::context::Context;
use super::function::Value;
use super::value::Class;

/// The numbers of an FP8 format.
#[derive(Clone, Copy, Debug)]
struct Eight {
    mantissa: u32,
    bias: u32,
    largest: f32,
    nan: u32,
}

const E4M3: Eight = Eight { mantissa: 3, bias: 7, largest: 448.0, nan: 0x7f };
const E5M2: Eight = Eight { mantissa: 2, bias: 15, largest: 57344.0, nan: 0x7e };

/// The type of LLVM that holds an element in memory.
pub(crate) fn storage(element: Scalar) -> &'static str {
    match element {
        Scalar::F32 => "float",
        Scalar::Bf16 => "i16",
        Scalar::F16 => "half",
        Scalar::I32 | Scalar::Idx(_) => "i32",
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => "i8",
    }
}

fn power_of_two(exponent: i32) -> Value {
    2f32.powi(exponent).into()
}

impl Context<'_> {
    /// Loads an element as a value of its class.
    pub(crate) fn decode(&mut self, element: Scalar, base: &Value, offset: &Value) -> Value {
        let bits = self.f.load(storage(element), base, offset);
        self.value_of_bits(element, &bits)
    }

    /// The value of stored bits.
    fn value_of_bits(&mut self, element: Scalar, bits: &Value) -> Value {
        match element {
            Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => bits.clone(),
            Scalar::Bf16 => {
                let wide = self.f.def(format_args!("zext i16 {bits} to i32"));
                let high = self.f.def(format_args!("shl i32 {wide}, 16"));
                self.f.def(format_args!("bitcast i32 {high} to float"))
            }
            Scalar::F16 => self.f.def(format_args!("fpext half {bits} to float")),
            Scalar::F8E4M3 => self.decode_e4m3(bits),
            Scalar::F8E5M2 => {
                // The upper half of an f16.
                let wide = self.f.def(format_args!("zext i8 {bits} to i16"));
                let high = self.f.def(format_args!("shl i16 {wide}, 8"));
                let half = self.f.def(format_args!("bitcast i16 {high} to half"));
                self.f.def(format_args!("fpext half {half} to float"))
            }
            Scalar::I8 => self.f.def(format_args!("sext i8 {bits} to i32")),
            Scalar::U8 => self.f.def(format_args!("zext i8 {bits} to i32")),
            Scalar::Bool => self.f.def(format_args!("icmp ne i8 {bits}, 0")),
        }
    }

    fn decode_e4m3(&mut self, bits: &Value) -> Value {
        let wide = self.f.def(format_args!("zext i8 {bits} to i32"));
        let size = self.f.def(format_args!("and i32 {wide}, 127"));
        let sign = self.f.def(format_args!("xor i32 {wide}, {size}"));
        let sign = self.f.def(format_args!("shl i32 {sign}, 24"));
        let shifted = self.f.def(format_args!("shl i32 {size}, 20"));
        let normal = self.f.def(format_args!("add i32 {shifted}, {}", 120 << 23));
        // A subnormal is a small whole number of the smallest value.
        let whole = self.f.def(format_args!("uitofp i32 {size} to float"));
        let small = self.f.def(format_args!("fmul float {whole}, {}", power_of_two(-9)));
        let small = self.f.def(format_args!("bitcast float {small} to i32"));
        let is_small = self.f.def(format_args!("icmp ult i32 {size}, 8"));
        let value = self.f.def(format_args!("select i1 {is_small}, i32 {small}, i32 {normal}"));
        let is_nan = self.f.def(format_args!("icmp eq i32 {size}, 127"));
        let nan = 0x7fc0_0000;
        let value = self.f.def(format_args!("select i1 {is_nan}, i32 {nan}, i32 {value}"));
        let value = self.f.def(format_args!("or i32 {value}, {sign}"));
        self.f.def(format_args!("bitcast i32 {value} to float"))
    }

    /// Stores a value as an element.
    pub(crate) fn encode(&mut self, element: Scalar, value: &Value, base: &Value, offset: &Value) {
        let bits = self.bits(element, value);
        self.f.store(storage(element), &bits, base, offset);
    }

    /// What is stored for a value.
    fn bits(&mut self, element: Scalar, value: &Value) -> Value {
        match element {
            Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => value.clone(),
            Scalar::Bf16 => self.encode_bf16(value),
            Scalar::F16 => self.f.def(format_args!("fptrunc float {value} to half")),
            Scalar::F8E4M3 => self.encode_eight(E4M3, value),
            Scalar::F8E5M2 => self.encode_eight(E5M2, value),
            Scalar::I8 | Scalar::U8 => self.f.def(format_args!("trunc i32 {value} to i8")),
            Scalar::Bool => self.f.def(format_args!("zext i1 {value} to i8")),
        }
    }

    fn encode_bf16(&mut self, value: &Value) -> Value {
        let bits = self.f.def(format_args!("bitcast float {value} to i32"));
        let high = self.f.def(format_args!("lshr i32 {bits}, 16"));
        let even = self.f.def(format_args!("and i32 {high}, 1"));
        let near = self.f.def(format_args!("add i32 {bits}, {}", 0x7fff));
        let near = self.f.def(format_args!("add i32 {near}, {even}"));
        let near = self.f.def(format_args!("lshr i32 {near}, 16"));
        let quiet = self.f.def(format_args!("or i32 {high}, 64"));
        let is_nan = self.f.def(format_args!("fcmp uno float {value}, {value}"));
        let code = self.f.def(format_args!("select i1 {is_nan}, i32 {quiet}, i32 {near}"));
        self.f.def(format_args!("trunc i32 {code} to i16"))
    }

    fn encode_eight(&mut self, format: Eight, value: &Value) -> Value {
        let Eight { mantissa, bias, largest, nan } = format;
        let bits = self.f.def(format_args!("bitcast float {value} to i32"));
        let sign = self.f.def(format_args!("lshr i32 {bits}, 24"));
        let sign = self.f.def(format_args!("and i32 {sign}, 128"));
        let size = self.f.def(format_args!("and i32 {bits}, {}", 0x7fff_ffff));
        // As integers, sizes compare as floats do; what is above saturates.
        let largest = largest.to_bits();
        let size = self.f.def(format_args!("call i32 @llvm.umin.i32(i32 {size}, i32 {largest})"));
        let shift = 23 - mantissa;
        let last = self.f.def(format_args!("lshr i32 {size}, {shift}"));
        let even = self.f.def(format_args!("and i32 {last}, 1"));
        let near = self.f.def(format_args!("add i32 {size}, {}", (1 << (shift - 1)) - 1));
        let near = self.f.def(format_args!("add i32 {near}, {even}"));
        let near = self.f.def(format_args!("lshr i32 {near}, {shift}"));
        let normal = self.f.def(format_args!("sub i32 {near}, {}", (127 - bias) << mantissa));
        // Adding 2^23 rounds a small float to a whole number in its low bits.
        let float = self.f.def(format_args!("bitcast i32 {size} to float"));
        let unit = power_of_two((bias - 1 + mantissa).cast_signed());
        let scaled = self.f.def(format_args!("fmul float {float}, {unit}"));
        let whole = self.f.def(format_args!("fadd float {scaled}, {}", power_of_two(23)));
        let whole = self.f.def(format_args!("bitcast float {whole} to i32"));
        let small = self.f.def(format_args!("and i32 {whole}, 255"));
        let is_small = self.f.def(format_args!("icmp ult i32 {size}, {}", (128 - bias) << 23));
        let code = self.f.def(format_args!("select i1 {is_small}, i32 {small}, i32 {normal}"));
        let is_nan = self.f.def(format_args!("fcmp uno float {value}, {value}"));
        let code = self.f.def(format_args!("select i1 {is_nan}, i32 {nan}, i32 {code}"));
        let code = self.f.def(format_args!("or i32 {code}, {sign}"));
        self.f.def(format_args!("trunc i32 {code} to i8"))
    }

    /// A value of one class as a value of a type.
    pub(crate) fn convert(&mut self, from: Class, to: Scalar, value: &Value) -> Value {
        if to.is_float() {
            let float = match from {
                Class::Float => value.clone(),
                Class::Integer => self.f.def(format_args!("sitofp i32 {value} to float")),
                Class::Truth => self.f.def(format_args!("uitofp i1 {value} to float")),
            };
            return self.round(to, &float);
        }
        let integer = match from {
            Class::Float => {
                self.f.def(format_args!("call i32 @llvm.fptosi.sat.i32.f32(float {value})"))
            }
            Class::Truth if to == Scalar::Bool => return value.clone(),
            Class::Truth => self.f.def(format_args!("zext i1 {value} to i32")),
            Class::Integer => value.clone(),
        };
        match to {
            Scalar::I8 => self.clamp(&integer, -128, 127),
            Scalar::U8 => self.clamp(&integer, 0, 255),
            Scalar::Idx(range) => {
                let range = self.int32(range);
                self.clamp_index(&integer, &range)
            }
            Scalar::Bool => self.f.def(format_args!("icmp ne i32 {integer}, 0")),
            Scalar::I32
            | Scalar::F32
            | Scalar::Bf16
            | Scalar::F16
            | Scalar::F8E4M3
            | Scalar::F8E5M2 => integer,
        }
    }

    fn clamp(&mut self, value: &Value, low: i32, high: i32) -> Value {
        let low = self.f.def(format_args!("call i32 @llvm.smax.i32(i32 {value}, i32 {low})"));
        self.f.def(format_args!("call i32 @llvm.smin.i32(i32 {low}, i32 {high})"))
    }

    /// A float rounded to a float type, as a float.
    fn round(&mut self, to: Scalar, value: &Value) -> Value {
        if to == Scalar::F32 {
            return value.clone();
        }
        let bits = self.bits(to, value);
        self.value_of_bits(to, &bits)
    }
}
