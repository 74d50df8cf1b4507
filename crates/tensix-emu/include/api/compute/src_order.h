// Which of two operands goes to which source register.
#pragma once

#include <cstdint>

namespace ckernel {

// Reverse is for products: the left operand goes to SrcB, the right one to SrcA.
enum class SrcOrder : uint8_t { Regular = 0, Reverse = 1 };

}  // namespace ckernel
