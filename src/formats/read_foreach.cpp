#include "formats/read_foreach.hpp"

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "formats/fields.hpp"
#include "formats/read_ports.hpp"

namespace baton::formats {
namespace {

constexpr std::size_t variables_max = 8;
constexpr std::size_t value_bytes_max = 1000;
constexpr std::size_t values_max = 100'000;  // a step may not have more tasks

/// As a value stands in an id: a text without its quotes, all else as JSON.
std::string word_from(const core::Value& value) {
  return value.json.starts_with('"') ? nlohmann::json::parse(value.json).get<std::string>() : value.json;
}

void too_many(core::Place place, const Subject& subject, Complaints& bad) {
  bad.add("input.too_many_tasks", place, subject.text() + " has more than " + std::to_string(values_max) + " values");
}

/// Words for the values, each once. `place(i)` is where the i-th value stands.
template <class PlaceOf>
std::shared_ptr<const Values> with_words(std::vector<core::Value> values, const Subject& subject, PlaceOf place,
                                         Complaints& bad) {
  auto list = std::make_shared<Values>();
  list->values = std::move(values);
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < list->values.size() && !bad.any(); ++i) {
    const auto& value = list->values[i];
    list->words.push_back(word_from(value));
    const auto& word = list->words.back();
    if (value.json.size() > value_bytes_max) {
      bad.add("input.bad_value", place(i),
              "a value of " + subject.text() + " is longer than " + std::to_string(value_bytes_max) + " bytes",
              "it becomes part of a name; put what is long into a file or a parameter");
    }
    for (const char c : word) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) continue;
      bad.add("input.bad_value", place(i), "the value " + quote(word) + " of " + subject.text() + " holds a control character",
              "it becomes part of a name");
    }
    if (!seen.insert(word).second) {
      bad.add("input.duplicate", place(i), subject.text() + " has the value " + quote(word) + " twice",
              "each value names a task");
    }
  }
  return list;
}

std::shared_ptr<const Values> from_list(const YamlNode& node, const Subject& subject, Complaints& bad) {
  std::vector<core::Value> values;
  if (node.items.size() > values_max) too_many(node.place, subject, bad);
  for (std::size_t i = 0; i < node.items.size() && !bad.any(); ++i) values.push_back(value_of(*node.items[i], bad));
  return with_words(std::move(values), subject, [&](std::size_t i) { return node.items[i]->place; }, bad);
}

std::shared_ptr<const Values> from_param(const YamlNode& node, const Subject& subject, const Params& params, Complaints& bad) {
  const auto name = text_of(node, subject, bad);
  const auto* param = bad.any() ? nullptr : find_param(name, node.place, name, subject.text(), params, bad);
  if (param == nullptr) return nullptr;
  if (param->list) return param->list;
  const auto json = nlohmann::json::parse(param->value.json);
  if (!json.is_array()) {
    bad.add("input.wrong_type", node.place, subject.text() + " runs over the parameter " + quote(name) + ", which is not a list",
            name + " is " + (param->value.json.size() > 60 ? "a " + std::string(json.type_name()) : param->value.json));
    return nullptr;
  }
  if (json.size() > values_max) too_many(node.place, subject, bad);
  std::vector<core::Value> values;
  for (std::size_t i = 0; i < json.size() && !bad.any(); ++i) values.push_back({json[i].dump()});
  param->list = with_words(std::move(values), subject, [&](std::size_t) { return node.place; }, bad);
  return param->list;
}

/// A decimal as an integer and the number of its decimals, so that steps of 0.1 add up to what a person expects.
struct Decimal {
  std::int64_t digits = 0;
  int decimals = 0;
  bool integer = true;  ///< written without a point
};

std::optional<Decimal> decimal_from(std::string_view text) {
  constexpr std::int64_t digits_max = 1'000'000'000'000'000;  // three of them add without overflow, also after scaling
  Decimal decimal;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::size_t seen = 0;
  for (const char c : text) {
    if (c == '.' && decimal.integer) {
      decimal.integer = false;
      continue;
    }
    if (c < '0' || c > '9' || decimal.digits >= digits_max / 10) return std::nullopt;
    decimal.digits = decimal.digits * 10 + (c - '0');
    decimal.decimals += decimal.integer ? 0 : 1;
    ++seen;
  }
  if (seen == 0) return std::nullopt;
  if (negative) decimal.digits = -decimal.digits;
  return decimal;
}

bool scale_to(Decimal& decimal, int decimals) {
  constexpr std::int64_t digits_max = 1'000'000'000'000'000;
  for (; decimal.decimals < decimals; ++decimal.decimals) {
    if (std::abs(decimal.digits) > digits_max / 10) return false;
    decimal.digits *= 10;
  }
  return true;
}

core::Value value_from(std::int64_t digits, int decimals, bool integer) {
  if (integer) return {std::to_string(digits)};
  const auto text = std::to_string(digits) + "e-" + std::to_string(decimals);
  return {nlohmann::json(std::strtod(text.c_str(), nullptr)).dump()};
}

/// first, last and step, of one scale; step is 1 where it is left out.
std::optional<std::array<Decimal, 3>> range_from(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_list() || node.items.size() < 2 || node.items.size() > 3) {
    complain_of_type(node, subject, "a range [first, last, step]", bad);
    return std::nullopt;
  }
  std::array<Decimal, 3> numbers{Decimal{}, Decimal{}, Decimal{1, 0, true}};
  int decimals = 0;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const auto& item = *node.items[i];
    const auto number = item.is_scalar() && item.plain ? decimal_from(item.text) : std::nullopt;
    if (!number) {
      complain_of_type(item, subject, "a range of numbers with at most 15 digits", bad);
      return std::nullopt;
    }
    numbers[i] = *number;
    decimals = std::max(decimals, number->decimals);
  }
  for (auto& number : numbers) {
    if (scale_to(number, decimals)) continue;
    bad.add("input.out_of_range", node.place, "the numbers of the range of " + subject.text() + " are too far apart");
    return std::nullopt;
  }
  return numbers;
}

std::shared_ptr<const Values> from_range(const YamlNode& node, const Subject& subject, Complaints& bad) {
  const auto numbers = range_from(node, subject, bad);
  if (!numbers) return nullptr;
  const auto& [first, last, step] = *numbers;
  const bool integer = first.integer && last.integer && step.integer;
  if (step.digits == 0) {
    bad.add("input.out_of_range", node.place, "the range of " + subject.text() + " has the step 0", "it would never end");
    return nullptr;
  }
  std::vector<core::Value> values;
  const auto span = (last.digits - first.digits) / step.digits;
  const bool backwards = (last.digits - first.digits != 0) && ((last.digits > first.digits) != (step.digits > 0));
  if (!backwards && span >= static_cast<std::int64_t>(values_max)) too_many(node.place, subject, bad);
  for (std::int64_t i = 0; !backwards && i <= span && !bad.any(); ++i) {
    values.push_back(value_from(first.digits + i * step.digits, first.decimals, integer));
  }
  return with_words(std::move(values), subject, [&](std::size_t) { return node.place; }, bad);
}

std::shared_ptr<const Values> read_values(const YamlNode& node, const Subject& subject, const Params& params, Complaints& bad) {
  if (node.is_list()) return from_list(node, subject, bad);
  if (!node.is_object()) {
    complain_of_type(node, subject, "a list, {param: NAME} or {range: [first, last, step]}", bad);
    return nullptr;
  }
  const std::array<std::string_view, 2> known{"param", "range"};
  for (std::size_t i = 0; i < node.fields(); ++i) {
    const auto& key = node.key(i).text;
    if (key != "param" && key != "range") complain_of_field(node.key(i), subject, known, bad);
  }
  if (!bad.any() && node.fields() != 1) {
    bad.add("input.bad_value", node.place, subject.text() + " must have either 'param' or 'range'");
  }
  if (bad.any()) return nullptr;
  return node.key(0).text == "param" ? from_param(node.value(0), subject, params, bad) : from_range(node.value(0), subject, bad);
}

}  // namespace

std::vector<Variable> read_foreach(const YamlNode& node, std::string_view owner, const Params& params, Complaints& bad) {
  std::vector<Variable> variables;
  if (!is_object(node, {"foreach", owner}, "an object of variables", bad)) return variables;
  if (node.fields() > variables_max) {
    bad.add("input.too_big", node.place,
            "'foreach' of " + quote(owner) + " has more than " + std::to_string(variables_max) + " variables");
  }
  if (node.fields() == 0)
    bad.add("input.bad_value", node.place, "'foreach' of " + quote(owner) + " has no variable", "leave it out");
  for (std::size_t i = 0; i < node.fields() && !bad.any(); ++i) {
    const auto& key = node.key(i);
    if (!check_id(key, "variable", bad)) break;
    auto values = read_values(node.value(i), {key.text, owner}, params, bad);
    if (values) variables.push_back({std::string(key.text), std::move(values), key.place});
  }
  return variables;
}

}  // namespace baton::formats
