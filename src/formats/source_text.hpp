/// Lines and places in a document's text, counted as libyaml counts them.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/model.hpp"

namespace baton::formats {

/// The place of a byte; past the end: the end's place. Columns count characters, a byte order mark at the start counts as none.
[[nodiscard]] core::Place place_at(std::string_view text, std::size_t offset);
/// The byte where a place begins; a place outside the text gives the nearest byte before it.
[[nodiscard]] std::size_t offset_at(std::string_view text, core::Place place);
/// A line without its break, counted from 1; empty where there is none.
[[nodiscard]] std::string_view line_at(std::string_view text, std::uint32_t line);
/// The first place of `needle` at or after `from`; `from` itself where it is not found (escaped, folded over two lines).
[[nodiscard]] core::Place find_from(std::string_view text, core::Place from, std::string_view needle);

}  // namespace baton::formats
