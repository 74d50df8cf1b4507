// Pages of a tensor by number.
#pragma once

#include "api/tensor/tensor_accessor_args.h"
#include "emu/noc.h"

class TensorAccessor {
public:
    // `address` and `page_size` are checked against the buffer when a page is reached.
    template <size_t First, size_t FirstCommon>
    constexpr TensorAccessor(const TensorAccessorArgs<First, FirstCommon>&, size_t address,
                             uint32_t page_size = TensorAccessorArgs<First, FirstCommon>::AlignedPageSize)
        : config_(TensorAccessorArgs<First, FirstCommon>::config),
          address_(static_cast<uint32_t>(address)),
          page_size_(page_size) {}

    uint64_t get_noc_addr(uint32_t page, uint32_t offset = 0, uint8_t = 0,
                          emu::Where at = emu::Where::current()) const {
        return emu::noc_page_address(config_, address_, page_size_, page, offset, at);
    }
    constexpr uint32_t get_aligned_page_size() const { return page_size_; }

private:
    uint32_t config_;
    uint32_t address_;
    uint32_t page_size_;
};
