/// "Did you mean": the known name that is nearest to what was typed. Also for the command line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace baton::formats {

/// The name with the fewest edits (insert, delete, replace, swap two neighbours; another case costs nothing), the first of equals.
/// None: even the nearest differs in more than a third of its letters.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view typed, std::span<const std::string_view> known);

/// `'r1'`: a user's text in quotes, fit for a terminal: control characters as `\xNN`, cut after 80 bytes.
[[nodiscard]] std::string quote(std::string_view text);
/// `r1, r2, total`: at most the first 12, then `…`.
[[nodiscard]] std::string listed(std::span<const std::string_view> names);
/// `{what}: r1, r2; did you mean 'r1'?`, with as much of it as there is to say.
[[nodiscard]] std::string suggestion(std::string_view what, std::string_view typed, std::span<const std::string_view> known);

}  // namespace baton::formats
