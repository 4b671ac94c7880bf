#pragma once
#include <cstddef>
#include <cstdint>

namespace descent {

/// The CRC-32 of the bytes, as zip archives and gzip have it. Of a text in pieces, each call gets
/// the result of the one before.
uint32_t crc32(const void* data, size_t size, uint32_t of_those_before = 0);

}  // namespace descent
