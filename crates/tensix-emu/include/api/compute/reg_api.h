// Who has DST: math between acquire and commit, the packer between wait and release.
#pragma once

#include "api/compute/common_globals.h"

namespace ckernel {

ALWI void tile_regs_acquire(Where at = Where::current()) { emu::acquire_dst(at); }
ALWI void tile_regs_commit(Where at = Where::current()) { emu::commit_dst(at); }
ALWI void tile_regs_wait(Where at = Where::current()) { emu::wait_dst(at); }
ALWI void tile_regs_release(Where at = Where::current()) { emu::release_dst(at); }

}  // namespace ckernel
