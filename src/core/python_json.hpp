/// JSON as Python's `json.dumps(…, sort_keys=True)` writes it: digests of the reference are taken over that text (C§4.5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/json_reader.hpp"

namespace baton::core {

/// Reads any JSON document (`NaN`, `Infinity` and `-Infinity` too, as Python does) and writes it in Python's way: `", "` and `": "`,
/// keys sorted by code point, the last of equal keys, non-ASCII as `\uXXXX`, floats in their repr. None: it is not JSON.
[[nodiscard]] std::optional<std::string> python_dump(std::string_view json);
/// The next value of `reader`, likewise.
[[nodiscard]] std::optional<std::string> python_dump(JsonReader& reader);
/// A string (UTF-8) as Python writes it, with its quotes.
[[nodiscard]] std::string python_string(std::string_view text);
/// `1.0`, `1e-05`, `NaN`, `-Infinity`.
[[nodiscard]] std::string python_float(double value);
/// `{"a": 1, "b": 2}` of members whose values are dumped already.
[[nodiscard]] std::string python_object(const std::map<std::string, std::string>& members);

}  // namespace baton::core
