#include "formats/scalars.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "formats/nearest.hpp"

namespace baton::formats {
namespace {

constexpr double amount_max = 9007199254740992;  // 2⁵³: beyond it a double skips integers
constexpr double duration_days_max = 3650;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::string_view without_sign(std::string_view text) {
  return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count;
}

/// Digits with at most one point and an exponent; at least one digit before or after the point.
bool is_decimal(std::string_view unsigned_text) {
  auto at = digits_at(unsigned_text, 0);
  std::size_t digits = at;
  if (at < unsigned_text.size() && unsigned_text[at] == '.') {
    const auto fraction = digits_at(unsigned_text, at + 1);
    digits += fraction;
    at += 1 + fraction;
  }
  if (digits == 0) return false;
  if (at < unsigned_text.size() && (unsigned_text[at] == 'e' || unsigned_text[at] == 'E')) {
    ++at;
    if (at < unsigned_text.size() && (unsigned_text[at] == '+' || unsigned_text[at] == '-')) ++at;
    const auto exponent = digits_at(unsigned_text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == unsigned_text.size();
}

bool is_one_of(std::string_view text, std::span<const std::string_view> words) {
  for (const auto word : words) {
    if (word == text) return true;
  }
  return false;
}

bool is_infinite(std::string_view text) {
  constexpr std::array<std::string_view, 3> infinite{".inf", ".Inf", ".INF"}, none{".nan", ".NaN", ".NAN"};
  return is_one_of(without_sign(text), infinite) || is_one_of(text, none);
}

/// `0x1F`, `0o17`: 16, 8; decimal: 10; not an integer: 0.
int base_of(std::string_view text) {
  const auto all = [](std::string_view digits, std::string_view of) {
    return !digits.empty() && digits.find_first_not_of(of) == std::string_view::npos;
  };
  if (text.starts_with("0x")) return all(text.substr(2), "0123456789abcdefABCDEF") ? 16 : 0;
  if (text.starts_with("0o")) return all(text.substr(2), "01234567") ? 8 : 0;
  return all(without_sign(text), "0123456789") ? 10 : 0;
}

/// Infinite where a double cannot hold it.
double number_from(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) {
    const auto exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && exponent + 1 < text.size() && text[exponent + 1] == '-';
    return tiny ? 0.0 : HUGE_VAL;
  }
  return number;
}

struct Quantity {
  double number = 0;
  std::string_view unit;
};

/// A number, then perhaps spaces, then letters.
std::optional<Quantity> quantity_from(std::string_view text) {
  auto end = text.size();
  while (end > 0 && is_letter(text[end - 1])) --end;
  const auto unit = text.substr(end);
  while (end > 0 && text[end - 1] == ' ') --end;
  if (!is_decimal(without_sign(text.substr(0, end)))) return std::nullopt;
  return Quantity{number_from(text.substr(0, end)), unit};
}

struct Unit {
  std::string_view name;
  double factor;
};

std::optional<double> factor_of(std::string_view unit, std::span<const Unit> units) {
  for (const auto& one : units) {
    if (one.name == unit) return one.factor;
  }
  return std::nullopt;
}

void complain_of_range(const YamlNode& node, const Subject& subject, std::string_view range, Complaints& bad) {
  bad.add("input.out_of_range", node.place,
          subject.text() + " must be " + std::string(range) + ", not " + std::string(node.text));
}

nlohmann::json integer_from(const YamlNode& node, Complaints& bad) {
  auto digits = std::string_view(node.text);
  const auto base = base_of(digits);
  if (base != 10) digits.remove_prefix(2);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto* end = digits.data() + digits.size();
  std::int64_t number = 0;
  if (std::from_chars(digits.data(), end, number, base).ec == std::errc()) return number;
  std::uint64_t large = 0;
  if (!digits.starts_with('-') && std::from_chars(digits.data(), end, large, base).ec == std::errc()) return large;
  bad.add("input.out_of_range", node.place, "the integer " + quote(node.text) + " needs more than 64 bits",
          "write it in quotes, as text");
  return 0;
}

bool has_leading_zero(std::string_view text) {
  const auto digits = without_sign(text);
  return digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]);
}

nlohmann::json scalar_json(const YamlNode& node, Complaints& bad) {
  const auto type = type_of(node);
  const bool numeric = type == ScalarType::integer || type == ScalarType::number;
  if (numeric && has_leading_zero(node.text)) {
    bad.add("input.bad_value", node.place, "the number " + quote(node.text) + " begins with a zero",
            "write it in quotes, as text, or without the zero");
    return 0;
  }
  switch (type) {
    case ScalarType::null: return nullptr;
    case ScalarType::boolean: return node.text[0] == 't' || node.text[0] == 'T';
    case ScalarType::integer: return integer_from(node, bad);
    case ScalarType::number: {
      const double number = is_infinite(node.text) ? HUGE_VAL : number_from(node.text);
      if (std::isfinite(number)) return number;
      bad.add("input.out_of_range", node.place, "the number " + quote(node.text) + " has no finite value",
              "write it in quotes, as text");
      return 0;
    }
    case ScalarType::text: return node.text;
  }
  return nullptr;
}

nlohmann::json json_of(const YamlNode& node, Complaints& bad) {
  if (node.is_scalar()) return scalar_json(node, bad);
  if (node.is_list()) {
    auto list = nlohmann::json::array();
    for (const auto* item : node.items) list.push_back(json_of(*item, bad));
    return list;
  }
  auto object = nlohmann::json::object();
  for (std::size_t i = 0; i < node.fields(); ++i) object[node.key(i).text] = json_of(node.value(i), bad);
  return object;
}

}  // namespace

ScalarType type_of(const YamlNode& scalar) {
  constexpr std::array<std::string_view, 5> nulls{"", "~", "null", "Null", "NULL"};
  constexpr std::array<std::string_view, 6> booleans{"true", "True", "TRUE", "false", "False", "FALSE"};
  const std::string_view text = scalar.text;
  if (!scalar.plain) return ScalarType::text;
  if (is_one_of(text, nulls)) return ScalarType::null;
  if (is_one_of(text, booleans)) return ScalarType::boolean;
  if (base_of(text) != 0) return ScalarType::integer;
  return is_decimal(without_sign(text)) || is_infinite(text) ? ScalarType::number : ScalarType::text;
}

std::string_view describe(const YamlNode& node) {
  if (node.is_list()) return "a list";
  if (node.is_object()) return "an object";
  constexpr std::array<std::string_view, 5> names{"nothing", "a boolean", "a number", "a number", "text"};
  return names[static_cast<std::size_t>(type_of(node))];
}

bool is_id(std::string_view text) {
  if (text.empty() || text.size() > 100 || !(is_letter(text[0]) || text[0] == '_')) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

std::string Subject::text() const {
  std::string text(what);
  if (!field.empty()) text.append(what.empty() ? "" : " ").append(quote(field));
  if (!owner.empty()) text.append(" of ").append(quote(owner));
  return text;
}

void complain_of_type(const YamlNode& node, const Subject& subject, std::string_view wanted, Complaints& bad,
                      std::string way_out) {
  if (bad.any()) return;
  bad.add("input.wrong_type", node.place,
          subject.text() + " must be " + std::string(wanted) + ", not " + std::string(describe(node)), std::move(way_out));
}

bool check_id(const YamlNode& key, std::string_view what, Complaints& bad) {
  if (is_id(key.text)) return true;
  bad.add("input.bad_id", key.place, quote(key.text) + " cannot be the name of a " + std::string(what),
          "a letter or _, then letters, digits, _ . and -, at most 100 in all");
  return false;
}

std::string text_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_scalar() || type_of(node) != ScalarType::text) {
    const bool scalar = node.is_scalar() && type_of(node) != ScalarType::null;
    complain_of_type(node, subject, "text", bad, scalar ? "write \"" + std::string(node.text) + "\", in quotes" : "");
  } else if (node.text.empty()) {
    bad.add("input.bad_value", node.place, subject.text() + " is empty");
  }
  return std::string(node.text);
}

std::string word_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_scalar() || type_of(node) == ScalarType::null) {
    complain_of_type(node, subject, "text", bad, node.is_scalar() ? "for an empty text write \"\"" : "");
  }
  return std::string(node.text);
}

bool boolean_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_scalar() || type_of(node) != ScalarType::boolean) {
    complain_of_type(node, subject, "true or false", bad);
    return false;
  }
  return node.text[0] == 't' || node.text[0] == 'T';
}

std::int32_t integer_of(const YamlNode& node, const Subject& subject, std::int32_t min, std::int32_t max, Complaints& bad) {
  if (!node.is_scalar() || type_of(node) != ScalarType::integer || base_of(node.text) != 10) {
    complain_of_type(node, subject, "a whole number", bad);
    return min;
  }
  const double number = number_from(node.text);
  if (number < min || number > max) {
    complain_of_range(node, subject, "from " + std::to_string(min) + " to " + std::to_string(max), bad);
    return min;
  }
  return static_cast<std::int32_t>(number);
}

double amount_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_scalar() || !node.plain || !is_decimal(without_sign(node.text))) {
    complain_of_type(node, subject, "a number", bad);
    return 0;
  }
  const double number = number_from(node.text);
  if (!(number >= 0 && number <= amount_max)) complain_of_range(node, subject, "from 0 to 2^53", bad);
  return number;
}

double size_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  constexpr std::array<Unit, 8> units{{{"", 1},
                                       {"B", 1},
                                       {"kB", 1e3},
                                       {"MB", 1e6},
                                       {"GB", 1e9},
                                       {"KiB", 1024},
                                       {"MiB", 1024.0 * 1024},
                                       {"GiB", 1024.0 * 1024 * 1024}}};
  const auto quantity = node.is_scalar() ? quantity_from(node.text) : std::nullopt;
  const auto factor = quantity ? factor_of(quantity->unit, units) : std::nullopt;
  if (!factor) {
    complain_of_type(node, subject, "a size", bad, "a size is a number and one of B kB MB GB KiB MiB GiB, as 512MiB");
    return 0;
  }
  const double bytes = std::round(quantity->number * *factor);
  if (!(bytes >= 0 && bytes <= amount_max)) complain_of_range(node, subject, "from 0 to 2^53 bytes", bad);
  return bytes;
}

core::Duration duration_of(const YamlNode& node, const Subject& subject, Complaints& bad) {
  constexpr std::array<Unit, 5> units{{{"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}}};  // in µs
  const auto quantity = node.is_scalar() ? quantity_from(node.text) : std::nullopt;
  const auto factor = quantity ? factor_of(quantity->unit, units) : std::nullopt;
  if (!factor) {
    const bool bare = quantity && quantity->unit.empty();
    complain_of_type(
        node, subject, "a duration", bad,
        bare ? "a number needs a unit: " + std::string(node.text) + "s" : "a duration is a number and one of ms s m h d, as 10m");
    return {};
  }
  const double micros = std::round(quantity->number * *factor);
  if (!(micros >= 0 && micros <= duration_days_max * 86400e6)) {
    complain_of_range(node, subject, "from 0s to 3650d", bad);
    return {};
  }
  return core::Duration(static_cast<std::int64_t>(micros));
}

core::Value value_of(const YamlNode& node, Complaints& bad) { return {json_of(node, bad).dump()}; }

}  // namespace baton::formats
