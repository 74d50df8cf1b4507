declare float @expf(float)
declare float @logf(float)
declare float @tanhf(float)
declare float @erff(float)

define internal float @tile.exp(float %x) alwaysinline {
  %y = call float @expf(float %x)
  ret float %y
}
define internal float @tile.log(float %x) alwaysinline {
  %y = call float @logf(float %x)
  ret float %y
}
define internal float @tile.tanh(float %x) alwaysinline {
  %y = call float @tanhf(float %x)
  ret float %y
}
define internal float @tile.erf(float %x) alwaysinline {
  %y = call float @erff(float %x)
  ret float %y
}
