#include "formats/json_escapes.hpp"

#include <charconv>
#include <cstdint>

namespace baton::formats {
namespace {

constexpr std::size_t escape_length = 6;        // \ud83d
constexpr std::size_t saved_by_pair = 12 - 10;  // \ud83d\ude00 is \U0001F600

bool has_surrogate(std::string_view text) {
  return text.find("\\ud") != std::string_view::npos || text.find("\\uD") != std::string_view::npos;
}

/// The code unit of the escape `\uXXXX` that begins at `at`; none: no such escape.
std::optional<std::uint32_t> unit_at(std::string_view text, std::size_t at) {
  if (text.size() < at + escape_length || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  const auto* digits = text.data() + at + 2;
  std::uint32_t unit = 0;
  const auto [end, wrong] = std::from_chars(digits, digits + 4, unit, 16);
  return wrong == std::errc() && end == digits + 4 ? std::optional(unit) : std::nullopt;
}

bool is_first_half(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_second_half(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

std::string yaml_escape(std::uint32_t character) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text = "\\U";
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[(character >> static_cast<unsigned>(shift)) & 15U];
  return text;
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text) { result_.text.reserve(text.size()); }

  JsonEscapes rewrite() {
    bool json = true;
    while (json && at_ < text_.size() && !result_.lone) json = text_[at_] == '"' ? string() : outside(text_[at_]);
    if (!json) return {};
    return std::move(result_);
  }

 private:
  void copy(std::size_t count) {
    result_.text += text_.substr(at_, count);
    at_ += count;
  }

  /// False, here and below: this is no JSON.
  bool outside(char letter) {
    constexpr std::string_view spaces = " \t\r\n", marks = "{}[],:";
    const bool literal = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || letter == 'E' || letter == '+' ||
                         letter == '-' || letter == '.';
    if (letter == ':' && last_ != '"') return false;  // `a: b` is YAML
    copy(1);
    if (spaces.find(letter) != std::string_view::npos) return true;
    last_ = letter;
    return literal || marks.find(letter) != std::string_view::npos;
  }

  bool string() {
    constexpr std::string_view before = "{[,:";
    if (last_ != '\0' && before.find(last_) == std::string_view::npos) return false;
    copy(1);
    std::size_t saved = 0;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\n' || text_[at_] == '\r') return false;
      if (text_[at_] != '\\') {
        copy(1);
        continue;
      }
      const auto unit = unit_at(text_, at_);
      if (!unit || (!is_first_half(*unit) && !is_second_half(*unit))) {
        copy(2);
        continue;
      }
      const auto second = unit_at(text_, at_ + escape_length);
      if (is_second_half(*unit) || !second || !is_second_half(*second)) {
        result_.lone = at_;
        return true;
      }
      result_.text += yaml_escape(0x10000 + ((*unit - 0xD800) << 10U) + (*second - 0xDC00));
      at_ += 2 * escape_length;
      saved += saved_by_pair;
    }
    if (at_ >= text_.size()) return false;
    copy(1);
    result_.text.append(saved, ' ');
    last_ = '"';
    return true;
  }

  std::string_view text_;
  JsonEscapes result_;
  std::size_t at_ = 0;
  char last_ = '\0';  ///< that is no space
};

}  // namespace

JsonEscapes json_escapes(std::string_view text) {
  if (!has_surrogate(text)) return {};
  return Rewriter(text).rewrite();
}

}  // namespace baton::formats
