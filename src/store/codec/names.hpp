/// Spellings that only stored texts use.
#pragma once

#include <array>
#include <string_view>

namespace baton::store {

/// In the order of core::OutputKind.
inline constexpr std::array<std::string_view, 7> output_kind_names = {"file",   "directory", "number", "integer",
                                                                      "string", "boolean",   "json"};

}  // namespace baton::store
