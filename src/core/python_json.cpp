#include "core/python_json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace baton::core {

namespace {

std::optional<std::string> dump_value(JsonReader& reader, int depth);

std::optional<std::string> dump_members(JsonReader& reader, int depth) {
  std::map<std::string, std::string> members;
  if (!reader.take('{')) return std::nullopt;
  if (reader.take('}')) return "{}";
  do {
    auto key = reader.string();
    if (!key || !reader.take(':')) return std::nullopt;
    auto value = dump_value(reader, depth + 1);
    if (!value) return std::nullopt;
    members.insert_or_assign(std::move(*key), std::move(*value));
  } while (reader.take(','));
  if (!reader.take('}')) return std::nullopt;
  return python_object(members);
}

std::optional<std::string> dump_elements(JsonReader& reader, int depth) {
  if (!reader.take('[')) return std::nullopt;
  if (reader.take(']')) return "[]";
  std::string out = "[";
  do {
    const auto value = dump_value(reader, depth + 1);
    if (!value) return std::nullopt;
    if (out.size() > 1) out += ", ";
    out += *value;
  } while (reader.take(','));
  if (!reader.take(']')) return std::nullopt;
  return out + "]";
}

std::optional<std::string> dump_number(JsonReader& reader) {
  if (reader.take("NaN")) return "NaN";
  if (reader.take("Infinity")) return "Infinity";
  if (reader.take("-Infinity")) return "-Infinity";
  const auto token = reader.number();
  if (!token) return std::nullopt;
  const bool whole = token->find_first_of(".eE") == std::string_view::npos;
  if (whole) return *token == "-0" ? "0" : std::string(*token);  // of any length: Python's integers have no end
  double value = 0;
  const auto [end, error] = std::from_chars(token->data(), token->data() + token->size(), value);
  // Out of range is infinity or zero; from_chars does not say which.
  if (error == std::errc::result_out_of_range) value = std::strtod(std::string(*token).c_str(), nullptr);
  return python_float(value);
}

std::optional<std::string> dump_value(JsonReader& reader, int depth) {
  if (depth > json_depth_max) return std::nullopt;
  switch (reader.peek()) {
    case '{': return dump_members(reader, depth);
    case '[': return dump_elements(reader, depth);
    case 't': return reader.take("true") ? std::optional<std::string>("true") : std::nullopt;
    case 'f': return reader.take("false") ? std::optional<std::string>("false") : std::nullopt;
    case 'n': return reader.take("null") ? std::optional<std::string>("null") : std::nullopt;
    case '"': {
      const auto text = reader.string();
      return text ? std::optional<std::string>(python_string(*text)) : std::nullopt;
    }
    default: return dump_number(reader);
  }
}

void append_unit(std::string& out, unsigned unit) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex[(unit >> static_cast<unsigned>(shift)) & 0xFu];
}

/// The code point that begins at `at`, which moves behind it. The text is valid UTF-8: JsonReader has seen to it.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&] { return static_cast<unsigned char>(text[at++]); };
  const char32_t lead = byte();
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  char32_t code_point = lead & (0x3Fu >> static_cast<unsigned>(more));
  for (int i = 0; i < more && at < text.size(); ++i) code_point = (code_point << 6) | (byte() & 0x3Fu);
  return code_point;
}

}  // namespace

std::optional<std::string> python_dump(JsonReader& reader) { return dump_value(reader, 0); }

std::optional<std::string> python_dump(std::string_view json) {
  JsonReader reader(json);
  auto text = dump_value(reader, 0);
  if (!text || !reader.at_end()) return std::nullopt;
  return text;
}

std::string python_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const auto code_point = next_code_point(text, at);
    switch (code_point) {
      case '"': out += "\\\""; continue;
      case '\\': out += "\\\\"; continue;
      case '\b': out += "\\b"; continue;
      case '\f': out += "\\f"; continue;
      case '\n': out += "\\n"; continue;
      case '\r': out += "\\r"; continue;
      case '\t': out += "\\t"; continue;
      default: break;
    }
    if (code_point >= 0x20 && code_point < 0x7F) {
      out += static_cast<char>(code_point);
    } else if (code_point < 0x10000) {
      append_unit(out, code_point);
    } else {
      append_unit(out, 0xD800u + ((code_point - 0x10000u) >> 10u));
      append_unit(out, 0xDC00u + ((code_point - 0x10000u) & 0x3FFu));
    }
  }
  return out + "\"";
}

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer.data(),
                        static_cast<std::size_t>(end - buffer.data()));  // the shortest that reads back: `-1.25e+02`
  const std::string sign = text.starts_with('-') ? "-" : "";
  text.remove_prefix(sign.size());
  const auto e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  std::string digits(text.substr(0, e));
  std::erase(digits, '.');
  if (exponent < -4 || exponent >= 16) {  // the bounds of Python's repr
    if (digits.size() > 1) digits.insert(1, ".");
    const auto size = std::to_string(std::abs(exponent));
    return sign + digits + (exponent < 0 ? "e-" : "e+") + (size.size() < 2 ? "0" : "") + size;
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto before_point = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= before_point) return sign + digits + std::string(before_point - digits.size(), '0') + ".0";
  return sign + digits.insert(before_point, ".");
}

std::string python_object(const std::map<std::string, std::string>& members) {
  std::string out = "{";
  for (const auto& [key, value] : members) {  // bytes of UTF-8 sort as code points do
    if (out.size() > 1) out += ", ";
    out += python_string(key) + ": " + value;
  }
  return out + "}";
}

}  // namespace baton::core
