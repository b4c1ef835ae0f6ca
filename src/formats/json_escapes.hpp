/// The one thing that JSON writes otherwise than YAML: a character beyond U+FFFF as two escapes, `\ud83d\ude00`. Private to formats/.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace baton::formats {

struct JsonEscapes {
  /// The text with each pair as YAML has it (`\U0001F600`); what that saves stands as spaces behind the string, so that places stay.
  /// Empty: the text may be read as it is.
  std::string text;
  std::optional<std::size_t> lone;  ///< where half of a pair stands alone: nothing can be read for it
};

/// Of a text that is JSON throughout; any other is left to YAML, to which such an escape is an error between double quotes, and plain text
/// elsewhere.
[[nodiscard]] JsonEscapes json_escapes(std::string_view text);

}  // namespace baton::formats
