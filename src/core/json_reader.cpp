#include "core/json_reader.hpp"

namespace baton::core {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// Stands in a string for itself.
constexpr bool is_plain(char c) { return c >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\'; }
/// Without an early end, so that it is done for many characters at once.
bool are_plain(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain &= is_plain(c);
  return plain;
}
constexpr bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
constexpr bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

/// Bytes that a lead byte announces; 0: it is none. Overlong forms and what lies beyond U+10FFFF are excluded by the second byte.
constexpr std::size_t sequence_length(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

constexpr bool is_second_byte(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;  // surrogates
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return second >= 0x80 && second <= 0xBF;
  }
}

}  // namespace

char JsonReader::peek() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::at_end() {
  (void)peek();
  return at_ == text_.size();
}

bool JsonReader::take(char expected) {
  if (at_end() || text_[at_] != expected) return false;
  ++at_;
  return true;
}

bool JsonReader::take(std::string_view word) {
  (void)peek();
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

std::optional<std::string_view> JsonReader::plain_string() {
  if (peek() != '"') return std::nullopt;
  const auto end = text_.find('"', at_ + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const auto content = text_.substr(at_ + 1, end - at_ - 1);
  if (!are_plain(content)) return std::nullopt;
  at_ = end + 1;
  return content;
}

std::optional<std::string> JsonReader::string() {
  const auto begin = at_;
  if (const auto plain = plain_string()) return std::string(*plain);
  if (!take('"')) return std::nullopt;
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    bool good = true;
    if (is_plain(c)) {
      out += c;
      ++at_;
    } else if (c == '\\') {
      good = escape(out);
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      good = utf8_sequence(out);
    } else {
      good = false;
    }
    if (!good) break;
  }
  at_ = begin;
  return std::nullopt;
}

bool JsonReader::escape(std::string& out) {
  ++at_;
  if (at_ == text_.size()) return false;
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': break;
    default: return false;
  }
  const auto unit = four_hex_digits();
  if (!unit || is_low_surrogate(*unit)) return false;
  if (!is_high_surrogate(*unit)) {
    append_utf8(out, *unit);
    return true;
  }
  if (!text_.substr(at_).starts_with("\\u")) return false;
  at_ += 2;
  const auto low = four_hex_digits();
  if (!low || !is_low_surrogate(*low)) return false;
  append_utf8(out, 0x10000u + ((*unit - 0xD800u) << 10u) + (*low - 0xDC00u));
  return true;
}

std::optional<unsigned> JsonReader::four_hex_digits() {
  if (text_.size() - at_ < 4) return std::nullopt;
  unsigned unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[at_++];
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    unit = unit * 16 + digit;
  }
  return unit;
}

bool JsonReader::utf8_sequence(std::string& out) {
  const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(text_[at_ + i]); };
  const auto length = sequence_length(byte(0));
  if (length == 0 || text_.size() - at_ < length || !is_second_byte(byte(0), byte(1))) return false;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return false;
  }
  out += text_.substr(at_, length);
  at_ += length;
  return true;
}

std::size_t JsonReader::digits() {
  const auto begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ - begin;
}

std::optional<std::string_view> JsonReader::number() {
  (void)peek();
  const auto begin = at_;
  const auto none = [&]() -> std::optional<std::string_view> {
    at_ = begin;
    return std::nullopt;
  };
  const auto next_is = [this](char c) { return at_ < text_.size() && text_[at_] == c; };
  if (next_is('-')) ++at_;
  const bool zero = next_is('0');
  const auto whole = digits();
  if (whole == 0 || (zero && whole > 1)) return none();
  if (next_is('.')) {
    ++at_;
    if (digits() == 0) return none();
  }
  if (next_is('e') || next_is('E')) {
    ++at_;
    if (next_is('+') || next_is('-')) ++at_;
    if (digits() == 0) return none();
  }
  return text_.substr(begin, at_ - begin);
}

std::optional<std::string_view> JsonReader::value() {
  (void)peek();
  const auto begin = at_;
  if (skip_value(0)) return text_.substr(begin, at_ - begin);
  at_ = begin;
  return std::nullopt;
}

bool JsonReader::skip_value(int depth) {
  if (depth > json_depth_max) return false;
  switch (peek()) {
    case '"': return string().has_value();
    case '{': return skip_members(depth);
    case '[': return skip_elements(depth);
    case 't': return take("true");
    case 'f': return take("false");
    case 'n': return take("null");
    default: return number().has_value();
  }
}

bool JsonReader::skip_members(int depth) {
  if (!take('{')) return false;
  if (take('}')) return true;
  do {
    if (!string() || !take(':') || !skip_value(depth + 1)) return false;
  } while (take(','));
  return take('}');
}

bool JsonReader::skip_elements(int depth) {
  if (!take('[')) return false;
  if (take(']')) return true;
  do {
    if (!skip_value(depth + 1)) return false;
  } while (take(','));
  return take(']');
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace baton::core
