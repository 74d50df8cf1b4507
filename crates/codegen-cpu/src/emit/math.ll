; Functions of f32 in straight lines, so that loops over them become vectors.
; Errors are at most 4 units in the last place; NaN and infinities are exact.
; Constants are doubles in hexadecimal, as LLVM writes floats. The polynomials are
; those of the Cephes library; erf is after N. Juffa.

; 2^n exp(r) with n the nearest to x / log 2; 2^n in two halves, for subnormals.
define internal float @tile.exp(float %x) #2 {
  %v1 = fcmp olt float %x, 0xC05A400000000000
  %v2 = select i1 %v1, float 0xC05A400000000000, float %x
  %v3 = fcmp ogt float %v2, 0x4056800000000000
  %v4 = select i1 %v3, float 0x4056800000000000, float %v2
  %v5 = fmul float %v4, 0x3FF7154760000000
  %v6 = fadd float %v5, 0x4168000000000000
  %v7 = fsub float %v6, 0x4168000000000000
  %v8 = call float @llvm.fmuladd.f32(float %v7, float 0xBFE6300000000000, float %v4)
  %v9 = call float @llvm.fmuladd.f32(float %v7, float 0x3F2BD01060000000, float %v8)
  %v10 = call float @llvm.fmuladd.f32(float 0x3F2A0D2CE0000000, float %v9, float 0x3F56E879C0000000)
  %v11 = call float @llvm.fmuladd.f32(float %v10, float %v9, float 0x3F81112100000000)
  %v12 = call float @llvm.fmuladd.f32(float %v11, float %v9, float 0x3FA5553820000000)
  %v13 = call float @llvm.fmuladd.f32(float %v12, float %v9, float 0x3FC5555540000000)
  %v14 = call float @llvm.fmuladd.f32(float %v13, float %v9, float 0x3FE0000000000000)
  %v15 = fmul float %v9, %v9
  %v16 = call float @llvm.fmuladd.f32(float %v14, float %v15, float %v9)
  %v17 = fadd float %v16, 0x3FF0000000000000
  %v18 = bitcast float %v6 to i32
  %v19 = sub i32 %v18, 1262485504
  %v20 = ashr i32 %v19, 1
  %v21 = sub i32 %v19, %v20
  %v22 = add i32 %v20, 127
  %v23 = shl i32 %v22, 23
  %v24 = bitcast i32 %v23 to float
  %v25 = fmul float %v17, %v24
  %v26 = add i32 %v21, 127
  %v27 = shl i32 %v26, 23
  %v28 = bitcast i32 %v27 to float
  %v29 = fmul float %v25, %v28
  ret float %v29
}

; log m + e log 2 with x = m 2^e and m between the roots of 1/2 and 2.
define internal float @tile.log(float %x) #2 {
  %v1 = fcmp olt float %x, 0x3810000000000000
  %v2 = fmul float %x, 0x4160000000000000
  %v3 = select i1 %v1, float %v2, float %x
  %v4 = select i1 %v1, i32 149, i32 126
  %v5 = bitcast float %v3 to i32
  %v6 = lshr i32 %v5, 23
  %v7 = sub i32 %v6, %v4
  %v8 = and i32 %v5, 8388607
  %v9 = or i32 %v8, 1056964608
  %v10 = bitcast i32 %v9 to float
  %v11 = fcmp olt float %v10, 0x3FE6A09E60000000
  %v12 = zext i1 %v11 to i32
  %v13 = sub i32 %v7, %v12
  %v14 = sitofp i32 %v13 to float
  %v15 = fadd float %v10, %v10
  %v16 = select i1 %v11, float %v15, float %v10
  %v17 = fsub float %v16, 0x3FF0000000000000
  %v18 = fmul float %v17, %v17
  %v19 = call float @llvm.fmuladd.f32(float 0x3FB2043760000000, float %v17, float 0xBFBD7A3700000000)
  %v20 = call float @llvm.fmuladd.f32(float %v19, float %v17, float 0x3FBDE4A340000000)
  %v21 = call float @llvm.fmuladd.f32(float %v20, float %v17, float 0xBFBFCBA9E0000000)
  %v22 = call float @llvm.fmuladd.f32(float %v21, float %v17, float 0x3FC23D37E0000000)
  %v23 = call float @llvm.fmuladd.f32(float %v22, float %v17, float 0xBFC555CA00000000)
  %v24 = call float @llvm.fmuladd.f32(float %v23, float %v17, float 0x3FC999D580000000)
  %v25 = call float @llvm.fmuladd.f32(float %v24, float %v17, float 0xBFCFFFFF80000000)
  %v26 = call float @llvm.fmuladd.f32(float %v25, float %v17, float 0x3FD5555540000000)
  %v27 = fmul float %v26, %v17
  %v28 = fmul float %v27, %v18
  %v29 = call float @llvm.fmuladd.f32(float %v14, float 0xBF2BD01060000000, float %v28)
  %v30 = call float @llvm.fmuladd.f32(float %v18, float 0xBFE0000000000000, float %v29)
  %v31 = fadd float %v17, %v30
  %v32 = call float @llvm.fmuladd.f32(float %v14, float 0x3FE6300000000000, float %v31)
  %v33 = fcmp ueq float %x, 0x7FF0000000000000
  %v34 = select i1 %v33, float %x, float %v32
  %v35 = fcmp oeq float %x, 0x0000000000000000
  %v36 = select i1 %v35, float 0xFFF0000000000000, float %v34
  %v37 = fcmp olt float %x, 0x0000000000000000
  %v38 = select i1 %v37, float 0x7FF8000000000000, float %v36
  ret float %v38
}

; x + x^3 p(x^2) near 0, else 1 - 2 / (exp(2 |x|) + 1) with the sign of x.
define internal float @tile.tanh(float %x) #2 {
  %v1 = call float @llvm.fabs.f32(float %x)
  %v2 = fmul float %x, %x
  %v3 = call float @llvm.fmuladd.f32(float 0xBF775E1D40000000, float %v2, float 0x3F952269C0000000)
  %v4 = call float @llvm.fmuladd.f32(float %v3, float %v2, float 0xBFAB83C5A0000000)
  %v5 = call float @llvm.fmuladd.f32(float %v4, float %v2, float 0x3FC1107260000000)
  %v6 = call float @llvm.fmuladd.f32(float %v5, float %v2, float 0xBFD5555320000000)
  %v7 = fmul float %v6, %v2
  %v8 = call float @llvm.fmuladd.f32(float %v7, float %x, float %x)
  %v9 = fadd float %v1, %v1
  %v10 = call float @tile.exp(float %v9)
  %v11 = fadd float %v10, 0x3FF0000000000000
  %v12 = fdiv float 0x4000000000000000, %v11
  %v13 = fsub float 0x3FF0000000000000, %v12
  %v14 = fcmp olt float %v1, 0x3FE4000000000000
  %v15 = select i1 %v14, float %v8, float %v13
  %v16 = call float @llvm.copysign.f32(float %v15, float %x)
  ret float %v16
}

; An odd polynomial near 0, else 1 - exp(a polynomial of |x|) with the sign of x.
define internal float @tile.erf(float %x) #2 {
  %v1 = call float @llvm.fabs.f32(float %x)
  %v2 = fmul float %x, %x
  %v3 = call float @llvm.fmuladd.f32(float 0xBEF2200000000000, float %v1, float 0x3F391CFB20000000)
  %v4 = call float @llvm.fmuladd.f32(float 0xBF6FD14380000000, float %v1, float 0x3F98D63420000000)
  %v5 = call float @llvm.fmuladd.f32(float %v3, float %v2, float %v4)
  %v6 = call float @llvm.fmuladd.f32(float %v5, float %v1, float 0xBFBB55CB80000000)
  %v7 = call float @llvm.fmuladd.f32(float %v6, float %v1, float 0xBFE450AA00000000)
  %v8 = call float @llvm.fmuladd.f32(float %v7, float %v1, float 0xBFC079D0C0000000)
  %v9 = fneg float %v1
  %v10 = call float @llvm.fmuladd.f32(float %v8, float %v1, float %v9)
  %v11 = call float @tile.exp(float %v10)
  %v12 = fsub float 0x3FF0000000000000, %v11
  %v13 = call float @llvm.copysign.f32(float %v12, float %x)
  %v14 = call float @llvm.fmuladd.f32(float 0xBF438E0000000000, float %v2, float 0x3F7471A580000000)
  %v15 = call float @llvm.fmuladd.f32(float %v14, float %v2, float 0xBF9B691B20000000)
  %v16 = call float @llvm.fmuladd.f32(float %v15, float %v2, float 0x3FBCE1C440000000)
  %v17 = call float @llvm.fmuladd.f32(float %v16, float %v2, float 0xBFD8127000000000)
  %v18 = call float @llvm.fmuladd.f32(float %v17, float %v2, float 0x3FC06EBA80000000)
  %v19 = call float @llvm.fmuladd.f32(float %v18, float %x, float %x)
  %v20 = fcmp ogt float %v1, 0x3FEDB00000000000
  %v21 = select i1 %v20, float %v13, float %v19
  ret float %v21
}
