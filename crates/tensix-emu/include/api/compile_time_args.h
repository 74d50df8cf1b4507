// Compile-time arguments of a kernel.
#pragma once

#include "emu/kernel.h"
