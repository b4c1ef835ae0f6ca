/// A strict reader of JSON text (RFC 8259), piece by piece; numbers stay as they are written. For core, and for
/// the rooms that keep core types as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace baton::core {

/// Deeper documents are refused: the readers that walk them are recursive. Pydantic's own reader has the same bound.
inline constexpr int json_depth_max = 200;

/// Each method skips white space, then either takes what it names or takes nothing and answers so.
class JsonReader {
 public:
  /// The text must outlive the reader.
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// The next character; `\0` at the end (no JSON token begins with it).
  [[nodiscard]] char peek();
  [[nodiscard]] bool at_end();
  [[nodiscard]] bool take(char expected);
  [[nodiscard]] bool take(std::string_view word);
  /// Unescaped. None: no valid string here (bad escape, lone surrogate, control character, invalid UTF-8, no end).
  [[nodiscard]] std::optional<std::string> string();
  /// A string in which each character stands for itself, and is ASCII: nearly all of them, without a copy. None: another, or no string.
  [[nodiscard]] std::optional<std::string_view> plain_string();
  /// As written. None: no valid number here.
  [[nodiscard]] std::optional<std::string_view> number();
  /// Any value, as written. None: no valid value here, or one that is too deep.
  [[nodiscard]] std::optional<std::string_view> value();
  /// In bytes from the beginning.
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  bool skip_value(int depth);
  bool skip_members(int depth);
  bool skip_elements(int depth);
  bool escape(std::string& out);
  std::optional<unsigned> four_hex_digits();
  bool utf8_sequence(std::string& out);
  std::size_t digits();

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Appends a code point as UTF-8. It must be a Unicode scalar value.
void append_utf8(std::string& out, char32_t code_point);

}  // namespace baton::core
